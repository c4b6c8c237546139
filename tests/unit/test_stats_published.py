"""Accuracy, and the published two-way bootstrap, against loops, closed forms and simulation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from uphill.stats import bootstrap
from uphill.stats.conditions import accuracy
from uphill.stats.published import bootstrap_accuracy, bootstrap_difference, paired_bootstrap

Matrix = npt.NDArray[np.float64]

CELLS = st.sampled_from([0.0, 1.0, math.nan])
SEEDS = st.integers(0, 2**32 - 1)


def matrices(cells: st.SearchStrategy[float] = CELLS) -> st.SearchStrategy[Matrix]:
    shapes = st.tuples(st.integers(1, 12), st.integers(1, 4))
    return hnp.arrays(np.float64, shapes, elements=cells).filter(lambda matrix: not np.isnan(matrix).all())


def simulated(rng: np.random.Generator, items: int, boots: int, mean: float = 0.7, untested: float = 0.0) -> Matrix:
    matrix = (rng.random((items, boots)) < mean).astype(np.float64)
    matrix[rng.random((items, boots)) < untested] = np.nan
    return matrix


def slow_accuracy(matrix: Matrix) -> float:
    means = []
    for boot in matrix.T:
        tested = [value for value in boot if not math.isnan(value)]
        if tested:
            means.append(sum(tested) / len(tested))
    return sum(means) / len(means) if means else math.nan


def slow_paired(conditions: dict[str, Matrix], rng: np.random.Generator, draws: int) -> dict[str, list[float]]:
    """The scheme itself, one resampled matrix at a time."""
    samples: dict[str, list[float]] = {name: [] for name in conditions}
    tested = [
        row
        for row in range(len(next(iter(conditions.values()))))
        if any(not np.isnan(matrix[row]).all() for matrix in conditions.values())
    ]
    for _ in range(draws):
        rows = rng.choice(tested, size=len(tested))
        for name, matrix in conditions.items():
            live = np.flatnonzero(~np.isnan(matrix).all(axis=0))
            columns = rng.choice(live, size=len(live))
            samples[name].append(slow_accuracy(matrix[rows][:, columns]))
    return samples


def quantile_tolerance(sample: Matrix, draws: int) -> float:
    """Four standard errors of the difference of two 2.5 % quantiles, each from `draws` roughly normal draws.

    The standard error of a quantile is sqrt(q (1 - q) / draws) / density; at q = .025 the density is .0584 / sd.
    """
    one = math.sqrt(0.025 * 0.975 / draws) / 0.0584 * float(np.std(sample))
    return 4 * math.sqrt(2) * one


def test_accuracy_weighs_boots_equally() -> None:
    correct = [[1.0, 1.0], [0.0, math.nan], [0.0, math.nan], [math.nan, math.nan]]
    assert accuracy(correct) == (1 / 3 + 1) / 2


def test_accuracy_drops_a_boot_without_tested_items() -> None:
    assert accuracy([[1.0, math.nan], [0.0, math.nan]]) == 0.5


def test_booleans_are_accepted() -> None:
    assert accuracy(np.array([[True], [False]])) == 0.5


@given(matrices())
def test_accuracy_is_the_loop(matrix: Matrix) -> None:
    assert accuracy(matrix) == pytest.approx(slow_accuracy(matrix), abs=1e-14)


@given(matrices(), SEEDS)
def test_order_of_items_is_irrelevant(matrix: Matrix, seed: int) -> None:
    assert accuracy(np.random.default_rng(seed).permutation(matrix)) == accuracy(matrix)


@given(matrices(), SEEDS)
def test_interval_is_ordered_and_within_range(matrix: Matrix, seed: int) -> None:
    interval = bootstrap_accuracy(matrix, np.random.default_rng(seed), draws=50)
    assert 0.0 <= interval.low <= interval.high <= 1.0
    assert interval.point == accuracy(matrix)


@given(st.integers(30, 60), st.integers(1, 4), st.floats(0.3, 0.7), SEEDS)
def test_interval_contains_the_point(items: int, boots: int, mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    interval = bootstrap_accuracy(simulated(rng, items, boots, mean), rng, draws=300)
    assert interval.low <= interval.point <= interval.high


@pytest.mark.parametrize("untested", [0.0, 0.3])
def test_quantiles_are_those_of_the_loop(untested: float) -> None:
    draws = 1500
    rng = np.random.default_rng(1)
    conditions = {
        "zero": simulated(rng, 40, 1, 0.5, untested),
        "icl": simulated(rng, 40, 5, 0.7, untested),
    }
    fast = paired_bootstrap(conditions, rng, draws)
    slow = {name: np.array(sample) for name, sample in slow_paired(conditions, rng, draws).items()}
    for name in conditions:
        tolerance = quantile_tolerance(slow[name], draws)
        assert np.quantile(fast[name], [0.025, 0.975]) == pytest.approx(
            np.quantile(slow[name], [0.025, 0.975]), abs=tolerance
        )
    # Pairing shows in the spread of the difference.
    gaps = slow["icl"] - slow["zero"]
    assert np.quantile(fast["icl"] - fast["zero"], [0.025, 0.975]) == pytest.approx(
        np.quantile(gaps, [0.025, 0.975]), abs=quantile_tolerance(gaps, draws)
    )


def test_every_draw_is_the_accuracy_of_the_resampled_matrix() -> None:
    draws, rng = 40, np.random.default_rng(2)
    conditions = {"a": simulated(rng, 9, 3, untested=0.4), "b": simulated(rng, 9, 2, untested=0.4)}
    fast = paired_bootstrap(conditions, np.random.default_rng(3), draws)
    replay = np.random.default_rng(3)
    boots = {name: replay.integers(0, matrix.shape[1], (draws, matrix.shape[1])) for name, matrix in conditions.items()}
    rows = replay.integers(0, 9, (draws, 9))
    for name, matrix in conditions.items():
        slow = [slow_accuracy(matrix[rows[i]][:, boots[name][i]]) for i in range(draws)]
        assert fast[name] == pytest.approx(slow, abs=1e-14, nan_ok=True)


def test_a_draw_that_tests_nothing_is_nan_and_left_out_of_the_interval() -> None:
    correct = {"rare": [[1.0], [math.nan], [math.nan]], "full": [[1.0], [1.0], [0.0]]}
    sample = paired_bootstrap(correct, np.random.default_rng(4), draws=500)
    assert np.isnan(sample["rare"]).any()
    assert not np.isnan(sample["full"]).any()
    gap = bootstrap_difference(correct["full"], correct["rare"], np.random.default_rng(4), draws=500)
    assert gap.draws == np.isfinite(sample["rare"]).sum() < 500
    assert not math.isnan(gap.high - gap.low + gap.p_value)


def test_untested_items_and_boots_change_nothing() -> None:
    rng = np.random.default_rng(5)
    matrix = simulated(rng, 30, 3)
    padded = np.full((35, 4), np.nan)
    padded[2:32, :3] = matrix
    assert bootstrap_accuracy(padded, np.random.default_rng(6)) == bootstrap_accuracy(matrix, np.random.default_rng(6))


def test_single_boot_has_the_binomial_standard_error() -> None:
    draws, items = 10_000, 400
    matrix = (np.arange(items) < 280).astype(np.float64)[:, None]
    sample = paired_bootstrap({"a": matrix}, np.random.default_rng(7), draws)["a"]
    expected = math.sqrt(0.7 * 0.3 / items)
    # A normal sample's standard deviation has relative standard error 1 / sqrt(2 draws): allow four.
    assert sample.std() == pytest.approx(expected, rel=4 / math.sqrt(2 * draws))
    assert sample.mean() == pytest.approx(0.7, abs=4 * expected / math.sqrt(draws))


def test_boots_that_differ_by_themselves_widen_the_interval() -> None:
    """Items all alike within a boot: only the boots vary, with variance p (1 - p) / boots."""
    matrix = np.tile([1.0, 1.0, 1.0, 0.0], (50, 1))
    sample = paired_bootstrap({"a": matrix}, np.random.default_rng(8), 10_000)["a"]
    assert sample.std() == pytest.approx(math.sqrt(0.75 * 0.25 / 4), rel=4 / math.sqrt(2 * 10_000))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_results_have_a_zero_width_interval(value: float) -> None:
    interval = bootstrap_accuracy(np.full((20, 3), value), np.random.default_rng(9))
    assert (interval.low, interval.point, interval.high) == (value, value, value)


def test_level_widens_the_interval() -> None:
    matrix = simulated(np.random.default_rng(10), 100, 3)
    narrow, wide = (bootstrap_accuracy(matrix, np.random.default_rng(11), coverage=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_same_generator_state_same_result_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    conditions = {"a": simulated(np.random.default_rng(12), 37, 3), "b": simulated(np.random.default_rng(13), 37, 1)}
    whole = paired_bootstrap(conditions, np.random.default_rng(14), 501)
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 100)
    pieces = paired_bootstrap(conditions, np.random.default_rng(14), 501)
    for name in conditions:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=0, atol=1e-14)


@given(matrices(st.sampled_from([0.0, 1.0])), SEEDS)
def test_a_condition_does_not_differ_from_itself(matrix: Matrix, seed: int) -> None:
    gap = bootstrap_difference(matrix, matrix, np.random.default_rng(seed), draws=50)
    assert (gap.point, gap.p_value) == (0.0, 1.0)


@given(matrices(st.sampled_from([0.0, 1.0])), SEEDS)
def test_items_are_paired(matrix: Matrix, seed: int) -> None:
    """With one boot a condition equals itself in every draw, and so do identical copies of it."""
    one = matrix[:, :1]
    same = bootstrap_difference(one, one, np.random.default_rng(seed), draws=50)
    assert (same.low, same.high) == (0.0, 0.0)
    copies = bootstrap_difference(one, np.tile(one, (1, 3)), np.random.default_rng(seed), draws=50)
    assert (copies.low, copies.high) == pytest.approx((0.0, 0.0), abs=1e-14)
    assert copies.p_value == 1.0


def test_difference_is_antisymmetric_and_significant_when_it_should_be() -> None:
    rng = np.random.default_rng(15)
    low, high = simulated(rng, 300, 1, 0.5), simulated(rng, 300, 1, 0.8)
    up, down = (
        bootstrap_difference(low, high, np.random.default_rng(16)),
        bootstrap_difference(high, low, np.random.default_rng(16)),
    )
    assert (up.point, up.low, up.high) == pytest.approx((-down.point, -down.high, -down.low), abs=1e-12)
    assert up.p_value == down.p_value < 0.001
    assert up.low > 0


def test_p_value_is_the_normal_tail_for_a_large_sample() -> None:
    """400 paired items, 60 gained and 40 lost: z = 20 / sqrt(100 - 20² / 400), two-sided tail."""
    before = np.repeat([0.0, 1.0, 1.0], [60, 40, 300])[:, None]
    after = np.repeat([1.0, 0.0, 1.0], [60, 40, 300])[:, None]
    tail = math.erfc(20 / math.sqrt(100 - 20**2 / 400) / math.sqrt(2))
    # Half a unit of the count, 1 / 400, on either side is the lattice's share: density 2 * .0540 / sd(counts = 9.95).
    lattice = 0.054 * 2 / 9.95 / 2
    error = 4 * math.sqrt(tail * (1 - tail) / 10_000)
    assert bootstrap_difference(before, after, np.random.default_rng(17)).p_value == pytest.approx(
        tail, abs=lattice + error
    )


def covered(boots: int, repetitions: int, rng: np.random.Generator) -> float:
    hits = 0
    for _ in range(repetitions):
        difficulty = rng.beta(4, 2, size=(200, 1))  # mean 2 / 3
        interval = bootstrap_accuracy((rng.random((200, boots)) < difficulty).astype(np.float64), rng, draws=500)
        hits += interval.low <= 2 / 3 <= interval.high
    return hits / repetitions


def test_coverage_of_the_interval() -> None:
    repetitions = 300
    error = 4 * math.sqrt(0.95 * 0.05 / repetitions)
    rng = np.random.default_rng(18)
    # One point for the lattice of 200 items and the 500 draws; both pull the true coverage slightly below 95 %.
    assert covered(1, repetitions, rng) == pytest.approx(0.95, abs=error + 0.01)
    # Resampling both ways counts the noise within cells more than once (Owen 2007), so it never covers too little.
    assert covered(5, repetitions, rng) >= 0.95 - error


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (np.empty((0, 3)), "no tested item"),
        (np.empty((3, 0)), "no tested item"),
        (np.full((3, 2), np.nan), "no tested item"),
        (np.ones(3), "2-D"),
        ([[0.5]], "0, 1 or NaN"),
        ([[math.inf]], "0, 1 or NaN"),
        ([[1, 0], [1, -1]], "0, 1 or NaN"),
    ],
)
def test_unusable_arrays_are_refused(correct: npt.ArrayLike, message: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        accuracy(correct)
    with pytest.raises(ValueError, match=message):
        bootstrap_accuracy(correct, rng, draws=10)
    with pytest.raises(ValueError, match=message):
        bootstrap_difference([[1.0]], correct, rng, draws=10)


def test_conditions_on_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same items.*'a': 3.*'b': 4"):
        bootstrap_difference(np.ones((3, 1)), np.ones((4, 1)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="no condition"):
        paired_bootstrap({}, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("draws", "level", "message"), [(0, 0.95, "draws"), (10, 1.0, "coverage"), (10, 0.0, "coverage")]
)
def test_unusable_settings_are_refused(draws: int, level: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_accuracy([[1.0]], np.random.default_rng(0), draws, level)
