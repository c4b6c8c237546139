"""A grid of gains against a slow loop over draws, cells, boots and items, and what must hold of any grid."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uphill.stats.grid import (
    GainGrid,
    best_train_bins,
    by_distance,
    by_gap,
    by_position,
    easy_to_hard,
    every_cell,
    gain_grid,
    hard_to_easy,
    mean_gain,
    share_negative,
)
from uphill.stats.paired import difference

Matrix = npt.NDArray[np.float64]


def drawn(size: int, items: int, boots: int, seed: int = 0, folds: bool = False) -> tuple[list[Matrix], Matrix, Any]:
    """Answers of `size` train bins to `items` items a bin; with folds each boot tests its own items alone."""
    rng = np.random.default_rng(seed)
    bins = np.repeat(np.arange(size), items)
    trained = []
    for row in range(size):
        chance = 0.8 - 0.15 * np.abs(bins - row)
        matrix = (rng.random((len(bins), boots)) < chance[:, None]).astype(float)
        if folds:
            matrix[np.arange(len(bins))[:, None] % boots != np.arange(boots)] = np.nan
        trained.append(matrix)
    baseline = (rng.random((len(bins), 1)) < 0.5).astype(float)
    return trained, baseline, bins


def slow_accuracy(matrix: Matrix, items: list[int], boots: list[int]) -> float:
    means = []
    for boot in boots:
        seen = [matrix[item, boot] for item in items if not np.isnan(matrix[item, boot])]
        if seen:
            means.append(sum(seen) / len(seen))
    return sum(means) / len(means) if means else float("nan")


def slow_grid(trained: list[Matrix], baseline: Matrix, bins: Any, seed: int, draws: int) -> GainGrid:
    """One item, boot, cell and draw after the other."""
    size, key = len(trained), np.random.default_rng(seed).integers(2**32, size=4)
    places = [*((0, number) for number in range(size)), (2, 0)]
    picked = [
        np.random.default_rng([*key, *place]).integers(0, matrix.shape[1], size=(draws, matrix.shape[1]))
        for place, matrix in zip(places, [*trained, baseline], strict=True)
    ]
    point, sample = np.empty((size, size)), np.empty((draws, size, size))
    for column in range(size):
        own = np.flatnonzero(bins == column).tolist()
        items = np.random.default_rng([*key, 1, column]).integers(0, len(own), size=(draws, len(own)))
        for row in range(size):
            whole = [slow_accuracy(one, own, list(range(one.shape[1]))) for one in (trained[row], baseline)]
            point[row, column] = whole[0] - whole[1]
            for draw in range(draws):
                chosen = [own[place] for place in items[draw]]
                found = slow_accuracy(trained[row], chosen, picked[row][draw].tolist())
                base = slow_accuracy(baseline, chosen, picked[-1][draw].tolist())
                sample[draw, row, column] = found - base
    return GainGrid(point, sample)


@pytest.mark.parametrize("folds", [False, True])
def test_gains_are_those_of_a_slow_loop(folds: bool) -> None:
    trained, baseline, bins = drawn(3, 7, 3, folds=folds)
    found = gain_grid(trained, baseline, bins, np.random.default_rng(5), draws=40)
    slow = slow_grid(trained, baseline, bins, 5, 40)
    np.testing.assert_allclose(found.point, slow.point, atol=1e-12)
    np.testing.assert_allclose(found.draws, slow.draws, atol=1e-12)
    assert np.isnan(slow.draws).any() == False or folds  # noqa: E712 - a fold may be left out of a draw


@pytest.fixture(scope="module")
def grid() -> GainGrid:
    return gain_grid(*drawn(4, 30, 3), np.random.default_rng(1), draws=300)


def slow_summary(grid: GainGrid, cells: set[tuple[int, int]], negative: bool = False) -> tuple[float, float, float]:
    def of(gains: Matrix) -> float:
        values = [gains[cell] for cell in sorted(cells)]
        return sum(round(value, 12) < 0 for value in values) / len(values) if negative else sum(values) / len(values)

    sample = [of(draw) for draw in grid.draws]
    low, high = np.quantile(sample, [0.025, 0.975])
    return of(grid.point), float(low), float(high)


ALL = set(itertools.product(range(4), range(4)))
CASES = [
    *((by_distance(4)[width], {(i, j) for i, j in ALL if abs(i - j) == width}) for width in range(4)),
    *((by_gap(4)[width], {(i, j) for i, j in ALL if j - i == width}) for width in range(-3, 4)),
    (easy_to_hard(4), {(i, j) for i, j in ALL if i < j}),
    (hard_to_easy(4), {(i, j) for i, j in ALL if i > j}),
    (every_cell(4), ALL),
    (every_cell(4, diagonal=False), {(i, j) for i, j in ALL if i != j}),
    (by_position(4)[1.5], {(0, 3), (1, 2)}),
    (by_position(4, [1])[2.5], {(2, 3)}),
]


@pytest.mark.parametrize(("chosen", "cells"), CASES)
def test_summaries_are_those_of_a_slow_loop(grid: GainGrid, chosen: Any, cells: set[tuple[int, int]]) -> None:
    for summary, negative in ((mean_gain(grid, chosen), False), (share_negative(grid, chosen), True)):
        point, low, high = slow_summary(grid, cells, negative)
        found = summary.interval
        assert (found.point, found.low, found.high) == pytest.approx((point, low, high), abs=1e-12)
        assert summary.cells == len(cells)


def test_middles_are_those_that_windows_have() -> None:
    assert list(by_position(4)) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert list(by_position(4, [2])) == [1.0, 2.0]
    assert by_position(4, []) == {}
    together = sum(cells.astype(int) for cells in by_position(5).values())
    np.testing.assert_array_equal(together, easy_to_hard(5))


def test_best_bin_is_the_most_frequent_of_a_slow_loop(grid: GainGrid) -> None:
    for column, best in enumerate(best_train_bins(grid, every_cell(4))):
        assert best is not None
        order = sorted(range(4), key=lambda row, column=column: (abs(row - column), row))
        picks = [
            max(order, key=lambda row, draw=draw, column=column: round(draw[row, column], 12)) for draw in grid.draws
        ]
        assert best.bin == max(order, key=lambda row, column=column: round(grid.point[row, column], 12))
        assert best.share == pytest.approx(np.mean([pick == best.bin for pick in picks]))
        assert min(picks) <= best.low <= best.high <= max(picks)
        assert best.gain.point == grid.point[best.bin, column]
    without = best_train_bins(grid, every_cell(4, diagonal=False))
    assert all(best is not None and best.bin != column for column, best in enumerate(without))


def test_equal_gains_go_to_the_nearest_bin_then_the_easier_one() -> None:
    point = np.array([[0.1, 0.3, 0.1], [0.1, 0.1, 0.1], [0.1, 0.3 + 1e-15, 0.1]])
    found = best_train_bins(GainGrid(point, point[None]), every_cell(3))
    assert [best.bin for best in found if best] == [0, 0, 2]


def test_a_cells_interval_is_near_that_of_the_paired_difference() -> None:
    trained, baseline, bins = drawn(2, 150, 4)
    found = gain_grid(trained, baseline, bins, np.random.default_rng(0), draws=4000)
    for row, column in itertools.product(range(2), range(2)):
        own = bins == column
        pair = difference(baseline[own], trained[row][own], np.random.default_rng(1), draws=4000)
        low, high = np.quantile(found.draws[:, row, column], [0.025, 0.975])
        assert found.point[row, column] == pytest.approx(pair.point, abs=1e-12)
        assert (low, high) == pytest.approx((pair.low, pair.high), abs=0.02)  # of other draws


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 200 grids, easy-to-hard means of a known gain: 95 % intervals, give or take 3 standard errors."""
    truth, covered = 0.2, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        bins = np.repeat(np.arange(3), 60)
        baseline = (rng.random((180, 1)) < 0.5).astype(float)
        trained = [(rng.random((180, 1)) < 0.5 + truth).astype(float) for _ in range(3)]
        found = mean_gain(gain_grid(trained, baseline, bins, rng, draws=200), easy_to_hard(3)).interval
        covered += found.low <= truth <= found.high
    assert covered / 200 == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 200))


