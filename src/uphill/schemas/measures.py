"""Hardness measures: an item's value of one variable a row."""

from uphill.schemas.contract import FLOAT, TEXT, Contract, columns

RELIABILITY = "reliability"
"""A further column: the split-half reliability of a scale, the same in each row, by Spearman and Brown."""
MEASURE = Contract(
    "hardness measure",
    columns({"item_id": TEXT, "variable": TEXT, "value": FLOAT, "kind": TEXT}),
    key=("item_id", "variable"),
    extra=True,  # how far to trust a value
)
