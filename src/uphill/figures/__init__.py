"""Plots of tables: one module a figure, named after its table, each with `draw(table)`."""
