"""Accuracies and differences with their intervals, against exact binomial intervals and Student's test."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from uphill.stats.conditions import Condition, accuracy, condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.generalization import generalization_gap

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
RESULTS = st.sampled_from([0.0, 1.0, math.nan])


def matrices() -> st.SearchStrategy[Matrix]:
    shapes = st.tuples(st.integers(1, 12), st.integers(1, 4))
    return hnp.arrays(np.float64, shapes, elements=RESULTS).filter(lambda matrix: not np.isnan(matrix).all())


def simulated(seed: int, items: int, boots: int, mean: float = 0.7) -> Matrix:
    return (np.random.default_rng(seed).random((items, boots)) < mean).astype(np.float64)


def right(count: int, items: int = 100) -> Condition:
    """A model that no training enters, right on the first `count` items."""
    return condition((np.arange(items) < count).astype(np.float64)[:, None], trained=False)


@pytest.mark.parametrize(("count", "items"), [(30, 30), (0, 30), (90, 90), (0, 1000)])
def test_where_all_answers_agree_the_interval_is_the_exact_one_of_the_items(count: int, items: int) -> None:
    """30 of 30 right is "from 88.4 %", in however many boots."""
    exact = stats.binomtest(count, items).proportion_ci(0.95, method="exact")
    for boots in (1, 3):
        found = accuracy_interval(condition(np.full((items, boots), float(count > 0))))
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
        assert found.point == float(count > 0)


@pytest.mark.parametrize(("count", "items"), [(70, 100), (97, 100), (150, 400)])
def test_one_boot_is_the_exact_binomial_interval_up_to_its_degrees_of_freedom(count: int, items: int) -> None:
    """The variance has a divisor of n - 1 and Student's quantile, which is worth a few answers less than there are."""
    worth = items * (items - 1) / items * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, items - 1)) ** 2
    expected = stats.beta.ppf([0.025, 0.975], [count / items * worth, count / items * worth + 1],
                              [worth * (1 - count / items) + 1, worth * (1 - count / items)])  # fmt: skip
    found = accuracy_interval(right(count, items))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-9)
    exact = stats.binomtest(count, items).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.006)


@given(matrices())
def test_an_interval_holds_its_point_and_never_collapses(matrix: Matrix) -> None:
    found = accuracy_interval(condition(matrix))
    assert found.point == accuracy(matrix)
    assert 0.0 <= found.low <= found.point <= found.high <= 1.0
    assert found.high - found.low > 0.0


def test_the_spread_of_boots_stands_beside_an_accuracy() -> None:
    matrix = simulated(1, 40, 4)
    found = accuracy_interval(condition(matrix))
    assert (found.boots_sd, found.df) == pytest.approx((matrix.mean(axis=0).std(ddof=1), 3))
    one = accuracy_interval(condition(matrix[:, :1]))
    assert math.isnan(one.boots_sd)
    assert math.isnan(one.df)


def test_boots_that_differ_widen_the_interval_by_students_quantile() -> None:
    """Items all alike within a boot: only the boots vary."""
    matrix = np.tile([1.0, 1.0, 0.0], (200, 1))
    found = difference(right(0, 200), condition(matrix))
    half = stats.t.ppf(0.975, 2) * np.std([1, 1, 0], ddof=1) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((max(-1, 2 / 3 - half), min(1.0, 2 / 3 + half)))
    assert found.p_value == pytest.approx(2 * stats.t.sf(2 / 3 / (np.std([1, 1, 0], ddof=1) / math.sqrt(3)), 2))