@settings(max_examples=25)
@given(size=st.integers(2, 4), items=st.integers(2, 6), boots=st.integers(1, 3), seed=st.integers(0, 99))
def test_turning_the_difficulty_round_swaps_the_triangles(size: int, items: int, boots: int, seed: int) -> None:
    trained, baseline, bins = drawn(size, items, boots, seed)
    found = gain_grid(trained, baseline, bins, np.random.default_rng(0), draws=5)
    turned = gain_grid(trained[::-1], baseline, size - 1 - bins, np.random.default_rng(0), draws=5)
    np.testing.assert_allclose(turned.point, found.point[::-1, ::-1], atol=1e-12)
    up, down = mean_gain(found, easy_to_hard(size)), mean_gain(turned, hard_to_easy(size))
    assert up.interval.point == pytest.approx(down.interval.point, abs=1e-12)
    order = np.random.default_rng(seed).permutation(len(bins))
    mixed = gain_grid([one[order] for one in trained], baseline[order], bins[order], np.random.default_rng(0), draws=5)
    np.testing.assert_allclose(mixed.point, found.point, atol=1e-12)
    same = gain_grid([baseline] * size, baseline, bins, np.random.default_rng(0), draws=5)
    assert not same.point.any()
    assert not same.draws.any()  # the same items on both sides of every draw


