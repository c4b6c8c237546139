"""SGR and PGR: the ratio, its interval, and where it is undefined."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.stats.paired import accuracy, bootstrap_accuracy, difference, paired_bootstrap
from uphill.stats.recovery import (
    compare_supervision,
    gap_recovered,
    performance_gap_recovered,
    supervision_gap_recovered,
)

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def simulated(rng: np.random.Generator, mean: float, boots: int, items: int = 200) -> Matrix:
    return (rng.random((items, boots)) < mean).astype(np.float64)


def share(right: int) -> Matrix:
    """400 items, one boot, the first `right` correct."""
    return (np.arange(400) < right).astype(np.float64)[:, None]


def test_sgr_of_known_accuracies() -> None:
    result = supervision_gap_recovered(share(270), share(280), share(200), np.random.default_rng(0))
    assert (result.easy, result.hard, result.unsupervised) == (0.675, 0.7, 0.5)
    assert result.sgr == pytest.approx(7 / 8)
    assert result.low < result.sgr < result.high
    assert result.defined
    assert result.draws == 10_000


def test_pgr_is_the_same_ratio_under_other_names() -> None:
    weak, between, strong = share(200), share(270), share(280)
    pgr = performance_gap_recovered(weak, between, strong, np.random.default_rng(1))
    sgr = supervision_gap_recovered(between, strong, weak, np.random.default_rng(1))
    assert (pgr.weak, pgr.weak_to_strong, pgr.strong) == (0.5, 0.675, 0.7)
    assert (pgr.pgr, pgr.low, pgr.high, pgr.defined, pgr.draws) == (sgr.sgr, sgr.low, sgr.high, True, sgr.draws)
    assert pgr.p_value == sgr.p_value


def test_nested_successes_have_a_binomial_interval() -> None:
    """With nested successes a draw's ratio is the share of the gap's 200 items that are also reached: k ~ .8."""
    result = gap_recovered(share(260), share(300), share(100), np.random.default_rng(2))
    sd = math.sqrt(0.8 * 0.2 / 200)  # given about 200 resampled items in the gap
    # Tolerance: 5 % for the random number of gap items, the lattice and the quantiles' Monte Carlo error.
    assert result.low == pytest.approx(0.8 - 1.96 * sd, abs=0.05 * 2 * 1.96 * sd)
    assert result.high == pytest.approx(0.8 + 1.96 * sd, abs=0.05 * 2 * 1.96 * sd)


def test_interval_is_made_of_ratios_of_paired_draws() -> None:
    rng = np.random.default_rng(3)
    easy, hard, zero = simulated(rng, 0.7, 5), simulated(rng, 0.8, 5), simulated(rng, 0.5, 1)
    result = supervision_gap_recovered(easy, hard, zero, np.random.default_rng(4), draws=2000, coverage=0.9)
    draws = paired_bootstrap({"easy": easy, "hard": hard, "zero": zero}, np.random.default_rng(4), 2000)
    ratios = [(e - z) / (h - z) for e, h, z in zip(*draws.values(), strict=True) if h != z]
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(ratios, [0.05, 0.95])), abs=1e-12)
    expected = (accuracy(easy) - accuracy(zero)) / (accuracy(hard) - accuracy(zero))
    assert result.sgr == pytest.approx(expected, abs=1e-14)
    centre = sum(ratios) / len(ratios)
    assert result.p_value == sum(abs(ratio - centre) >= expected for ratio in ratios) / len(ratios)


def test_draws_without_a_gap_are_dropped() -> None:
    """20 items, 4 in the gap: .8^20 = 1.2 % of the draws have no gap, less than the 2.5 % that would undefine it.

    The ceiling's three boots are identical, so that some of those gaps are 1e-16 rather than 0.
    """
    floor = np.repeat([1.0, 0.0], [9, 11])[:, None]
    ceiling = np.tile(np.repeat([1.0, 0.0], [13, 7])[:, None], (1, 3))
    arrays = {"reached": floor, "ceiling": ceiling, "floor": floor}  # in the order that replays the draws
    samples = paired_bootstrap(arrays, np.random.default_rng(5), 4000)
    steps = np.round((samples["ceiling"] - samples["floor"]) * 20)  # gaps are whole items
    result = gap_recovered(floor, ceiling, floor, np.random.default_rng(5), draws=4000)
    assert result.defined
    assert result.draws == np.count_nonzero(steps) < 4000


@given(st.integers(1, 4), SEEDS)
def test_sgr_is_one_when_easy_equals_hard(boots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hard = simulated(rng, 0.9, boots)
    result = supervision_gap_recovered(hard, hard, simulated(rng, 0.3, 1), rng, draws=300)
    assert result.defined
    assert result.sgr == 1.0
    assert result.low <= 1.0 <= result.high
    if boots == 1:
        assert (result.low, result.high) == (1.0, 1.0)


@given(st.integers(1, 4), st.floats(0.0, 1.0), SEEDS)
def test_sgr_is_undefined_when_hard_equals_unsupervised(boots: int, mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hard = simulated(rng, mean, boots)
    result = supervision_gap_recovered(simulated(rng, 0.9, 2), hard, hard, rng, draws=300)
    assert not result.defined
    assert math.isnan(result.sgr)
    assert math.isnan(result.p_value)
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert result.draws == 0
    assert result.hard == result.unsupervised == accuracy(hard)


def test_rounding_does_not_define_a_gap() -> None:
    """Identical boots average to the same number only up to rounding; a single draw shows it on one side of 0."""
    reached = simulated(np.random.default_rng(6), 0.9, 1)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        zero = simulated(rng, 0.6, 1)
        assert not gap_recovered(reached, np.tile(zero, (1, 7)), zero, rng, draws=1).defined


def test_p_value_is_one_where_nothing_is_recovered_and_small_where_all_is() -> None:
    nothing = supervision_gap_recovered(share(100), share(300), share(100), np.random.default_rng(9))
    assert (nothing.sgr, nothing.p_value) == (0.0, 1.0)
    everything = supervision_gap_recovered(share(300), share(300), share(100), np.random.default_rng(9))
    assert (everything.sgr, everything.p_value) == (1.0, 0.0)


def test_p_value_is_the_normal_tail_for_a_nested_share() -> None:
    """4 of the gap's 200 items recovered, 2 more lost: the net of 2 has variance 6, hence z = 2 / sqrt(6)."""
    zero, hard = share(100), share(300)
    easy = zero.copy()
    easy[100:104], easy[:2] = 1.0, 0.0
    result = supervision_gap_recovered(easy, hard, zero, np.random.default_rng(10))
    assert result.sgr == pytest.approx(2 / 200)
    tail = math.erfc(2 / math.sqrt(6) / math.sqrt(2))
    # The net is whole: half a unit on either side of 2 is the lattice's share, density 2 * .286 / sqrt(6) per unit;
    # twice .01 for Poisson rather than normal counts, and four Monte Carlo errors of 10,000 draws.
    assert result.p_value == pytest.approx(tail, abs=0.286 / math.sqrt(6) + 0.02 + 4 * math.sqrt(0.25 / 10_000))


