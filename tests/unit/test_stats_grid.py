"""A grid of gains against a slow loop over draws, cells, boots and items, and what must hold of any grid."""

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from uphill.stats.conditions import Condition, condition
from uphill.stats.estimates import difference
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
    return GainGrid(point, sample, [])


def asked(trained: list[Matrix], baseline: Matrix, bins: Any) -> tuple[list[Condition], Condition, Any]:
    """Those of `drawn`, as `gain_grid` takes them."""
    return [condition(one) for one in trained], condition(baseline, trained=False), bins


@pytest.mark.parametrize("folds", [False, True])
def test_gains_are_those_of_a_slow_loop(folds: bool) -> None:
    trained, baseline, bins = drawn(3, 7, 3, folds=folds)
    found = gain_grid(*asked(trained, baseline, bins), np.random.default_rng(5), draws=40)
    slow = slow_grid(trained, baseline, bins, 5, 40)
    np.testing.assert_allclose(found.point, slow.point, atol=1e-12)
    np.testing.assert_allclose(found.draws, slow.draws, atol=1e-12)
    assert np.isnan(slow.draws).any() == False or folds  # noqa: E712 - a fold may be left out of a draw


@pytest.fixture(scope="module")
def grid() -> GainGrid:
    return gain_grid(*asked(*drawn(4, 30, 3)), np.random.default_rng(1), draws=300)


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
    mean, losses = mean_gain(grid, chosen), share_negative(grid, chosen)
    point, *_ = slow_summary(grid, cells)
    assert mean.point == pytest.approx(point, abs=1e-12)
    assert mean.low < point < mean.high
    assert (losses.point, losses.low, losses.high) == pytest.approx(slow_summary(grid, cells, True), abs=1e-12)
    assert mean.cells == losses.cells == len(cells)


@pytest.mark.parametrize("cells", [ALL, {(0, 3), (1, 2)}, {(2, 1)}])
def test_a_means_variance_is_that_of_what_each_item_moves_it_by(cells: set[tuple[int, int]]) -> None:
    """One boot: the items alone vary, each in all cells that test it at once."""
    trained, baseline, bins = drawn(4, 12, 1)
    chosen = np.array([[(row, column) in cells for column in range(4)] for row in range(4)])
    found = mean_gain(gain_grid(*asked(trained, baseline, bins), np.random.default_rng(0), draws=1), chosen)
    variance, tested = 0.0, {column for _, column in cells}
    units = sum(int(own) in tested for own in bins)
    for item, own in enumerate(bins):
        others = [place for place, other in enumerate(bins) if other == own]
        gains = {
            row: [trained[row][place, 0] - baseline[place, 0] for place in others]
            for row, column in cells
            if column == own
        }
        moved = sum(
            (trained[row][item, 0] - baseline[item, 0] - sum(each) / len(each)) / len(each)
            for row, each in gains.items()
        )
        variance += (moved / len(cells)) ** 2 * units / (units - 1)
    assert found.high - found.point == pytest.approx(stats.t.ppf(0.975, units - 1) * math.sqrt(variance))


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
    parts = gain_grid(*asked(*drawn(3, 4, 2)), np.random.default_rng(0), draws=1).parts
    found = best_train_bins(GainGrid(point, point[None], parts), every_cell(3))
    assert [best.bin for best in found if best] == [0, 0, 2]


@pytest.mark.parametrize("folds", [False, True])
def test_a_cells_interval_is_that_of_the_paired_difference(folds: bool) -> None:
    trained, baseline, bins = drawn(2, 40, 4, folds=folds)
    found = gain_grid(*asked(trained, baseline, bins), np.random.default_rng(0), draws=10)
    for row, column in itertools.product(range(2), range(2)):
        only, own = np.zeros((2, 2), dtype=bool), bins == column
        only[row, column] = True
        pair = difference(condition(baseline[own], trained=False), condition(trained[row][own]))
        cell = mean_gain(found, only)
        assert (cell.point, cell.low, cell.high, cell.p_value) == pytest.approx(
            (pair.point, pair.low, pair.high, pair.p_value), abs=1e-9
        )


