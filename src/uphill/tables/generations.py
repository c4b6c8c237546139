"""What models wrote, a row a generation: how much, whether it ended, whether an answer was found, and whether right."""

import pandas as pd

from uphill.stats.conditions import condition
from uphill.stats.estimates import accuracy_interval

TITLE = "Texts that models wrote"
CAPTION = (
    "A row a generation. `tokens` are those of a text, the mean; `cut_rate` is the share of texts that the token limit "
    "cut off, `parse_rate` that in which an answer was found, `accuracy` that which is right, one without an answer "
    "being wrong. In brackets, an interval over items. Of texts that answer no question there are neither."
)
TOLD = ("dataset", "pool", "model", "ask", "temperature", "n")
"""What a generation's entry says of it."""


def generation_row(name: str, entry: dict[str, object], texts: pd.DataFrame, coverage: float) -> dict[str, object]:
    """The row of one generation.

    Args:
        name: its name.
        entry: what its entry says, by the names of `TOLD`.
        texts: rows of the generations contract; with `status` and `correct` of their grades, if it has any.
        coverage: of the interval.

    Returns:
        `generation`, `TOLD`; `items`; `texts`; `tokens`, written in a text on average; `cut_rate`; and where texts are
        graded `parse_rate` and `accuracy` with its interval, `low` and `high`, in which an item's texts stand together.
    """
    row = {
        "generation": name,
        **{key: entry[key] for key in TOLD},
        "items": texts["item_id"].nunique(),
        "texts": len(texts),
        "tokens": texts["n_tokens"].mean(),
        "cut_rate": 1 - texts["ended"].astype(float).mean(),
    }
    if "correct" not in texts or texts.empty:
        return row
    right = texts["correct"].to_numpy(dtype=float)[:, None]
    found = accuracy_interval(condition(right, trained=False, clusters=texts["item_id"].to_numpy(str)), coverage)
    parsed = {"parse_rate": (texts["status"] == "ok").mean()}
    return {**row, **parsed, "accuracy": found.point, "low": found.low, "high": found.high}
