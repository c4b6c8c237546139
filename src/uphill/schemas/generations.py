"""Generations: a text that a model wrote a row, several for an item; and their grades, a row each."""

from uphill.schemas.contract import BOOL, FLOAT, INT, TEXT, Contract, columns

GENERATIONS = Contract(
    "generations",
    columns(
        {
            "item_id": TEXT,
            "sample": INT,  # 0 to n - 1
            "text": TEXT,
            "n_tokens": INT,  # that were written
            "n_prompt_tokens": INT,
            "ended": BOOL,  # False where the token limit cut it off
        }
    ),
    key=("item_id", "sample"),
)
TEXT_GRADES = Contract(
    "grades of generations",
    columns(
        {
            "item_id": TEXT,
            "sample": INT,
            "status": TEXT,
            "parsed": TEXT,
            "correct": BOOL,
            "f1": FLOAT,
            "ended": BOOL,
            "grader": TEXT,
        },
        nullable=["f1"],
    ),
    key=("item_id", "sample"),
)
