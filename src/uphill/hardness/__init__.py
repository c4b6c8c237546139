"""How hard an item is: one module per measure, found by its name, and levels cut from values.

`interface.Measure` is what a module defines, `data` what it may read.
"""
