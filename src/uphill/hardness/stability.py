"""Whether a scale of difficulty is the items' own, or that of the few models that happened to answer them.

Models are resampled as whole rows. Relatives, such as fine-tunes of one base, answer alike: resampled one by one they
would make a scale look firmer than it is, so that families are resampled as one.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from uphill.hardness.bins import number_of_bin
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, Answers
from uphill.randomness import Key, keyed_rng

FloatArray = NDArray[np.float64]
HALVINGS = 20
"""Halvings of the models that `agreement_of_halves` is the mean over."""


def refits(
    answers: Answers,
    difficulty: Callable[[Answers], FloatArray],
    draws: int,
    *key: Key,
    families: Sequence[str] | None = None,
) -> Iterator[FloatArray]:
    """[I] difficulties by each of `draws` resamples of the models; NaN of an item that a resample did not ask.

    Args:
        answers: [J, I] models by items.
        difficulty: what fits a matrix.
        draws: how many.
        key: of the resamples.
        families: [J] names; models of one are drawn together. None: each is one of its own.

    Raises:
        ValueError: there is one family, or not a name for each model.
    """
    members = _members(len(answers), families)
    for draw in range(draws):
        resample = _resample(answers, members, draw, *key)
        yield np.where((resample != MISSING).any(0), difficulty(resample), np.nan)


def _members(models: int, families: Sequence[str] | None) -> list[NDArray[np.intp]]:
    """The models of each family."""
    if families is None:
        return list(np.arange(models)[:, None])
    if len(families) != models or len(set(families)) < 2:
        raise ValueError(f"expected a family for each of {models} models, and two or more, got {families}")
    names = np.array(families)
    return [np.flatnonzero(names == name) for name in dict.fromkeys(families)]


def _resample(answers: Answers, members: Sequence[NDArray[np.intp]], draw: int, *key: Key) -> Answers:
    """As many families as there are, with replacement; again where all answers are alike, which no fit can read."""
    rng = keyed_rng("stability", *key, draw)
    while True:
        drawn = rng.integers(len(members), size=len(members))
        found = answers[np.concatenate([members[family] for family in drawn])]
        if (found == RIGHT).any() and (found == WRONG).any():
            return found


def moved(
    values: pd.Series, fits: Sequence[FloatArray], pool: pd.Index, bins: int, variable: str, seed: int
) -> pd.DataFrame:
    """Of each item, `moved`: the share of refits in which it is in another bin, and `far`: in one that is no neighbour.

    Items that a refit did not ask have no bin there; one that no refit asked has no share.

    Args:
        values: difficulty by item_id.
        fits: [I] of each refit, in the order of `values`.
        pool: the items that bins are cut from.
        bins: how many.
        variable: by it and the seed ties fall as in the table of levels, so that no tie alone moves an item.
        seed: the run's.
    """
    own = number_of_bin(values, pool, bins, variable, seed).to_numpy()
    apart = np.full((len(fits), len(values)), np.nan)
    for row, fitted in enumerate(fits):
        known = pd.Series(fitted, values.index).dropna()
        number = number_of_bin(known, pool.intersection(known.index, sort=False), bins, variable, seed)
        apart[row, ~np.isnan(fitted)] = np.abs(number.to_numpy() - own[~np.isnan(fitted)])
    asked = (~np.isnan(apart)).sum(0)
    shares = {
        name: (apart >= least).sum(0) / np.where(asked, asked, np.nan) for name, least in (("moved", 1), ("far", 2))
    }
    return pd.DataFrame(shares, values.index)


def agreement_of_halves(answers: Answers, *key: Key) -> float:
    """Rank correlation of how often the two halves of the models answer each item rightly: the mean of `HALVINGS`.

    NaN where no halving has answers of both halves that differ between items.

    Args:
        answers: [J, I] models by items.
        key: of the halvings.
    """
    found = [_correlation(*_halves(answers, draw, *key)) for draw in range(HALVINGS)]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _halves(answers: Answers, draw: int, *key: Key) -> list[FloatArray]:
    order = keyed_rng("halves", *key, draw).permutation(len(answers))
    return [_share_right(answers[part]) for part in np.array_split(order, 2)]


def _share_right(answers: Answers) -> FloatArray:
    """[I] share of the models asked that are right; NaN where none was asked."""
    asked = (answers != MISSING).sum(0)
    return (answers == RIGHT).sum(0) / np.where(asked, asked, np.nan)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    both = ~(np.isnan(first) | np.isnan(second))
    differ = both.any() and np.ptp(first[both]) > 0 and np.ptp(second[both]) > 0
    return float(spearmanr(first[both], second[both]).statistic) if differ else np.nan


def chance_agreement(items: int) -> float:
    """The most that such a correlation is by chance, 39 times of 40, where items differ in nothing (Fisher's z)."""
    return float(np.tanh(1.96 / np.sqrt(max(items - 3, 1))))
