"""A grid of gains, K bins trained on by K bins tested, and what it says in a few numbers.

Sources: Kordi et al. 2025 (the grid and its diagonals); Burns et al. 2023 and Hase et al. 2024 ask of it what easy data
does for hard items. A mean of cells is a sum of paired differences, of the same items in all train bins and of the same
training draws in all test bins, and has its interval from their variance (`random_effects`). What has no variance in
closed form, the best bin and the number of cells that lose, is taken from a bootstrap that resamples the items of each
test bin and the boots of each train bin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import (
    COVERAGE,
    DRAWS,
    FloatArray,
    check_settings,
    percentile_interval,
    resample_counts,
)
from uphill.stats.conditions import Condition, same_items, tested_cells
from uphill.stats.estimates import Difference, summarised
from uphill.stats.published import accuracy_draws, mean_of_means
from uphill.stats.random_effects import Part, Spread, part, spread

BASELINE = "baseline"
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """Gains of accuracy over the baseline, as fractions; row i was trained on bin i, column j tests bin j.

    Attributes:
        point: [K, K]; NaN where nothing was tested.
        parts: [K][K] each cell's gain in each boot.
    """

    point: FloatArray
    parts: Sequence[Sequence[Part]]


@dataclass(frozen=True)
class GainGrid:
    """`Cells`, with `draws`: [D, K, K] of the bootstrap; NaN where a draw hit no tested item."""

    point: FloatArray
    draws: FloatArray
    parts: Sequence[Sequence[Part]]


@dataclass(frozen=True)
class Summary:
    """A statistic of some cells with its interval and p-value against 0, NaN where it has none; how many cells."""

    point: float
    low: float
    high: float
    p_value: float
    cells: int


@dataclass(frozen=True)
class Best:
    """The train bin with the largest gain on a test bin.

    Attributes:
        bin: its number; of equal gains that of the nearest bin, then of the easier one.
        low, high: the interval of that number over the draws.
        share: of the draws in which it is the best.
        gain: its gain. The best of several is the better for being chosen: read it with `share`.
    """

    bin: int
    low: int
    high: int
    share: float
    gain: Difference


def gain_grid(
    trained: Sequence[Condition],
    baseline: Condition,
    bins: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> GainGrid:
    """The gains of every cell, and their bootstrap draws.

    `trained` are K conditions, one a train bin, of the same items in the same order; `baseline` is another, with one
    boot, and `bins` [items] are the items' own bins, 0 to K - 1. With folds a boot tests its fold alone. A cell's draws
    hang on `rng`'s state and the numbers of its two bins alone.

    Raises ValueError for fewer than two bins, a bin without items, or other numbers of them.
    """
    check_settings(draws, COVERAGE)
    matrices = {**{str(i): one.correct for i, one in enumerate(trained)}, BASELINE: baseline.correct}
    same_items(**{name: len(matrix) for name, matrix in matrices.items()})
    own = _checked_bins(bins, len(matrices) - 1, len(matrices[BASELINE]))
    key = rng.integers(2**32, size=4)
    boots = {
        name: resample_counts(np.random.default_rng([*key, *_place(name)]), matrix.shape[1], draws)
        for name, matrix in matrices.items()
    }
    size = len(matrices) - 1
    found = gain_cells(trained, baseline, own)
    sample = np.empty((draws, size, size))
    for column in range(size):
        tested = {name: matrix[own == column] for name, matrix in matrices.items()}
        drawn = accuracy_draws(tested, boots, np.random.default_rng([*key, 1, column]), draws)
        for row in range(size):
            sample[:, row, column] = drawn[str(row)] - drawn[BASELINE]
    return GainGrid(found.point, sample, found.parts)


def gain_cells(trained: Sequence[Condition], baseline: Condition, bins: npt.ArrayLike) -> Cells:
    """The gains of every cell; what is given, and what is refused, is as for `gain_grid`."""
    same_items(baseline=len(baseline.correct), **{str(i): len(one.correct) for i, one in enumerate(trained)})
    own = _checked_bins(bins, len(trained), len(baseline.correct))
    members = [own == column for column in range(len(trained))]
    before = [_accuracy(baseline.correct[items]) for items in members]
    point = [
        [_accuracy(one.correct[items]) - none for items, none in zip(members, before, strict=True)] for one in trained
    ]
    return Cells(np.array(point), [[_gain(one, baseline, items) for items in members] for one in trained])


def contrast(grid: Cells | GainGrid, weights: FloatArray) -> tuple[float, Spread]:
    """A weighted sum of cells, which has its variance: of the weights that are not 0, [K, K]; NaN where one is unknown.

    Cells of a row are of the same training draws and those of a column of the same items; folds pair the rows too.
    """
    chosen = weights != 0.0
    rows = [
        _sum([grid.parts[i][int(j)].times(float(weights[i, j])) for j in np.flatnonzero(chosen[i])])
        for i in _rows(chosen)
    ]
    # Folds are the same for every train bin, so that their boots are paired; other boots are draws of their own.
    found = spread([_sum(rows)] if all(one.nested for one in rows) else rows)
    return float((weights[chosen] * grid.point[chosen]).sum()), found


def _gain(trained: Condition, baseline: Condition, items: BoolArray) -> Part:
    own = part(trained, items)
    if baseline.boots > 1:
        raise ValueError(f"baseline: expected one boot, that answers every item, got {baseline.boots}")
    return own.minus(part(baseline, like=tested_cells(trained.of(items))))


def _place(name: str) -> tuple[int, int]:
    """The end of the key of a matrix's boots; items have (1, bin)."""
    return (2, 0) if name == BASELINE else (0, int(name))


