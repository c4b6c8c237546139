"""Grades: a prediction a row, graded."""

import pyarrow as pa

from uphill.schemas.contract import BOOL, FLOAT, TEXT, Contract, columns
from uphill.schemas.predictions import ANSWER, CONDITION

GRADES = Contract(
    "grades",
    columns(
        {
            **CONDITION,
            "item_id": TEXT,
            "status": TEXT,
            "parsed": TEXT,
            "correct": BOOL,
            "p_gold": FLOAT,
            "shares": pa.list_(FLOAT),  # probabilities of the choices, of which p_gold is one; null for a text
            "f1": FLOAT,
            "ended": BOOL,
            "grader": TEXT,
            "also": pa.list_(pa.struct([("name", TEXT), ("correct", BOOL)])),  # by each further grader that reads it
        },
        nullable=["p_gold", "shares", "f1", "ended", "also"],
    ),
    key=ANSWER,
)
