"""Ways to use supervision: one module each, found by its name, one interface.

`interface.Method` is what a module defines, `context` what it is given. Modules import torch and transformers inside
functions, since reading the config imports the module.
"""
