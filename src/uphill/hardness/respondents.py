"""A panel of respondents: their answers as rows of an answer matrix, and how much each of them tells of the items."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binom

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.hardness.answer_matrix import Answered, AnswerMatrix
from uphill.hardness.item_checks import item_rest
from uphill.hardness.item_response import MISSING, RIGHT, Calibration

BY_CHANCE = 0.025
"""A respondent whose answers a guesser equals or betters more often than this is at chance."""


def by_choice(respondent: str, items: pd.DataFrame, responses: ResponseTable) -> Iterator[Answered]:
    """What a model chooses of its own accord: the likeliest choice by the zero-shot pass.

    Args:
        respondent: how the matrix calls it.
        items: the item table, indexed by item_id, or some of it.
        responses: the pass over them.

    Raises:
        UphillError: an item has no right choice, or no response.
    """
    unset = items.index[items["answer_idx"].isna()]
    if len(unset):
        raise UphillError(f"{respondent!r}: item {unset[0]!r} has no right choice, expected choices to answer by")
    rows = responses.rows([str(item) for item in items.index])
    best = responses.logprob[rows].argmax(1)
    right = best == items["answer_idx"].to_numpy(dtype=np.int64)
    for item, correct in zip(items.index, right.tolist(), strict=True):
        yield Answered(respondent, str(item), correct)


def by_grades(respondent: str, grades: pd.DataFrame, unread: bool = False) -> Iterator[Answered]:
    """What one cell answered, by its grades.

    Args:
        respondent: how the matrix calls it.
        grades: rows of the grades contract, of one cell: each item once.
        unread: whether an answer that was not found is missing; else it is wrong, as in tables.
    """
    for row in grades[["item_id", "correct", "status"]].itertuples(index=False):
        missing = unread and row.status != "ok"
        yield Answered(respondent, str(row.item_id), None if missing else bool(row.correct))


def describe(matrix: AnswerMatrix, found: Calibration, n_choices: Sequence[int] | None = None) -> pd.DataFrame:
    """A row a respondent: respondent, n_answers, accuracy, chance, p_chance, at_chance, ability, information, rest.

    `ability` is in standard deviations of the panel's. `information` is that of an answer of it, on average, about its
    ability (Fisher's, an inverse variance), and about the item's difficulty, of which both models know the difference
    alone. `p_chance` is the probability that a guesser has as many answers right or
    more (the sum of items' own chances, as a binomial of their mean). `rest` is the correlation of its answers with the
    share of the others that got an item right: about 0, it finds other items hard than they do.

    Args:
        matrix: who answered what.
        found: its calibration.
        n_choices: [I] choices of each item; None where answers are written, and a guesser has none right.

    Raises:
        ValueError: `n_choices` is not one number a matrix item, 1 or more.
    """
    chances = _chances(matrix, n_choices)
    answered = matrix.answers != MISSING
    counts = answered.sum(1)
    asked = np.where(counts, counts, np.nan)
    right = (matrix.answers == RIGHT).sum(1)
    chance = (answered * chances).sum(1) / asked
    p_right = expit(found.slope * (found.ability[:, None] - found.difficulty))
    information = (answered * found.slope**2 * p_right * (1 - p_right)).sum(1) / asked
    # Of nobody who answers nothing is it known.
    p_chance = np.where(counts > 0, binom.sf(right - 1, counts, np.nan_to_num(chance)), np.nan)
    return pd.DataFrame(
        {
            "respondent": matrix.models,
            "n_answers": counts,
            "accuracy": right / asked,
            "chance": chance,
            "p_chance": p_chance,
            "at_chance": ~(p_chance <= BY_CHANCE),
            "ability": found.ability,
            "information": information,
            "rest": item_rest(matrix.answers.T),
        }
    )


def _chances(matrix: AnswerMatrix, n_choices: Sequence[int] | None) -> NDArray[np.float64]:
    if n_choices is None:
        return np.zeros(len(matrix.item_ids))
    choices = np.asarray(n_choices, dtype=np.float64)
    if choices.shape != (len(matrix.item_ids),) or not (choices >= 1).all():
        raise ValueError(f"n_choices: expected a number, 1 or more, for each of {len(matrix.item_ids)} items")
    return np.asarray(1 / choices)
