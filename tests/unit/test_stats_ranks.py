"""Spearman correlation under resampling counts, against scipy on rows that are really repeated."""

from __future__ import annotations

import math
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ConstantInputWarning, spearmanr

from uphill.stats import bootstrap
from uphill.stats.ranks import spearman, spearman_intervals, spearman_matrix

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 10), st.integers(1, 4)),
    elements=st.sampled_from([-1.5, 0.0, 2.0, 3.0, 1e9, math.nan]),
)


def slow_spearman(x: Matrix, y: Matrix) -> float:
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(spearmanr(x[both], y[both]).statistic)


def slow_matrix(values: Matrix) -> Matrix:
    return np.array([[slow_spearman(x, y) for y in values.T] for x in values.T])


def mixed(rng: np.random.Generator, items: int, missing: float = 0.0) -> Matrix:
    """Four related variables: continuous, two graded ones with ties, and an unrelated one."""
    base = rng.normal(size=items)
    values = np.column_stack(
        [base, np.round(base + rng.normal(size=items)), np.clip(np.round(-base), -1, 1), rng.normal(size=items)]
    )
    values[rng.random(values.shape) < missing] = np.nan
    return values


@given(TABLES)
def test_matrix_is_scipys(values: Matrix) -> None:
    np.testing.assert_allclose(spearman_matrix(values), slow_matrix(values), atol=1e-12)


@given(TABLES, SEEDS)
def test_order_of_items_is_irrelevant(values: Matrix, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(values)
    np.testing.assert_array_equal(spearman_matrix(shuffled), spearman_matrix(values))


def test_perfect_agreement_is_exactly_one() -> None:
    x = np.random.default_rng(0).normal(size=500)
    matrix = spearman_matrix(np.column_stack([x, np.exp(x), -x]))
    assert matrix.tolist() == [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]


def test_a_constant_or_unknown_variable_is_nan() -> None:
    values = np.column_stack([np.arange(5.0), np.ones(5), np.full(5, np.nan)])
    matrix = spearman_matrix(values)
    assert matrix[0, 0] == 1.0
    assert np.isnan(matrix[1:]).all()
    result = spearman(values[:, 0], values[:, 1], np.random.default_rng(0), draws=20)
    assert np.isnan([result.point, result.low, result.high]).all()
    assert result.draws == 0


@given(TABLES, SEEDS)
def test_a_draw_is_scipys_on_the_repeated_rows(values: Matrix, seed: int) -> None:
    """One draw's interval is that draw's correlation; its rows are replayed from the same generator state."""
    items = len(values)
    rows = np.random.default_rng(seed).integers(0, items, items)
    result = spearman_intervals(values, np.random.default_rng(seed), draws=1)
    expected = slow_matrix(values[rows])
    np.testing.assert_allclose(result.low, expected, atol=1e-12)
    np.testing.assert_allclose(result.high, expected, atol=1e-12)
    np.testing.assert_array_equal(result.draws, np.isfinite(expected).astype(int))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_intervals_are_those_of_a_loop_over_the_same_resamples(missing: float) -> None:
    draws, items = 60, 50
    values = mixed(np.random.default_rng(1), items, missing)
    rows = np.random.default_rng(2).integers(0, items, (draws, items))
    slow = np.array([slow_matrix(values[picked]) for picked in rows])
    result = spearman_intervals(values, np.random.default_rng(2), draws, coverage=0.8)
    low, high = np.quantile(slow, [0.1, 0.9], axis=0)
    np.testing.assert_allclose(result.low, low, atol=1e-12)
    np.testing.assert_allclose(result.high, high, atol=1e-12)
    np.testing.assert_allclose(result.point, slow_matrix(values), atol=1e-12)
    assert (result.draws == draws).all()


def test_a_pair_is_its_entry_of_the_matrix() -> None:
    values = mixed(np.random.default_rng(3), 80, 0.1)[:, :2]
    pair = spearman(values[:, 0], values[:, 1], np.random.default_rng(4), draws=200)
    matrix = spearman_intervals(values, np.random.default_rng(4), draws=200)
    assert (pair.point, pair.low, pair.high) == (matrix.point[0, 1], matrix.low[1, 0], matrix.high[0, 1])


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = mixed(np.random.default_rng(5), 60, 0.1)
    whole = spearman_intervals(values, np.random.default_rng(6), draws=101)
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 700)
    pieces = spearman_intervals(values, np.random.default_rng(6), draws=101)
    np.testing.assert_array_equal(pieces.low, whole.low)
    np.testing.assert_array_equal(pieces.high, whole.high)


@given(TABLES, SEEDS)
def test_intervals_are_ordered_and_within_range(values: Matrix, seed: int) -> None:
    result = spearman_intervals(values, np.random.default_rng(seed), draws=20)
    finite = result.draws > 0
    assert (result.low[finite] <= result.high[finite]).all()
    assert (np.abs([result.low[finite], result.high[finite]]) <= 1.0).all()
    assert np.isnan(result.low[~finite]).all()


def test_interval_has_the_width_that_theory_gives_for_unrelated_variables() -> None:
    """For independent variables the correlation's standard error is 1 / sqrt(items - 1)."""
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 1000))
    result = spearman(x, y, rng, draws=2000)
    # 15 %: four Monte Carlo errors of the two quantiles (6 %) and the spread of the bootstrap's own variance (1000
    # items: about 2 x 3 %).
    assert result.high - result.low == pytest.approx(2 * 1.96 / math.sqrt(999), rel=0.15)
    assert result.low < result.point < result.high


def test_coverage_of_the_interval() -> None:
    """True Spearman correlation of a normal pair with correlation r: 6 / pi * asin(r / 2)."""
    repetitions, r = 200, 0.5
    truth = 6 / math.pi * math.asin(r / 2)
    rng, hits = np.random.default_rng(8), 0
    for _ in range(repetitions):
        x, noise = rng.normal(size=(2, 150))
        interval = spearman(x, r * x + math.sqrt(1 - r**2) * noise, rng, draws=300)
        hits += interval.low <= truth <= interval.high
    # Two points besides the binomial error: the percentile interval's own bias at 150 items and 300 draws.
    error = 4 * math.sqrt(0.95 * 0.05 / repetitions) + 0.02
    assert hits / repetitions == pytest.approx(0.95, abs=error)


def test_unusable_arrays_are_refused() -> None:
    rng = np.random.default_rng(0)
    for shape in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match="no values"):
            spearman_matrix(np.empty(shape))
    with pytest.raises(ValueError, match="2-D"):
        spearman_intervals(np.ones(3), rng)
    with pytest.raises(ValueError, match="same items"):
        spearman([1.0, 2.0], [1.0], rng)
    with pytest.raises(ValueError, match="no values"):
        spearman([], [], rng)
    with pytest.raises(ValueError, match="draws"):
        spearman([1.0, 2.0], [1.0, 2.0], rng, draws=0)
