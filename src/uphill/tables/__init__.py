"""Reductions of graded predictions to tidy CSV tables: one row a cell, every row traceable to its grades."""
