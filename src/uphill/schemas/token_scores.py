"""Token scores: a text of an item a row, with the log-probability of each of its tokens under a model."""

import pyarrow as pa

from uphill.schemas.contract import FLOAT, TEXT, Contract, columns

TOKEN_SCORES = Contract(
    "token scores",
    columns(
        {
            "item_id": TEXT,
            "text": TEXT,  # the column of the items that it is
            "logprob": FLOAT,  # of the whole text, as it was scored
            # Of each token; the name that Parquet gives elements, so that what is read back is as what is new.
            "tokens": pa.list_(pa.field("element", pa.float32())),
        }
    ),
    key=("item_id", "text"),
)