def test_items_are_paired() -> None:
    first, second = simulated(2, 300, 1), simulated(3, 300, 1)
    second[:200] = first[:200]
    found = difference(condition(first, trained=False), condition(second, trained=False))
    expected = stats.ttest_rel(second[:, 0], first[:, 0])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_folds_are_paired_and_count_as_folds() -> None:
    folds = [np.full((50, 5), np.nan) for _ in range(2)]
    for number, matrix in enumerate(folds):
        for fold in range(5):
            matrix[fold::5, fold] = simulated(10 * number + fold, 10, 1, 0.5 + 0.1 * number)[:, 0]
    found = difference(condition(folds[0]), condition(folds[1]))
    means = [np.nanmean(matrix, axis=0) for matrix in folds]
    expected = stats.ttest_rel(means[1], means[0])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_a_difference_is_antisymmetric(seed: int, boots: int, others: int) -> None:
    a, b = condition(simulated(seed, 30, boots)), condition(simulated(seed + 1, 30, others, 0.4))
    up, down = difference(a, b), difference(b, a)
    assert (up.point, up.low, up.high) == pytest.approx((-down.point, -down.high, -down.low), abs=1e-12)
    assert up.p_value == pytest.approx(down.p_value, nan_ok=True)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_single_training_draw_makes_no_test_however_many_the_other_side_has(swapped: bool) -> None:
    alone, many = simulated(7, 60, 1), condition(simulated(8, 60, 5, 0.4))
    for trained in (True, False):
        sides = [condition(alone, trained=trained), many]
        found = difference(*(sides[::-1] if swapped else sides))
        assert math.isnan(found.p_value) == math.isnan(found.detectable) == trained
        assert found.low < found.point < found.high


def test_nothing_collapses_where_both_are_always_right() -> None:
    found = difference(condition(np.ones((30, 3))), condition(np.ones((30, 3))))
    assert (found.point, found.p_value) == (0.0, 1.0)
    assert found.high == -found.low == pytest.approx(stats.t.ppf(0.975, 29) * math.sqrt(2) / 30)


@given(SEEDS, st.integers(3, 6))
def test_the_p_value_and_the_interval_say_the_same(seed: int, boots: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = condition(simulated(seed, 40, 1), trained=False), condition(simulated(seed + 1, 40, boots, rng.random()))
    found = difference(a, b)
    excludes = found.low > 0 or found.high < 0
    assert excludes == (found.p_value < 0.05)


def test_other_coverage_other_width() -> None:
    found = [accuracy_interval(condition(simulated(4, 60, 3)), coverage) for coverage in (0.5, 0.99)]
    assert found[1].low < found[0].low < found[0].high < found[1].high


@pytest.mark.parametrize("coverage", [0.0, 1.0, 1.5])
def test_a_coverage_that_is_none_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="coverage"):
        accuracy_interval(right(3), coverage)
    with pytest.raises(ValueError, match="coverage"):
        difference(right(3), right(4), coverage)


def test_conditions_on_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same items.*'a': 3.*'b': 4"):
        difference(right(1, 3), right(1, 4))


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (np.empty((0, 3)), "no tested item"),
        (np.full((3, 2), np.nan), "no tested item"),
        (np.ones(3), "2-D"),
        ([[0.5]], "0, 1 or NaN"),
        ([[1, 0], [1, -1]], "0, 1 or NaN"),
    ],
)
def test_unusable_arrays_are_refused(correct: npt.ArrayLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        condition(correct)


def test_clusters_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="clusters: expected one for each of 4 items"):
        condition(np.ones((4, 1)), clusters=[1, 2, 3])


def test_the_gap_between_two_groups_of_a_conditions_items() -> None:
    """Disjoint groups of one boot are two samples; a group against itself is nothing."""
    matrix = simulated(5, 90, 1)
    first = np.arange(90) < 40
    found = generalization_gap(condition(matrix, trained=False), first, ~first)
    assert found.point == pytest.approx(matrix[:40].mean() - matrix[40:].mean())
    variance = 90 / 89 * (matrix[:40].var() / 40 + matrix[40:].var() / 50)
    assert found.high - found.point == pytest.approx(stats.t.ppf(0.975, 89) * math.sqrt(variance))
    same = generalization_gap(condition(matrix), first, first)
    assert same.point == 0.0


def test_one_run_moves_both_groups() -> None:
    """Boots that shift all items alike do not move the gap."""
    matrix = np.hstack([np.ones((60, 1)), np.zeros((60, 1)), np.ones((60, 1))])
    first = np.arange(60) < 30
    found = generalization_gap(condition(matrix), first, ~first)
    assert found.point == 0.0
    assert found.high < 0.2


def test_a_group_that_was_not_tested_is_refused() -> None:
    with pytest.raises(ValueError, match="no tested item"):
        generalization_gap(condition(np.ones((4, 2))), np.zeros(4, dtype=bool), np.ones(4, dtype=bool))
