"""Raw rows to the item table: one module per kind of source, found by its name.

`interface.DatasetSource` is what a module defines.
"""
