"""Plots of tables: one module a way to draw, each with `draw(table, ...)`; `inputs` reads what they draw.

Which figure is drawn by which module, from which table, is in uphill/workflow/stages/figures.py.
"""
