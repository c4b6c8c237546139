"""Labels: what an item is trained with a row, instead of its right answer or equal to it."""

import pyarrow as pa

from uphill.schemas.contract import FLOAT, INT, TEXT, Contract, columns

UNSURE = "unsure"
LABELS = Contract(
    "labels",
    columns(
        {
            "item_id": TEXT,
            "answer_idx": INT,
            "answer_text": TEXT,
            "reasoning": TEXT,
            "text": TEXT,  # what a text model is to write; null: what the dataset's prompt makes of the two above
            "soft": pa.list_(FLOAT),  # probability of each choice; null: the label is one choice
            "origin": TEXT,  # gold: the right answer; weak: a model's; unsure: likewise, and nobody is taught it
        },
        nullable=["answer_idx", "text", "soft"],
    ),
    key=("item_id",),
)
