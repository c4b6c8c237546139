"""The study's question answered in words: is easy data as good as hard data, within the margin?"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from uphill.stats.random_effects import FEWEST_BOOTS

ANSWERS = {"yes": "yes", "no": "no", "cannot tell": "the data cannot tell"}


def verdicts(sgr: pd.DataFrame) -> Iterator[str]:
    """A sentence a row of the table of SGR: what was asked, the answer, and the difference that it rests on.

    Args:
        sgr: `tables/sgr.csv`.
    """
    for row in sgr.to_dict("records"):
        yield f"{_asked(row)}: {ANSWERS[row['as_good']]}{_why(row)}."


def _asked(row: dict[Any, Any]) -> str:
    other = "" if row["train_dataset"] == row["dataset"] else f", easy data of {row['train_dataset']}"
    own = f" (a scale of the tested {row['circular']} itself)" if row["circular"] else ""
    return f"{row['dataset']} by {row['variable']}{own}, {row['method']} with {row['model']}{other}"


def _why(row: dict[Any, Any]) -> str:
    behind, low, high = (round(100 * row[f"hard_easy{end}"], 1) + 0.0 for end in ("", "_low", "_high"))
    said = f" (hard - easy {behind:+.1f} points, from {low:+.1f} to {high:+.1f}"
    if row["as_good"] == "yes":
        return f"{said}{_of_what(row)})"
    if row["as_good"] == "no":
        return f"{said})"
    if row["boots"] < FEWEST_BOOTS:
        return f"{said}; {row['boots']} training draws, expected {FEWEST_BOOTS} or more)"
    return f"{said}; such a study sees {100 * row['hard_easy_mde']:.0f} points or more)"


def _of_what(row: dict[Any, Any]) -> str:
    """What a yes is worth: easy data is easily as good as hard data where neither is better than none."""
    low = {level: row[f"{level}_unsupervised_low"] for level in ("easy", "hard")}
    unsure = [level for level, gain in low.items() if pd.notna(gain) and gain <= 0]
    if len(unsure) == len(low):
        return "; neither is clearly better than no supervision"
    return f"; {unsure[0]} data is not clearly better than no supervision" if unsure else ""


def question(sgr: pd.DataFrame) -> str:
    """The question that `verdicts` answers, with its margin."""
    return f"Is easy data as good as hard data on hard items, within {100 * sgr['margin'].iloc[0]:g} points?"
