"""How hard an item is: one module per measure, found by its name, and levels cut from values.

A measure module defines `Settings`, `READS_RESPONSES`, `variables(name, settings, dataset)` (which variables it gives a
dataset; none where it does not apply) and `measure(name, settings, data)`, a row for each item and variable. Larger
values are harder.
"""
