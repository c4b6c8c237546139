"""Raw rows to the item table: one module per kind of source, found by its name.

A source module defines `Settings` (a pydantic model of its config entry) and `load(settings)`, which returns a data
frame with the columns item_id, question, choices, answer_idx, answer_text, reasoning and any metadata of its own.
Settings may say `files` (local files that are read), `generative` (answers are written) and `remote` (rows come over
the network, so nothing can be known of them before the items job has run).
"""
