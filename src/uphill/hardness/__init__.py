"""How hard an item is: one module per measure, found by its name, and levels cut from values.

A measure module defines `Settings`, `RUNS_MODEL` and `READS_RESPONSES` (what it needs beside the items),
`variables(name, settings, dataset)` (which variables it gives a dataset; none where it does not apply) and
`measure(name, settings, data)`, a row for each item and variable. Larger values are harder. A measure that needs
a model is made once for each hardness model; the hardness table holds the mean over them.
"""
