"""Grades: a prediction a row, graded."""

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
            "f1": FLOAT,
            "ended": BOOL,
            "grader": TEXT,
        },
        nullable=["p_gold", "f1", "ended"],
    ),
    key=ANSWER,
)
