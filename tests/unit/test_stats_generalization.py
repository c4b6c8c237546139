"""The generalization gap against a loop, closed forms and its own limits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.stats import bootstrap
from uphill.stats.generalization import generalization_gap
from uphill.stats.paired import accuracy, difference

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def simulated(seed: int, items: int, boots: int, mean: float = 0.7) -> Matrix:
    return (np.random.default_rng(seed).random((items, boots)) < mean).astype(np.float64)


def group(matrix: Matrix, members: slice) -> Matrix:
    """The rows of one group; other items are NaN."""
    result = np.full_like(matrix, np.nan)
    result[members] = matrix[members]
    return result


def slow_gaps(target: Matrix, own: Matrix, rng: np.random.Generator, draws: int) -> Matrix:
    """Replays the generator: boots, then the items of the target alone, of the training level alone, and shared."""
    boots = rng.integers(0, target.shape[1], (draws, target.shape[1]))
    in_target, in_own = ~np.isnan(target).all(axis=1), ~np.isnan(own).all(axis=1)
    picks = []
    for stratum in (in_target & ~in_own, in_own & ~in_target, in_target & in_own):
        rows = np.flatnonzero(stratum)
        picks.append(rows[rng.integers(0, len(rows), (draws, len(rows)))] if len(rows) else np.empty((draws, 0), int))
    rows = np.hstack(picks)
    return np.array(
        [accuracy(target[rows[i]][:, boots[i]]) - accuracy(own[rows[i]][:, boots[i]]) for i in range(draws)]
    )


@pytest.mark.parametrize(
    ("target", "own"),
    [
        pytest.param(slice(0, 20), slice(20, 50), id="disjoint"),
        pytest.param(slice(0, 50), slice(20, 50), id="target holds own"),
        pytest.param(slice(0, 30), slice(20, 50), id="some shared"),
    ],
)
def test_interval_is_that_of_a_loop_over_the_same_resamples(target: slice, own: slice) -> None:
    draws, matrix = 80, simulated(1, 50, 4)
    matrix[::7, 1] = np.nan
    first, second = group(matrix, target), group(matrix, own)
    result = generalization_gap(first, second, np.random.default_rng(2), draws, coverage=0.8)
    slow = slow_gaps(first, second, np.random.default_rng(2), draws)
    assert result.point == accuracy(first) - accuracy(second)
    assert (result.low, result.high) == pytest.approx(np.quantile(slow, [0.1, 0.9]), abs=1e-12)
    assert result.p_value == np.mean(np.abs(slow - slow.mean()) >= abs(result.point) - 1e-12)


def test_disjoint_groups_of_one_boot_have_the_binomial_standard_error() -> None:
    """Two independent binomials: variance p (1 - p) / n of either, summed."""
    matrix = np.concatenate([np.arange(300) < 150, np.arange(400) < 280]).astype(np.float64)[:, None]
    result = generalization_gap(group(matrix, slice(0, 300)), group(matrix, slice(300, 700)), np.random.default_rng(3))
    deviation = math.sqrt(0.25 / 300 + 0.21 / 400)
    assert result.point == pytest.approx(-0.2)
    # Five per cent: four Monte Carlo errors of the two quantiles, and the lattice of 1 / 300.
    assert result.high - result.low == pytest.approx(2 * 1.96 * deviation, rel=0.05)
    assert result.p_value < 0.001


def test_boots_are_joint() -> None:
    """Boots that lift both groups alike leave the gap as it is; resampled apart they would not."""
    matrix = np.concatenate([np.tile([1.0, 1.0, 0.0, 0.0], (30, 1)), np.tile([1.0, 1.0, 0.0, 0.0], (20, 1))])
    result = generalization_gap(group(matrix, slice(0, 30)), group(matrix, slice(30, 50)), np.random.default_rng(4))
    assert (result.point, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)
    apart = difference(matrix[:20], matrix[30:], np.random.default_rng(4), draws=500)
    assert apart.high - apart.low > 0.5


@given(SEEDS, st.integers(1, 15), st.integers(1, 4))
def test_a_group_has_no_gap_to_itself(seed: int, items: int, boots: int) -> None:
    matrix = simulated(seed, items, boots)
    result = generalization_gap(matrix, matrix, np.random.default_rng(seed), draws=30)
    assert (result.point, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


@given(SEEDS, st.integers(2, 15), st.integers(1, 4), st.data())
def test_gap_lies_within_its_limits(seed: int, items: int, boots: int, data: st.DataObject) -> None:
    matrix = simulated(seed, items, boots)
    cut, start = data.draw(st.integers(1, items)), data.draw(st.integers(0, items - 1))
    target, own = group(matrix, slice(0, cut)), group(matrix, slice(start, items))
    result = generalization_gap(target, own, np.random.default_rng(seed), draws=30)
    assert -1.0 <= result.low <= result.high <= 1.0
    assert result.draws == 30


def test_sharing_items_narrows_the_gap() -> None:
    matrix = simulated(5, 400, 1, 0.5)
    inside = generalization_gap(group(matrix, slice(0, 400)), group(matrix, slice(0, 300)), np.random.default_rng(6))
    beside = generalization_gap(group(matrix, slice(0, 100)), group(matrix, slice(100, 400)), np.random.default_rng(6))
    # all - own = (rest - own) / 4 where own is three quarters of all.
    assert inside.high - inside.low == pytest.approx((beside.high - beside.low) / 4, rel=0.1)


def test_a_boot_that_tested_one_group_only_counts_for_that_group() -> None:
    target, own = np.array([[1.0, 0.0], [np.nan, np.nan]]), np.array([[np.nan, np.nan], [1.0, np.nan]])
    result = generalization_gap(target, own, np.random.default_rng(7), draws=400)
    assert result.point == 0.5 - 1.0
    assert result.draws < 400  # draws of the second boot alone know nothing of the training level


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = simulated(8, 50, 3)
    groups = group(matrix, slice(0, 30)), group(matrix, slice(20, 50))
    whole = generalization_gap(*groups, np.random.default_rng(9), draws=101)
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 100)
    assert generalization_gap(*groups, np.random.default_rng(9), draws=101) == whole


def test_other_shapes_and_other_results_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"same items and boots.*\(3, 1\).*\(4, 1\)"):
        generalization_gap(np.ones((3, 1)), np.ones((4, 1)), rng)
    with pytest.raises(ValueError, match="item 2 has two results in boot 0"):
        generalization_gap([[1.0], [0.0], [1.0]], [[1.0], [np.nan], [0.0]], rng)
    with pytest.raises(ValueError, match="no tested item"):
        generalization_gap([[1.0]], [[np.nan]], rng)
