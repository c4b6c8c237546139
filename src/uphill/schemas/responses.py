"""Responses: an item's choice a row, scored in one zero-shot pass."""

import pyarrow as pa

from uphill.schemas.contract import FLOAT, INT, TEXT, Contract, columns

RESPONSES = Contract(
    "responses",
    columns(
        {
            "item_id": TEXT,
            "choice_idx": INT,
            "logprob": FLOAT,
            "n_tokens": INT,
            "n_chars": INT,
            "state": pa.list_(pa.float16()),
        }
    ),
    key=("item_id", "choice_idx"),
    vector="state",
)
