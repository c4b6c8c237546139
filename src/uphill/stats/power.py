"""Power of a study before it is run: the smallest difference that it would find, and what another margin would take.

What is not known before is assumed: see `Assumed`. Source: the variances of `random_effects`, as they are
on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from uphill.stats.random_effects import FEWEST_BOOTS, Spread

MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class Assumed:
    """What a study is taken to find, and how its answers vary.

    Attributes:
        accuracy: of the conditions compared, as a fraction.
        paired: correlation of two conditions' answers to the same item.
        same: correlation of two boots' answers to the same item, beyond their common ease.
        draws_sd: standard deviation of the boots' accuracies, as a fraction.
    """

    accuracy: float = 0.7
    paired: float = 0.5
    same: float = 0.7
    draws_sd: float = 0.04


@dataclass(frozen=True)
class Design:
    """How many items and training draws stand behind a difference.

    Attributes:
        items: of the test level; with folds, of all folds together.
        boots: training draws of each trained side.
        trained: how many of the two sides are trained.
        folds: whether each boot tests items of its own.
    """

    items: int
    boots: int
    trained: int
    folds: bool = False


def expected_spread(design: Design, assumed: Assumed) -> Spread:
    """The variance that such a study is expected to have."""
    one = assumed.accuracy * (1.0 - assumed.accuracy)
    boots, draws = design.boots, design.trained * assumed.draws_sd**2 / design.boots
    if design.folds and boots > 1:
        own = 2.0 * one * (1.0 - assumed.paired) / design.items
        return Spread(0.0, design.items - 1.0, own + draws, boots - 1.0, boots)
    # What an item's answers have in common stays however many boots there are; the rest is averaged out.
    noise = one * (1.0 - assumed.same)
    sides = design.trained / boots + (2 - design.trained)
    variance = 2.0 * one * (assumed.same - assumed.paired) + noise * sides
    df = design.trained * (boots - 1.0) if boots > 1 else math.nan
    return Spread(variance / design.items, design.items - 1.0, draws if boots > 1 else 0.0, df, boots)


def detectable(design: Design, assumed: Assumed, alpha: float) -> float:
    """The smallest difference that such a study would find in four of five cases; NaN where it makes no test."""
    return expected_spread(design, assumed).detectable(alpha)


def items_for(difference: float, design: Design, assumed: Assumed, alpha: float) -> int | None:
    """How many test items would find a difference with as many boots; None where no number of items would.

    Raises ValueError for a difference that is not above 0.
    """
    if difference <= 0.0:
        raise ValueError(f"difference must be above 0, got {difference}")

    def enough(items: int) -> bool:
        other = Design(items, design.boots, design.trained, design.folds)
        return detectable(other, assumed, alpha) <= difference  # NaN is not

    if design.boots < FEWEST_BOOTS or not enough(MOST_ITEMS):
        return None
    low, high = 2, MOST_ITEMS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
