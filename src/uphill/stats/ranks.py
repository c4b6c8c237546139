"""Spearman rank correlation with bootstrap intervals, for one pair or for all pairs of many variables.

A resample is a count per item. The ranks within it follow from cumulative counts along the values' sorted order, so
each variable is sorted once and no draw sorts again; the result is that of sorting the repeated rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import (
    COVERAGE,
    DRAWS,
    FloatArray,
    Interval,
    check_settings,
    chunked_counts,
    percentile_interval,
)

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class IntervalMatrix:
    """Symmetric variables x variables matrices: estimate, interval bounds, and finite draws behind each interval."""

    point: FloatArray
    low: FloatArray
    high: FloatArray
    draws: IntArray


def spearman(
    x: npt.ArrayLike, y: npt.ArrayLike, rng: np.random.Generator, draws: int = DRAWS, coverage: float = COVERAGE
) -> Interval:
    """Spearman correlation of two variables over items, with a percentile interval from resampling items.

    `x` and `y` are (items,); items with a NaN in either are dropped from each resample. NaN where a variable is
    constant; draws in which one is constant are dropped. Raises ValueError for empty, non-1-D or unequal shapes.

    Source: Hase et al. 2024, section 8.7 of the specification (points); the interval is ours.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"expected two 1-D arrays of the same items, got shapes {first.shape} and {second.shape}")
    matrix = spearman_intervals(np.column_stack([first, second]), rng, draws, coverage)
    point, low, high = (float(part[0, 1]) for part in (matrix.point, matrix.low, matrix.high))
    return Interval(point, low, high, int(matrix.draws[0, 1]))


def spearman_matrix(values: npt.ArrayLike) -> FloatArray:
    """Spearman correlation of every pair of variables, unrounded.

    `values` is items x variables; returns variables x variables. Ties take average ranks, NaN are dropped pairwise, and
    a pair with a constant variable is NaN. Raises ValueError for an array that is not 2-D or is empty.

    Source: Hase et al. 2024, section 8.7 of the specification.
    """
    matrix = _checked(values)
    groups = _pair_groups(matrix)
    point: FloatArray = _correlations(groups, np.ones((1, len(matrix))), matrix.shape[1])[0]
    return point


def spearman_intervals(
    values: npt.ArrayLike, rng: np.random.Generator, draws: int = DRAWS, coverage: float = COVERAGE
) -> IntervalMatrix:
    """`spearman_matrix` with a percentile interval for every pair, all from the same resamples of the items.

    `values` is items x variables; shapes, NaN and errors are those of `spearman_matrix`. Draws in which a variable is
    constant are dropped from its pairs.

    Source: Hase et al. 2024, section 8.7 of the specification (points); the intervals are ours.
    """
    check_settings(draws, coverage)
    matrix = _checked(values)
    variables = matrix.shape[1]
    groups = _pair_groups(matrix)
    sample = np.empty((draws, variables, variables))
    for chunk, counts in chunked_counts(rng, len(matrix), draws, copies=variables):
        sample[chunk] = _correlations(groups, counts, variables)
    return _summarised(spearman_matrix(matrix), sample, coverage)


def _summarised(point: FloatArray, sample: FloatArray, coverage: float) -> IntervalMatrix:
    low, high, used = np.empty_like(point), np.empty_like(point), np.empty(point.shape, dtype=np.intp)
    for u, v in zip(*np.triu_indices(len(point)), strict=True):
        interval = percentile_interval(float(point[u, v]), sample[:, u, v], coverage)
        low[u, v] = low[v, u] = interval.low
        high[u, v] = high[v, u] = interval.high
        used[u, v] = used[v, u] = interval.draws
    return IntervalMatrix(point, low, high, used)


@dataclass(frozen=True)
class _Ranker:
    """One variable's values, sorted once: `order` sorts them, `ends` closes each run of ties, `run` is each one's."""

    order: IntArray
    ends: IntArray
    run: IntArray

    @classmethod
    def of(cls, values: FloatArray) -> _Ranker:
        _, run, sizes = np.unique(values, return_inverse=True, return_counts=True)
        return cls(np.argsort(run, kind="stable"), np.cumsum(sizes) - 1, run)

    def centred(self, counts: FloatArray) -> FloatArray:
        """Twice each item's average rank less its mean, within each resample: (draws, items) of exact integers.

        A run of c repeats after b earlier ones has average rank b + (c + 1) / 2, and the mean rank of all N is
        (N + 1) / 2; twice their difference is (b + c) + b - N.
        """
        upto = np.cumsum(counts[:, self.order], axis=1)[:, self.ends]
        before = upto - np.diff(upto, axis=1, prepend=0.0)
        doubled: FloatArray = upto + before - counts.sum(axis=1, keepdims=True)
        return doubled[:, self.run]


@dataclass(frozen=True)
class _PairGroup:
    """Pairs of variables that share the items where both are known; ranks among those items serve all the pairs."""

    items: IntArray
    rankers: dict[int, _Ranker]
    pairs: list[tuple[int, int]]


def _pair_groups(matrix: FloatArray) -> list[_PairGroup]:
    known = ~np.isnan(matrix)
    groups: dict[bytes, _PairGroup] = {}
    for u, v in zip(*(index.tolist() for index in np.triu_indices(matrix.shape[1])), strict=True):
        both = known[:, u] & known[:, v]
        group = groups.setdefault(both.tobytes(), _PairGroup(np.flatnonzero(both), {}, []))
        group.pairs.append((u, v))
        for variable in {u, v} - group.rankers.keys():
            group.rankers[variable] = _Ranker.of(matrix[both, variable])
    return list(groups.values())


def _correlations(groups: list[_PairGroup], counts: FloatArray, variables: int) -> FloatArray:
    """(draws, variables, variables) correlations within the resamples that `counts` (draws, items) describes."""
    result = np.empty((len(counts), variables, variables))
    for group in groups:
        within = counts[:, group.items]
        ranks = np.stack([ranker.centred(within) for ranker in group.rankers.values()], axis=1)
        products = (ranks * within[:, None, :]) @ ranks.transpose(0, 2, 1)
        position = {variable: place for place, variable in enumerate(group.rankers)}
        for u, v in group.pairs:
            i, j = position[u], position[v]
            with np.errstate(invalid="ignore"):  # 0 / 0: a constant variable has no correlation
                pair = products[:, i, j] / np.sqrt(products[:, i, i] * products[:, j, j])
            result[:, u, v] = result[:, v, u] = pair
    return result


def _checked(values: npt.ArrayLike) -> FloatArray:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"expected a 2-D array, items x variables, got shape {matrix.shape}")
    if not matrix.size:
        raise ValueError(f"no values in an array of shape {matrix.shape}")
    return matrix
