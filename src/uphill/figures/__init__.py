"""Figures of tables: one module an experiment, which says what its figures show, and in `plots` how they are drawn.

Nothing here but `plots` loads a library that draws.
"""
