"""Any set of questions with choices as true or false: is this the right answer? (Burns et al. 2023, appendix A.1)."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from uphill.errors import UphillError
from uphill.randomness import keyed_rng

CHOICES = ("false", "true")
ASKED = "{question}\nProposed answer: {answer}"


def even(row: Mapping[str, Any]) -> float:  # noqa: ARG001 - one rate for all
    """The rate of a fair coin."""
    return 0.5


def as_binary(
    rows: pd.DataFrame, name: str, seed: int, where: str, share: Callable[[Mapping[str, Any]], float] = even
) -> pd.DataFrame:
    """Each question with one of its choices, the right one or one of the others by the toss of a coin.

    The coin, and which other, are drawn by the item's own key, so that no item's label hangs on which others there are
    or on their order; about half are true. Reasoning leads to the right answer and not to whether the shown one is, so
    there is none. Metadata stay.

    Args:
        rows: checked rows of a source, in any order.
        name: the dataset's name, part of each key.
        seed: the run's seed.
        where: how error messages name the rows.
        share: how often an item is true, by its row.

    Raises:
        UphillError: an item has no choices.
    """
    shown, labels = [], []
    for row in rows.to_dict("records"):
        choices = list(row["choices"])
        if not choices:
            raise UphillError(f"{where}: item {row['item_id']!r} has no choices, expected some, to ask if one is right")
        rng = keyed_rng("binary", name, row["item_id"], seed)
        is_true, place = bool(rng.random() < share(row)), int(rng.integers(len(choices) - 1))
        wrong = [choice for index, choice in enumerate(choices) if index != row["answer_idx"]]
        answer = choices[row["answer_idx"]] if is_true else wrong[place]
        shown.append(ASKED.format(question=row["question"], answer=answer))
        labels.append(int(is_true))
    return rows.assign(
        question=shown,
        choices=[list(CHOICES)] * len(rows),
        answer_idx=labels,
        answer_text=[CHOICES[label] for label in labels],
        reasoning="",
    )