def _checked_bins(bins: npt.ArrayLike, size: int, items: int) -> npt.NDArray[np.int64]:
    own = np.asarray(bins)
    if size < 2:
        raise ValueError(f"expected two bins or more, got {size}")
    if own.shape != (items,) or not np.issubdtype(own.dtype, np.integer):
        raise ValueError(f"bins: expected a whole number for each of {items} items, got {own.dtype} {own.shape}")
    found = np.unique(own)
    if not np.array_equal(found, np.arange(size)):
        raise ValueError(f"bins: expected items of each of 0 to {size - 1}, got {found.tolist()}")
    return own.astype(np.int64)


def _accuracy(matrix: FloatArray) -> float:
    """As `accuracy`, NaN where nothing was tested."""
    right, tested = np.nansum(matrix, axis=0)[None], tested_cells(matrix).sum(axis=0, dtype=np.float64)[None]
    return float(mean_of_means(right, tested, np.ones_like(right))[0])


# -- summaries -------------------------------------------------------------------------------------------------------


def mean_gain(grid: Cells | GainGrid, cells: BoolArray, coverage: float = COVERAGE) -> Summary:
    """Mean gain of the cells that are chosen and known; NaN of none.

    `cells` is [K, K]. Raises ValueError for another shape.
    """
    known = _known(grid, cells)
    count = int(known.sum())
    if not count:
        return Summary(math.nan, math.nan, math.nan, math.nan, 0)
    point, found = contrast(grid, np.where(known, 1.0 / count, 0.0))
    said = summarised(point, found, coverage)
    return Summary(point, said.low, said.high, said.p_value, count)


def share_negative(grid: GainGrid, cells: BoolArray, coverage: float = COVERAGE) -> Summary:
    """Share of the chosen and known cells whose gain is below 0, by more than rounding; percentile interval."""
    known = _known(grid, cells)
    # A cell that was never tested is in no draw; one that was may be missing from a few.
    point, sample = _negative(grid.point[known]), _negative(grid.draws[:, known])
    found = percentile_interval(float(point), sample, coverage)
    return Summary(found.point, found.low, found.high, math.nan, int(known.sum()))


def _negative(gains: FloatArray) -> FloatArray:
    """Share of what is known that is below 0, over the last axis; NaN of nothing."""
    known = ~np.isnan(gains)
    count = known.sum(-1)
    return np.asarray((np.round(gains, 12) < 0).sum(-1) / np.where(count, count, np.nan), dtype=np.float64)


