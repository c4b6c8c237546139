"""How alike the directions are that linear probes find on two levels, held against two draws of one level.

A direction that is fitted to few items is noisy, so that even two draws of one level are at an angle. What says that
two levels have one direction is that theirs are as alike as those. Each draw of a level is cut in halves that share no
item, and probes of all halves have as many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from uphill.stats.bootstrap import COVERAGE, FloatArray
from uphill.stats.estimates import check_coverage
from uphill.stats.random_effects import FEWEST_BOOTS
from uphill.stats.recovery import fieller


@dataclass(frozen=True)
class Angles:
    """Cosines between directions of two levels, means over draws.

    Attributes:
        across: between halves of different levels; four pairs a draw.
        same: between the halves of one level; two pairs a draw.
        alike: `across` over `same`: 1 where a level's direction is the other's, whatever the noise; NaN where fewer
            than three draws were made, or `same` is no more than chance.
        low, high: its interval over draws (Fieller); NaN where the draws bound no such interval.
        chance: below which the cosine of two random directions lies, at the coverage.
    """

    across: float
    same: float
    alike: float
    low: float
    high: float
    chance: float


def angles(a: FloatArray, b: FloatArray, coverage: float = COVERAGE) -> Angles:
    """How alike the directions of two levels are.

    `a` and `b` are [draws, 2, features]: of each draw of a level, the directions of its halves.

    Raises ValueError for other shapes, a direction of length 0, or a coverage outside (0, 1).
    """
    check_coverage(coverage)
    if a.shape != b.shape or a.ndim != 3 or a.shape[1] != 2:
        raise ValueError(f"expected [draws, 2, features] twice, got {a.shape} and {b.shape}")
    first, second = _unit(a), _unit(b)
    across = (first @ second.swapaxes(1, 2)).mean(axis=(1, 2))
    same = ((first[:, 0] * first[:, 1]).sum(1) + (second[:, 0] * second[:, 1]).sum(1)) / 2.0
    chance = chance_cosine(a.shape[2], coverage)
    ratio, low, high = _ratio(across, same, coverage) if same.mean() > chance else (math.nan,) * 3
    return Angles(float(across.mean()), float(same.mean()), ratio, low, high, chance)


def chance_cosine(features: int, coverage: float = COVERAGE) -> float:
    """The size that the cosine of two random directions stays below, in `coverage` of all pairs.

    The square of a random direction's coordinate is of a beta distribution, of 1/2 and (features - 1)/2.
    """
    if features == 1:
        return 1.0
    return math.sqrt(float(scipy.special.betaincinv(0.5, (features - 1) / 2.0, coverage)))


def _unit(directions: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(directions, axis=2, keepdims=True)
    if not (lengths > 0.0).all():
        raise ValueError("a direction has length 0, expected none")
    unit: FloatArray = directions / lengths
    return unit


def _ratio(across: FloatArray, same: FloatArray, coverage: float) -> tuple[float, float, float]:
    """Mean over mean, with the bounds of Fieller's set where it is an interval."""
    draws = len(across)
    if draws < FEWEST_BOOTS:
        return (math.nan,) * 3
    square = float(scipy.special.stdtrit(draws - 1, (1.0 + coverage) / 2.0)) ** 2
    covariance = np.cov(across, same) / draws * square
    a, b = float(across.mean()), float(same.mean())
    found = fieller(a, b, covariance[0, 0], covariance[1, 1], covariance[0, 1])
    bounded = found.kind == "interval"
    return a / b, found.low if bounded else math.nan, found.high if bounded else math.nan
