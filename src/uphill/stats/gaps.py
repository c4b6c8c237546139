"""How far training carries: what is gained by the distance between the level trained on and the level tested.

A cell (i, j) is trained on level i and tests level j; its width is j - i. What it is held against is the cell (j, j),
trained on the very level that is tested, of the same test items. A mean over cells of one width is held against the
mean of theirs, so that wide gaps, which have the hardest items alone, are not compared with narrow ones of others.

Sources: Kordi et al. 2025 (the grid and its diagonals); Hase et al. 2024 (the ratio); the widths and windows are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import COVERAGE, FloatArray
from uphill.stats.equivalence import Verdict, not_worse, one_sided
from uphill.stats.estimates import OF_DIFFERENCES, Difference, summarised
from uphill.stats.grid import BoolArray, Cells, contrast, gaps
from uphill.stats.readings import only_if
from uphill.stats.recovery import RatioSet, allowed


@dataclass(frozen=True)
class Carried:
    """What some cells gain, held against training on the tested levels themselves.

    Attributes:
        gain: the mean gain of the cells over no supervision.
        own: the same of the cells on the diagonal that test the same items.
        short: own - gain.
        ratio: gain / own; NaN where `ratios` is no interval.
        ratios: all that the data allow.
        as_good_p: one-sided, against their being worse than the diagonal by the margin or more.
        as_good: whether they are as good within the margin; a yes only where they are seen to gain.
        cells: how many.
    """

    gain: Difference
    own: Difference
    short: Difference
    ratio: float
    ratios: RatioSet
    as_good_p: float
    as_good: Verdict
    cells: int


def carried(grid: Cells, chosen: BoolArray, margin: float, coverage: float = COVERAGE) -> Carried | None:
    """The chosen cells that are known, and whose tested level is known when trained on; None where there are none.

    `chosen` is [K, K]. Raises ValueError where it has a cell of the diagonal, which is what is held against.
    """
    if np.diag(chosen).any():
        raise ValueError("chosen: expected cells off the diagonal")
    known = chosen & _comparable(grid)
    count = int(known.sum())
    if not count:
        return None
    of_gain, of_own = known / count, np.diag(known.sum(axis=0) / count)
    (gain, by_gain), (own, by_own) = contrast(grid, of_gain), contrast(grid, of_own)
    short, by_short = contrast(grid, of_own - of_gain)
    ratios = allowed(gain, own, by_gain, by_own, by_short, 1.0 - coverage)
    p_value, verdict = not_worse(by_short, short, margin)
    return Carried(
        summarised(gain, by_gain, coverage),
        summarised(own, by_own, coverage),
        summarised(short, by_short, coverage),
        gain / own if ratios.kind == "interval" else math.nan,
        ratios,
        p_value,
        only_if(one_sided(by_gain, gain), verdict),
        count,
    )


def by_width(grid: Cells, harder: bool = False, coverage: float = COVERAGE) -> Difference | None:
    """By how much the gain changes with each level that is trained on further below the level tested; None if unknown.

    A least-squares slope over all known cells from the diagonal on, within test levels: each test level has a height
    of its own, as hard items gain more or less than easy ones whatever is trained on. `harder` is of cells that are
    trained on harder levels than they test.
    """
    width = gaps(len(grid.point)) * (-1 if harder else 1)
    tested = np.broadcast_to(np.arange(len(width)), width.shape)
    weights = _slope(width, tested, (width >= 0) & ~np.isnan(grid.point))
    return None if weights is None else summarised(*contrast(grid, weights), coverage)


def by_position(grid: Cells, coverage: float = COVERAGE) -> Difference | None:
    """By how much what easier training falls short changes with each level that the window is moved up; None likewise.

    The same slope, of what the cells above are short of the diagonal by, within widths.
    """
    width, places = gaps(len(grid.point)), np.arange(len(grid.point))
    middle = (places[:, None] + places[None, :]) / 2
    weights = _slope(middle, width, (width > 0) & _comparable(grid))
    if weights is None:
        return None
    return summarised(*contrast(grid, np.diag(weights.sum(axis=0)) - weights), coverage, OF_DIFFERENCES)


def _comparable(grid: Cells) -> BoolArray:
    known: BoolArray = ~np.isnan(grid.point) & ~np.isnan(np.diag(grid.point))[None, :]
    return known


def _slope(x: npt.NDArray[Any], group: npt.NDArray[Any], chosen: BoolArray) -> FloatArray | None:
    """Weights of a least-squares slope on `x` with a height for each group; None where no group has two of `x`."""
    centred = np.zeros(x.shape)
    for one in np.unique(group[chosen]):
        own = chosen & (group == one)
        centred[own] = x[own] - x[own].mean()
    total = float((centred**2).sum())
    return centred / total if total > 0.0 else None
