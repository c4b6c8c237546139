"""Plots of tables: one module a way to draw, each with `plot(table, levels, ...)`; `inputs` reads what they draw."""
