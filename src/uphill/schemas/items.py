"""Items: a question a row, with its gold answer and its pool."""

import pyarrow as pa

from uphill.schemas.contract import INT, TEXT, Contract, columns

ITEMS = Contract(
    "items",
    columns(
        {
            "item_id": TEXT,
            "question": TEXT,
            "choices": pa.list_(TEXT),
            "answer_idx": INT,
            "answer_text": TEXT,
            "reasoning": TEXT,
            "pool": TEXT,
        },
        nullable=["answer_idx"],
    ),
    key=("item_id",),
    extra=True,
)
