"""SGR and PGR: the ratio, all ratios that the data allow, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from uphill.stats.conditions import Condition, accuracy, condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.recovery import RatioSet, fieller, gap_recovered

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
NORMAL = 1.959964**2


def simulated(seed: int, mean: float, boots: int, items: int = 200) -> Condition:
    correct = (np.random.default_rng(seed).random((items, boots)) < mean).astype(np.float64)
    return condition(correct, trained=boots > 1)


def share(right: int) -> Condition:
    """400 items, no training, the first `right` correct."""
    return condition((np.arange(400) < right).astype(np.float64)[:, None], trained=False)


@pytest.mark.parametrize(("covariance", "low", "high"), [(0.0, 1.10442, 3.62180), (1.5, 1.48139, 2.70016)])
def test_fiellers_interval(covariance: float, low: float, high: float) -> None:
    found = fieller(10, 5, NORMAL * 4, NORMAL * 1, NORMAL * covariance)
    assert found.kind == "interval"
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_fiellers_set_outside_two_bounds_and_of_everything() -> None:
    outside = fieller(10, 1, NORMAL * 4, NORMAL * 1, 0.0)
    assert outside.kind == "outside"
    assert (outside.low, outside.high) == pytest.approx((-10.01324, 2.97461), abs=1e-4)
    assert str(outside) == "up to -10.01 or from 2.97"
    everything = fieller(1, 0.5, NORMAL * 4, NORMAL * 1, 0.0)
    assert everything.kind == "all"
    assert str(everything) == "any value"
    assert str(RatioSet("interval", -0.001, 1.0)) == "[0.00, 1.00]"


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.01, 2), st.floats(0.01, 2), st.floats(-0.95, 0.95))
def test_a_ratio_is_in_the_set_exactly_where_the_two_numbers_allow_it(
    a: float, b: float, v_aa: float, v_bb: float, correlation: float
) -> None:
    v_ab = correlation * math.sqrt(v_aa * v_bb)
    assume(abs(b * b - v_bb) > 1e-6)
    found = fieller(a, b, v_aa, v_bb, v_ab)
    for ratio in np.linspace(-20, 20, 401):
        slack = v_aa - 2 * ratio * v_ab + ratio**2 * v_bb - (a - ratio * b) ** 2
        if abs(slack) > 1e-6 * (1 + ratio**2):
            assert (ratio in found) == (slack > 0)


def test_sgr_of_known_accuracies() -> None:
    found = gap_recovered(share(270), share(280), share(200))
    assert (found.reached.point, found.ceiling.point, found.floor.point) == (0.675, 0.7, 0.5)
    assert found.point == pytest.approx(7 / 8)
    assert found.ratios.low < found.point < found.ratios.high
    assert found.status == "defined"
    assert found.p_value == found.reached_floor.p_value < 1e-6


def test_nested_successes_have_a_binomial_interval() -> None:
    """With nested successes the ratio is the share of the gap's 200 items that are also reached: .8."""
    found = gap_recovered(share(260), share(300), share(100))
    sd = math.sqrt(0.8 * 0.2 / 200)
    assert found.ratios.low == pytest.approx(0.8 - 1.96 * sd, abs=0.006)
    assert found.ratios.high == pytest.approx(0.8 + 1.96 * sd, abs=0.006)


def test_its_parts_are_those_of_the_estimates() -> None:
    easy, hard, zero = simulated(1, 0.7, 5), simulated(2, 0.8, 5), simulated(3, 0.5, 1)
    found = gap_recovered(easy, hard, zero, 0.9)
    assert found.reached == accuracy_interval(easy, 0.9)
    assert found.floor == accuracy_interval(zero, 0.9)
    for part, pair in (
        (found.ceiling_reached, (easy, hard)),
        (found.reached_floor, (zero, easy)),
        (found.ceiling_floor, (zero, hard)),
    ):
        expected = difference(*pair, 0.9)
        assert (part.low, part.high) == pytest.approx((expected.low, expected.high))
        assert part.point == pytest.approx(expected.point)
    expected_ratio = (accuracy(easy.correct) - accuracy(zero.correct)) / (
        accuracy(hard.correct) - accuracy(zero.correct)
    )
    assert found.point == pytest.approx(expected_ratio)


def test_a_set_is_bounded_only_where_the_gap_is_told_from_zero() -> None:
    for seed in range(40):
        zero, hard, easy = (
            simulated(seed, 0.6, 1, 60),
            simulated(seed + 1, 0.72, 3, 60),
            simulated(seed + 2, 0.7, 3, 60),
        )
        found = gap_recovered(easy, hard, zero)
        gap = difference(zero, hard)
        if found.ratios.kind == "interval":
            assert gap.low > 0 or gap.high < 0
            assert found.point in found.ratios
        else:
            assert math.isnan(found.point)
            assert math.isnan(found.p_value)
            assert found.status in ("unbounded", "undefined")


def test_nothing_collapses_where_easy_and_hard_are_always_right() -> None:
    ones = condition(np.ones((30, 3)))
    zero = condition(np.repeat([1.0, 0.0], 15)[:, None], trained=False)
    found = gap_recovered(ones, ones, zero)
    assert found.point == 1.0
    assert found.ratios.low < 0.9 < 1.1 < found.ratios.high


@given(st.integers(1, 4), st.floats(0.0, 1.0), SEEDS)
def test_it_is_undefined_where_hard_equals_unsupervised(boots: int, mean: float, seed: int) -> None:
    hard = simulated(seed, mean, boots)
    found = gap_recovered(simulated(seed + 1, 0.9, 2), hard, hard)
    assert found.status in ("undefined", "unbounded")
    assert math.isnan(found.point)


def test_a_gap_within_the_noise_is_no_gap_and_a_clear_loss_is_one() -> None:
    zero = simulated(8, 0.6, 1)
    assert gap_recovered(zero, simulated(9, 0.62, 5), zero).status in ("undefined", "unbounded")
    loss = gap_recovered(simulated(10, 0.3, 5), simulated(11, 0.2, 5), zero)
    assert loss.status == "negative gap"
    assert 0 < loss.point < 1


def test_p_value_is_one_where_nothing_is_recovered() -> None:
    found = gap_recovered(share(100), share(300), share(100))
    assert (found.point, found.p_value) == (0.0, 1.0)


def test_one_item_allows_everything() -> None:
    one = condition([[1.0]], trained=False)
    assert gap_recovered(one, one, condition([[0.0]], trained=False)).status == "undefined"


def test_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        gap_recovered(share(3), share(4), condition(np.ones((2, 1))))
