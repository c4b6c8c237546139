"""Hardness: an item's value and level of each variable a row."""

from uphill.schemas.contract import FLOAT, TEXT, Contract, columns

HARDNESS = Contract(
    "hardness",
    columns({"item_id": TEXT, "variable": TEXT, "value": FLOAT, "level": TEXT, "kind": TEXT}),
    key=("item_id", "variable"),
)
