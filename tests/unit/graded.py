"""Predictions as graders judge them, for tests of what methods say."""

from typing import Any

import pandas as pd

from uphill.grading.grade import OF_SCORES, OF_TEXTS
from uphill.grading.stage import grades, item
from uphill.schemas.predictions import PREDICTIONS

MADE = {
    **dict.fromkeys(
        ("method", "model", "dataset", "experiment", "variable", "train_dataset", "train_on", "prompt"), "x"
    ),
    "labels": "gold",
    **dict.fromkeys(("boot", "n_train", "k", "dropped"), 0),
    **{"noise_p": 0.0, "cot": False},
}


def graded(frame: pd.DataFrame, items: pd.DataFrame, grader: str | None = None, **settings: Any) -> pd.DataFrame:
    """Grades of a frame that a method predicts, in its order, by the grader of a dataset that names none."""
    own = {name: value for name, value in MADE.items() if name not in frame}
    table = PREDICTIONS.to_arrow(frame.assign(**own)[PREDICTIONS.schema.names], "test")
    rows = items.astype(object).where(items.notna(), None).to_dict("index")
    known = {str(name): item(row) for name, row in rows.items()}
    kind = grader or (OF_SCORES if frame["text"].isna().all() else OF_TEXTS)
    return grades(table, known, {"grader": kind, "settings": settings, "dataset": "x"}).to_pandas()
