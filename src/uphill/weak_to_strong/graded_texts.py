"""Texts with what their grades say of them, joined by item and number."""

from collections.abc import Sequence

import pandas as pd

from uphill.errors import UphillError

KEY = ["item_id", "sample"]


def graded(texts: pd.DataFrame, grades: pd.DataFrame, columns: Sequence[str] = ("parsed", "correct")) -> pd.DataFrame:
    """Rows of the generations contract with columns of their grades, by item and number.

    Args:
        texts: some texts, in any order.
        grades: those of all texts, in any order.
        columns: what is taken of the grades.

    Raises:
        UphillError: a text has no grade.
    """
    found = texts.merge(grades[[*KEY, *columns]], on=KEY, how="left", validate="one_to_one", indicator=True)
    missing = found.loc[found["_merge"] != "both", KEY]
    if len(missing):
        item_id, sample = missing.iloc[0]
        raise UphillError(f"item {item_id!r}: text {sample} has no grade, expected one of each text")
    found = found.drop(columns="_merge").sort_values(KEY, ignore_index=True)
    return found.astype({"correct": bool}) if "correct" in columns else found