@pytest.mark.parametrize(("boots", "shift", "folds"), [(1, 0.0, False), (3, 0.15, False), (5, 0.15, True)])
def test_intervals_cover_the_truth_as_often_as_they_say(boots: int, shift: float, folds: bool) -> None:
    """Of 400 grids, means of a known gain, draws of each train bin moving all its answers: at least 95 %."""
    truth, covered = 0.2, 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        bins = np.repeat(np.arange(3), 30)
        baseline = (rng.random((90, 1)) < 0.5).astype(float)
        trained = []
        for _ in range(3):
            matrix = (rng.random((90, boots)) < 0.5 + truth + rng.uniform(-shift, shift, size=boots)).astype(float)
            if folds:
                matrix[np.arange(90)[:, None] % boots != np.arange(boots)] = np.nan
            trained.append(matrix)
        found = mean_gain(gain_grid(*asked(trained, baseline, bins), rng, draws=2), easy_to_hard(3))
        covered += found.low <= truth <= found.high
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400) <= covered / 400 < 0.99


@settings(max_examples=25)
@given(size=st.integers(2, 4), items=st.integers(2, 6), boots=st.integers(1, 3), seed=st.integers(0, 99))
def test_turning_the_difficulty_round_swaps_the_triangles(size: int, items: int, boots: int, seed: int) -> None:
    trained, baseline, bins = drawn(size, items, boots, seed)
    found = gain_grid(*asked(trained, baseline, bins), np.random.default_rng(0), draws=5)
    back = asked(trained[::-1], baseline, size - 1 - bins)
    turned = gain_grid(*back, np.random.default_rng(0), draws=5)
    np.testing.assert_allclose(turned.point, found.point[::-1, ::-1], atol=1e-12)
    up, down = mean_gain(found, easy_to_hard(size)), mean_gain(turned, hard_to_easy(size))
    assert up.point == pytest.approx(down.point, abs=1e-12)
    order = np.random.default_rng(seed).permutation(len(bins))
    moved = asked([one[order] for one in trained], baseline[order], bins[order])
    mixed = gain_grid(*moved, np.random.default_rng(0), draws=5)
    np.testing.assert_allclose(mixed.point, found.point, atol=1e-12)
    same = gain_grid(*asked([baseline] * size, baseline, bins), np.random.default_rng(0), draws=5)
    assert not same.point.any()
    assert not same.draws.any()  # the same items on both sides of every draw


def test_other_train_bins_move_no_cell() -> None:
    trained, baseline, bins = drawn(3, 8, 2)
    found = gain_grid(*asked(trained, baseline, bins), np.random.default_rng(0), draws=20)
    other = gain_grid(*asked([trained[0], trained[2], trained[2]], baseline, bins), np.random.default_rng(0), draws=20)
    np.testing.assert_array_equal(other.draws[:, [0, 2]], found.draws[:, [0, 2]])


def test_a_cell_that_nobody_tested_is_left_out_and_counted() -> None:
    trained, baseline, bins = drawn(3, 8, 2)
    trained[0][bins == 2] = np.nan
    found = gain_grid(*asked(trained, baseline, bins), np.random.default_rng(0), draws=20)
    assert np.isnan(found.point[0, 2])
    summary = mean_gain(found, easy_to_hard(3))
    assert summary.cells == 2
    assert summary.point == pytest.approx((found.point[0, 1] + found.point[1, 2]) / 2)
    nothing = mean_gain(found, by_distance(3)[2] & easy_to_hard(3))
    assert nothing.cells == 0
    assert math.isnan(nothing.point)
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
        (
            lambda trained, baseline, bins: (trained, condition(baseline.correct[1:]), bins),
            "must have the same items",
        ),
        (lambda trained, _, bins: (trained, trained[0], bins), "baseline: expected one boot"),
    ],
)
def test_what_is_no_grid_is_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gain_grid(*change(*asked(*drawn(3, 4, 2))), np.random.default_rng(0), draws=2)


def test_cells_of_another_shape_are_refused(grid: GainGrid) -> None:
    with pytest.raises(ValueError, match=r"cells: expected shape \(4, 4\), got \(3, 3\)"):
        mean_gain(grid, every_cell(3))


def test_a_cell_that_rounding_puts_below_zero_is_no_loss() -> None:
    """Boots of .3 and .4 have the mean of one of .35, but for the last bit."""
    point = np.array([[(0.1 + 0.2) - 0.3, 0.3 - (0.1 + 0.2)], [-0.05, 0.05]])
    assert point[0, 1] < 0
    grid = GainGrid(point, np.repeat(point[None], 5, axis=0), [])
    found = share_negative(grid, every_cell(2))
    assert (found.point, found.low, found.high) == (0.25, 0.25, 0.25)