def test_comparison_holds_its_parts_of_the_same_draws() -> None:
    rng = np.random.default_rng(11)
    easy, hard, zero = simulated(rng, 0.7, 5), simulated(rng, 0.8, 5), simulated(rng, 0.5, 1)
    found = compare_supervision(easy, hard, zero, np.random.default_rng(12), 2000)
    assert found.sgr == supervision_gap_recovered(easy, hard, zero, np.random.default_rng(12), 2000)
    draws = paired_bootstrap({"easy": easy, "hard": hard, "zero": zero}, np.random.default_rng(12), 2000)
    for part, sample in (
        (found.easy, draws["easy"]),
        (found.hard, draws["hard"]),
        (found.unsupervised, draws["zero"]),
        (found.hard_easy, draws["hard"] - draws["easy"]),
        (found.easy_unsupervised, draws["easy"] - draws["zero"]),
    ):
        assert (part.low, part.high) == pytest.approx(np.quantile(sample, [0.025, 0.975]), abs=1e-12)
    assert found.unsupervised.point == bootstrap_accuracy(zero, rng, 10).point
    assert found.hard_easy.point == difference(easy, hard, rng, 10).point
    assert found.easy_unsupervised.point == difference(zero, easy, rng, 10).point
    assert found.easy_unsupervised.p_value < 0.01


def test_a_gap_within_the_noise_is_undefined_and_a_clear_loss_is_not() -> None:
    rng = np.random.default_rng(8)
    zero = simulated(rng, 0.6, 1)
    assert not supervision_gap_recovered(zero, simulated(rng, 0.62, 5), zero, rng).defined
    loss = supervision_gap_recovered(simulated(rng, 0.3, 5), simulated(rng, 0.2, 5), zero, rng)
    assert loss.defined
    assert 0 < loss.sgr < 1


def test_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        supervision_gap_recovered(np.ones((3, 1)), np.ones((3, 1)), np.ones((2, 1)), np.random.default_rng(0))
