"""Items and respondents that spoil a scale: items that stronger models get wrong, respondents that are copies.

Sources: classical test theory for the item-rest correlation and the Spearman-Brown correction of split halves.
"""

from collections.abc import Iterator, Sequence
from math import erf, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.hardness.item_response import MISSING, RIGHT, Answers

FloatArray = NDArray[np.float64]
ALIKE = 0.98
"""Agreement beyond chance (Cohen's kappa) from which two respondents are called copies."""
FEWEST_COMMON = 30
"""Items that two respondents must both have answered before they are compared."""
MOST_COMPARED = 2000
"""More respondents than this are not compared with one another: the table of pairs would not fit."""


def item_rest(answers: Answers) -> FloatArray:
    """[I] correlation of an item's answers with the share of the other items that each model got right.

    Below 0 it is got wrong by those who know the rest: its key may be wrong, or its question broken. NaN of an item, or
    of models, that are all alike. `answers` is [J, I], models by items.
    """
    asked = answers != MISSING
    right = ((answers == RIGHT) & asked).astype(np.float64)
    others = asked.sum(1, keepdims=True) - asked
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = np.where(asked & (others > 0), (right.sum(1, keepdims=True) - right) / others, np.nan)
        own = np.where(asked, right, np.nan)
        count = (~np.isnan(rest)).sum(0)
        own, rest = (each - np.nansum(each, axis=0) / count for each in (np.where(np.isnan(rest), np.nan, own), rest))
        spread = np.sqrt(np.nansum(own**2, axis=0) * np.nansum(rest**2, axis=0))
        return np.asarray(np.where(spread > 1e-12, np.nansum(own * rest, axis=0) / spread, np.nan))


def copies(answers: Answers, models: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """Pairs of respondents whose answers agree by `ALIKE` or more beyond chance, with that agreement.

    Copies, or models that differ in nothing that their answers show, count as several where they are one: standard
    errors come out too small.

    Args:
        answers: [J, I], models by items.
        models: [J] names.
    """
    if len(models) > MOST_COMPARED:
        return
    right, wrong = ((answers == value).astype(np.float32) for value in (RIGHT, 1 - RIGHT))
    asked = right + wrong
    both = asked @ asked.T
    agree = right @ right.T + wrong @ wrong.T
    # Of the items that both answered, how many the one got right: then what they would agree on by chance.
    first, second = right @ asked.T, asked @ right.T
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = (first * second + (both - first) * (both - second)) / both**2
        kappa = (agree / both - chance) / (1.0 - chance)
    for i, j in np.argwhere(np.triu((kappa >= ALIKE) & (both >= FEWEST_COMMON), 1)):
        yield models[i], models[j], float(kappa[i, j])


def reliability(agreement: float) -> float:
    """Reliability of all models together from the agreement of their halves (Spearman-Brown)."""
    return 2 * agreement / (1 + agreement) if agreement > -1 else float("nan")


def certainty(difficulty: pd.Series, error: pd.Series, number: pd.Series) -> pd.Series:
    """Probability that an item is of its bin, from its difficulty's standard error; NaN where that is not known.

    Borders lie halfway between the last difficulty of a bin and the first of the next.

    Args:
        difficulty, error: by item_id, in the same unit.
        number: of the bin of each.
    """
    ends = difficulty.groupby(number.to_numpy()).agg(["min", "max"]).sort_index()
    borders = (ends["max"].to_numpy()[:-1] + ends["min"].to_numpy()[1:]) / 2
    low, high = np.r_[-np.inf, borders], np.r_[borders, np.inf]
    place = ends.index.get_indexer(number)
    value, spread = difficulty.to_numpy(), error.to_numpy()
    return pd.Series(
        [
            _below(above, mean, sd) - _below(below, mean, sd)
            for below, above, mean, sd in zip(low[place], high[place], value, spread, strict=True)
        ],
        index=difficulty.index,
    )


def _below(border: float, mean: float, sd: float) -> float:
    """Probability that a normal number is below a border."""
    if np.isinf(border):
        return float(border > 0)
    if not sd > 0:
        return float(border > mean) if sd == 0 else float("nan")
    return 0.5 * (1 + erf((border - mean) / sd / sqrt(2)))
