"""Splits: a training or test item of a train level and boot a row."""

from uphill.schemas.contract import FLOAT, INT, TEXT, Contract, columns

SPLITS = Contract(
    "splits",
    columns(
        {
            "train_on": TEXT,
            "boot": INT,
            "item_id": TEXT,
            "role": TEXT,
            "rank": INT,
            "noise_draw": FLOAT,
            "level": TEXT,
            "value": FLOAT,
        },
        nullable=["noise_draw", "value"],
    ),
    key=("train_on", "boot", "role", "item_id"),
)
