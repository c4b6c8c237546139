"""The only room that touches a model: load, score, extract, generate, adapt.

Import the module you need: each loads torch, some transformers and peft, which takes seconds.
"""
