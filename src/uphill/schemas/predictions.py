"""Predictions: what a method says of a test item a row, raw."""

from collections.abc import Mapping

import pyarrow as pa

from uphill.schemas.contract import BOOL, FLOAT, INT, TEXT, Contract, columns

CONDITION: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("method", "model", "dataset", "experiment", "variable", "train_dataset", "train_on"), TEXT),
    **dict.fromkeys(("boot", "n_train"), INT),
    "noise_p": FLOAT,
    "k": INT,
    "cot": BOOL,
    "prompt": TEXT,
    "dropped": INT,
    "labels": TEXT,
}
"""Columns that say what an answer was trained on, and how it was asked for."""
ANSWER = ("experiment", "variable", "train_dataset", "train_on", "boot", "n_train", "noise_p", "labels", "item_id")
"""Columns that name an answer."""
PREDICTIONS = Contract(
    "predictions",
    columns(
        {
            **CONDITION,
            "item_id": TEXT,
            "scores": pa.list_(FLOAT),  # of each choice: a log-probability (nats), summed over its tokens if by a model
            "text": TEXT,
            "n_tokens": pa.list_(INT),  # of each choice, none where scores are no sums over tokens; of a text, its own
            "ended": BOOL,  # false where the token limit cut a text off
        },
        nullable=["scores", "text", "ended"],
    ),
    key=ANSWER,
)
