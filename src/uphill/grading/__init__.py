"""Graders: a model's raw output for an item in, a grade out. No model, no GPU.

One module a grader, found by name; `grade.Grader` is what a module defines.
"""