def test_other_train_bins_move_no_cell() -> None:
    trained, baseline, bins = drawn(3, 8, 2)
    found = gain_grid(trained, baseline, bins, np.random.default_rng(0), draws=20)
    other = gain_grid([trained[0], trained[2], trained[2]], baseline, bins, np.random.default_rng(0), draws=20)
    np.testing.assert_array_equal(other.draws[:, [0, 2]], found.draws[:, [0, 2]])


def test_a_cell_that_nobody_tested_is_left_out_and_counted() -> None:
    trained, baseline, bins = drawn(3, 8, 2)
    trained[0][bins == 2] = np.nan
    found = gain_grid(trained, baseline, bins, np.random.default_rng(0), draws=20)
    assert np.isnan(found.point[0, 2])
    summary = mean_gain(found, easy_to_hard(3))
    assert summary.cells == 2
    assert summary.interval.point == pytest.approx((found.point[0, 1] + found.point[1, 2]) / 2)
    nothing = mean_gain(found, by_distance(3)[2] & easy_to_hard(3))
    assert (nothing.cells, nothing.interval.draws) == (0, 0)
    assert np.isnan(nothing.interval.point)
    only = np.zeros((3, 3), dtype=bool)
    only[0, 2] = True
    assert best_train_bins(found, only) == [None, None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda trained, baseline, bins: (trained[:1], baseline, bins * 0), "two bins or more, got 1"),
        (lambda trained, baseline, bins: (trained, baseline, bins.astype(float)), "bins: expected a whole number"),
        (lambda trained, baseline, bins: (trained, baseline, bins[1:]), "bins: expected a whole number for each of 12"),
        (lambda trained, baseline, bins: (trained, baseline, bins + 1), r"of each of 0 to 2, got \[1, 2, 3\]"),
        (lambda trained, baseline, bins: (trained, baseline[1:], bins), "must have the same items"),
        (lambda trained, baseline, bins: ([*trained[:2], trained[2] + 2], baseline, bins), "expected 0, 1 or NaN"),
    ],
)
def test_what_is_no_grid_is_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gain_grid(*change(*drawn(3, 4, 2)), np.random.default_rng(0), draws=2)


def test_cells_of_another_shape_are_refused(grid: GainGrid) -> None:
    with pytest.raises(ValueError, match=r"cells: expected shape \(4, 4\), got \(3, 3\)"):
        mean_gain(grid, every_cell(3))


def test_a_cell_that_rounding_puts_below_zero_is_no_loss() -> None:
    """Boots of .3 and .4 have the mean of one of .35, but for the last bit."""
    point = np.array([[(0.1 + 0.2) - 0.3, 0.3 - (0.1 + 0.2)], [-0.05, 0.05]])
    assert point[0, 1] < 0
    grid = GainGrid(point, np.repeat(point[None], 5, axis=0))
    found = share_negative(grid, every_cell(2))
    assert (found.interval.point, found.interval.low, found.interval.high) == (0.25, 0.25, 0.25)