def _known(grid: Cells | GainGrid, cells: BoolArray) -> BoolArray:
    if cells.shape != grid.point.shape:
        raise ValueError(f"cells: expected shape {grid.point.shape}, got {cells.shape}")
    known: BoolArray = cells & ~np.isnan(grid.point)
    return known


def _rows(known: BoolArray) -> list[int]:
    return [int(row) for row in np.flatnonzero(known.any(axis=1))]


def _sum(parts: Sequence[Part]) -> Part:
    return reduce(Part.plus, parts)


def best_train_bins(grid: GainGrid, cells: BoolArray, coverage: float = COVERAGE) -> list[Best | None]:
    """The best of the chosen train bins for each test bin; None where none of them is known."""
    return [_best(grid, cells[:, column], column, coverage) for column in range(len(grid.point))]


def _best(grid: GainGrid, rows: BoolArray, column: int, coverage: float) -> Best | None:
    known = np.flatnonzero(rows & ~np.isnan(grid.point[:, column]))
    if not known.size:
        return None
    # The first of equal ones is taken.
    order = known[np.lexsort((known, np.abs(known - column)))]
    best = int(order[_first_largest(grid.point[order, column])])
    sample = grid.draws[:, order, column]
    drawn = order[_first_largest(sample[~np.isnan(sample).all(-1)])]
    share, (low, high) = float("nan"), (best, best)
    if drawn.size:
        share = float((drawn == best).mean())
        tail = (1.0 - coverage) / 2.0
        low, high = (int(end) for end in np.quantile(drawn, [tail, 1.0 - tail], method="closest_observation"))
    gain = summarised(float(grid.point[best, column]), spread([grid.parts[best][column]]), coverage)
    return Best(best, low, high, share, gain)


def _first_largest(gains: FloatArray) -> npt.NDArray[np.intp]:
    """Place of the largest on the last axis, the first of those that differ by rounding alone."""
    rounded = np.where(np.isnan(gains), -np.inf, np.round(gains, 12))
    return np.asarray(rounded.argmax(-1))


# -- cells -----------------------------------------------------------------------------------------------------------


def every_cell(size: int, diagonal: bool = True) -> BoolArray:
    """All cells of a grid, or all but the diagonal, whose items a model may have been trained on."""
    return np.ones((size, size), dtype=bool) if diagonal else ~np.eye(size, dtype=bool)


def gaps(size: int) -> npt.NDArray[np.int64]:
    """[K, K] how many bins the tested one is above the trained one; below 0 where it is easier."""
    places = np.arange(size)
    return places[None, :] - places[:, None]


def by_distance(size: int) -> dict[int, BoolArray]:
    """Cells whose bins are so far apart, in either direction."""
    return {width: np.abs(gaps(size)) == width for width in range(size)}


def by_gap(size: int) -> dict[int, BoolArray]:
    """Cells of a window so wide: those with j - i of that number, below 0 where the tested bin is the easier one."""
    return {width: gaps(size) == width for width in range(1 - size, size)}


def by_position(size: int, widths: Iterable[int] | None = None) -> dict[float, BoolArray]:
    """Easy-to-hard cells by their window's middle, (i + j) / 2: the window slid upward.

    Windows of all widths, or of those given. Middles that no window has are left out.
    """
    chosen = np.isin(gaps(size), list(range(1, size) if widths is None else widths)) & easy_to_hard(size)
    places = np.arange(size)
    middle = (places[:, None] + places[None, :]) / 2
    return {float(place): chosen & (middle == place) for place in np.unique(middle[chosen])}


def easy_to_hard(size: int) -> BoolArray:
    """Cells that are trained on an easier bin than they test."""
    return gaps(size) > 0


def hard_to_easy(size: int) -> BoolArray:
    """Cells that are trained on a harder bin than they test."""
    return gaps(size) < 0
