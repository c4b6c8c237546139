"""Accuracies and differences between them, with intervals over test items and training draws.

Sources: Korn and Graubard 1998 (an exact binomial interval of as many independent answers as the variance is worth);
`random_effects` for the variances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import scipy

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition, same_items, tested_cells
from uphill.stats.random_effects import Part, Spread, part, spread

OF_DIFFERENCES = 2.0
"""The most that a difference between differences of accuracies can be."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class Accuracy:
    """An accuracy with its interval, as fractions.

    Attributes:
        boots_sd: standard deviation of the boots' accuracies; NaN for one boot.
        df: degrees of freedom of the training draws: boots - 1; NaN where they do not vary, or are not known to.
    """

    point: float
    low: float
    high: float
    boots_sd: float
    df: float


@dataclass(frozen=True)
class Difference:
    """accuracy(b) - accuracy(a) with its interval and two-sided p-value; fractions, not percent.

    `p_value` and `detectable` are NaN where a side is trained and has fewer than three boots. `detectable` is the
    difference that a test at this coverage would find in four of five such studies.
    """

    point: float
    low: float
    high: float
    p_value: float
    detectable: float


def accuracy_interval(found: Condition, coverage: float = COVERAGE) -> Accuracy:
    """Accuracy of a condition, with an interval over items and training draws that holds at 0 and 1 too.

    The interval is the exact binomial one of the number of independent answers that would have the same half width;
    where all answers agree, of one answer an item (or cluster). With one boot of a trained condition it speaks of that
    one training set alone.

    Raises ValueError for a coverage outside (0, 1).
    """
    check_coverage(coverage)
    own = part(found)
    own_spread = spread([own])
    means = own.known().means
    point = found.accuracy
    low, high = _exact(point, own_spread, own, int(tested_cells(found.correct).sum()), coverage)
    boots_sd = float(means.std(ddof=1)) if means.size > 1 else math.nan
    return Accuracy(point, low, high, boots_sd, means.size - 1.0 if means.size > 1 else math.nan)


def difference(a: Condition, b: Condition, coverage: float = COVERAGE) -> Difference:
    """accuracy(b) - accuracy(a) of two conditions on the same items, with interval and two-sided p-value.

    Items are paired. Training draws of the two are independent of one another, but where each boot has items of its
    own, as folds have, boots are paired too.

    Raises ValueError for other numbers of items, or a coverage outside (0, 1).
    """
    check_coverage(coverage)
    return summarised(b.accuracy - a.accuracy, spread(difference_parts(a, b)), coverage)


def difference_parts(a: Condition, b: Condition) -> list[Part]:
    """accuracy(b) - accuracy(a) as parts for `spread`. Raises ValueError for other numbers of items."""
    same_items(a=len(a.correct), b=len(b.correct))
    # What no training enters has one boot, compared with each of the other on what that one tested. A single training
    # draw is no such thing: it stays a part of its own, of which no test can be made.
    if a.boots == 1 and not a.trained and b.boots > 1:
        return [part(b).minus(part(a, like=tested_cells(b.correct)))]
    if b.boots == 1 and not b.trained and a.boots > 1:
        return [part(a).minus(part(b, like=tested_cells(a.correct))).times(-1.0)]
    first, second = part(a), part(b)
    if a.boots == b.boots == 1 or (first.nested and _same_tests(a, b)):
        return [second.minus(first)]
    return [second, first.times(-1.0)]


def summarised(point: float, found: Spread, coverage: float = COVERAGE, most: float = 1.0) -> Difference:
    """A difference between accuracies, or a mean of such, with what its variance says of it.

    `most` is the largest that it can be, either way: where its interval is cut. Raises ValueError where it is larger.
    """
    if abs(point) > most + ROUNDING:
        raise ValueError(f"a difference is {point}, expected at most {most}")
    alpha = 1.0 - coverage
    half = found.half_width(alpha)
    low, high = max(-most, point - half), min(most, point + half)
    return Difference(point, low, high, found.p_value(point), found.detectable(alpha))


def check_coverage(coverage: float) -> None:
    """Raise ValueError unless `coverage` lies strictly between 0 and 1."""
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage must lie strictly between 0 and 1, got {coverage}")


def _same_tests(a: Condition, b: Condition) -> bool:
    return bool(np.array_equal(tested_cells(a.correct), tested_cells(b.correct)))


def _exact(point: float, found: Spread, own: Part, answers: int, coverage: float) -> tuple[float, float]:
    alpha = 1.0 - coverage
    normal = NormalDist().inv_cdf(1.0 - alpha / 2.0)
    units = int(own.asked.sum())
    variance, half = point * (1.0 - point), found.half_width(alpha)
    if math.isinf(half):
        return 0.0, 1.0
    worth = units if variance == 0.0 else min(variance * (normal / half) ** 2, answers)
    right = worth * point
    low = float(scipy.special.betaincinv(right, worth - right + 1.0, alpha / 2.0)) if right > 0.0 else 0.0
    wrong = worth - right
    high = float(scipy.special.betaincinv(right + 1.0, wrong, 1.0 - alpha / 2.0)) if wrong > 0.0 else 1.0
    # With fewer than one answer's worth the exact interval can end a hair inside the point.
    return min(low, point), max(high, point)
