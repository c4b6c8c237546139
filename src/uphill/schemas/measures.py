"""Hardness measures: an item's value of one variable a row."""

from uphill.schemas.contract import FLOAT, TEXT, Contract, columns

MEASURE = Contract(
    "hardness measure",
    columns({"item_id": TEXT, "variable": TEXT, "value": FLOAT, "kind": TEXT}),
    key=("item_id", "variable"),
    extra=True,  # how far to trust a value
)
