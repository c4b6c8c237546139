"""Items as they are taught: with labels of a file instead of their right answers, joined by id."""

from typing import Any

import pandas as pd

from uphill.errors import UphillError
from uphill.schemas.labels import UNSURE

MASS = 1e-6
"""By how much probabilities may miss 1: what rounding in float64 cannot reach."""


def sure(drawn: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Those of some drawn items, rows with `item_id`, whose labels are not unsure; one without a label stays.

    Args:
        drawn: rows of the splits contract, in any order, which they keep.
        labels: rows of the labels contract, indexed by item_id.
    """
    unsure = labels.index[labels["origin"] == UNSURE]
    return drawn[~drawn["item_id"].isin(unsure)]


def taught(items: pd.DataFrame, labels: pd.DataFrame, name: str) -> pd.DataFrame:
    """Items with the labels of a file instead of their own answers, and with probabilities in `soft` if it has some.

    Args:
        items: N items, indexed by item_id, in any order.
        labels: rows of the labels contract, indexed by item_id, in any order.
        name: of the labels, for messages.

    Raises:
        UphillError: an item has no label, or one that is none of its choices.
    """
    missing = items.index.difference(labels.index)
    if len(missing):
        raise UphillError(f"labels.{name}: item {missing[0]!r} has no label, expected one of each training item")
    own = labels.loc[items.index]
    for item_id, choices, index, soft in zip(
        items.index, items["choices"], own["answer_idx"], own["soft"], strict=True
    ):
        _check(f"labels.{name}: item {item_id!r}", len(choices), index, soft)
    changed = items.assign(
        answer_idx=pd.array(own["answer_idx"].to_numpy(), dtype="Int64"),
        answer_text=own["answer_text"].to_numpy(),
        reasoning=own["reasoning"].to_numpy(),
    )
    none = own["soft"].isna()
    if none.any() and not none.all():
        raise UphillError(
            f"labels.{name}: item {none.idxmax()!r} has no soft label, expected one of every item or of none"
        )
    return changed if none.all() else changed.assign(soft=own["soft"].to_numpy())


def _check(where: str, choices: int, index: Any, soft: Any) -> None:
    if choices and not (not pd.isna(index) and 0 <= index < choices):
        raise UphillError(f"{where} has the label {index}, expected one of its {choices} choices, from 0 on")
    if soft is None:
        return
    if len(soft) != choices or min(soft) < 0 or not abs(sum(soft) - 1) < MASS:
        raise UphillError(f"{where} has the soft label {list(soft)}, expected {choices} probabilities that add up to 1")
