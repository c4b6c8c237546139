"""Ways to use supervision: one module each, found by its name, one interface.

A method module defines
    Settings              a pydantic model of its config entry; its n_train and k mean what they say, and its cot that
                          answers are written: they are graded as texts, and all others by the scores of choices
    RUNS_MODEL            whether its jobs load the language model
    READS_RESPONSES       whether its jobs read the zero-shot responses
    misfit(settings, generative)        why it cannot be used on such a dataset, or None
    cells(context, settings)               the cells to make
    predict(context, settings, cells)      an iterator of (cell, raw predictions), made by `chosen` or `written`
See `uphill.methods.context` for what these are. Modules import torch and transformers inside functions, since reading
the config imports the module.
"""
