"""Variances of items and of training draws: published examples, closed forms, slow loops."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from uphill.stats.conditions import Condition, accuracy, condition
from uphill.stats.random_effects import Part, Spread, part, spread

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)

# Penicillin, 24 plates x 6 samples (Davies and Goldsmith 1972): two crossed random effects.
PENICILLIN = """27 23 26 23 23 21; 27 23 26 23 23 21; 25 21 25 24 24 20; 26 23 25 23 23 20; 25 22 26 22 23 20;
24 22 25 23 22 19; 24 20 23 21 22 19; 26 22 26 24 24 21; 24 21 24 22 22 20; 24 21 24 23 22 19; 26 23 26 24 24 21;
25 22 26 24 24 20; 26 24 26 24 25 22; 26 23 26 23 23 20; 26 23 25 24 24 22; 25 22 25 23 23 20; 25 21 24 23 23 20;
25 22 24 23 23 19; 24 21 23 21 21 19; 26 23 26 24 24 21; 25 21 24 22 22 18; 25 22 25 22 22 20; 24 21 24 22 24 19;
24 21 24 22 21 18"""
# Dyestuff, 6 batches x 5, and Dyestuff2 (Box and Tiao 1973): one nested effect, and one at its boundary.
DYESTUFF = """1545 1440 1440 1520 1580; 1540 1555 1490 1560 1495; 1595 1550 1605 1510 1560; 1445 1440 1595 1465 1545;
1595 1630 1515 1635 1625; 1520 1455 1450 1480 1445"""
DYESTUFF2 = """7.298 3.846 2.434 9.566 7.990; 5.220 6.556 0.608 11.788 -0.892; 0.110 10.386 13.434 5.510 8.166;
2.212 4.852 7.092 9.288 4.980; 0.282 9.014 4.458 9.446 7.198; 1.722 4.782 8.106 0.758 3.758"""


def read(text: str) -> Matrix:
    return np.array([[float(value) for value in row.split()] for row in text.split(";")])


def certain(matrix: Matrix) -> Part:
    """A part of numbers that are no answers, which have no doubt of an answer more."""
    return replace(part(Condition(matrix)), doubt=0.0)


def nested(groups: Matrix) -> Matrix:
    """Each row's numbers as a boot of its own, with items of its own."""
    found = np.full((groups.size, len(groups)), np.nan)
    for boot, values in enumerate(groups):
        found[boot * len(values) : (boot + 1) * len(values), boot] = values
    return found


def answers(seed: int, items: int, boots: int, untested: float = 0.0) -> Matrix:
    rng = np.random.default_rng(seed)
    matrix = (rng.random((items, boots)) < rng.beta(2, 1, size=(items, 1))).astype(np.float64)
    matrix[rng.random((items, boots)) < untested] = np.nan
    matrix[0] = np.where(np.isnan(matrix).all(axis=0), 1.0, matrix[0])
    return matrix


def test_crossed_effects_of_the_penicillin_assay() -> None:
    """Published: SDs .8467, 1.9316, .5499; the mean's standard error from the three mean squares is .808573."""
    found = spread([certain(read(PENICILLIN))])
    assert math.sqrt(found.items + found.draws) == pytest.approx(0.808573, abs=1e-6)
    assert found.draws == pytest.approx(3.730918 / 6, abs=1e-6)
    assert found.items == pytest.approx(4.603865 / 144, abs=1e-6)
    assert (found.items_df, found.draws_df, found.boots) == (23, 5, 6)


def test_a_nested_effect_is_the_means_of_its_groups() -> None:
    """Published: mean 1527.5, batch SD 42.00; standard error of the mean 19.3834 with 5 degrees of freedom."""
    found = spread([certain(nested(read(DYESTUFF)))])
    assert math.sqrt(found.items + found.draws) == pytest.approx(19.3834, abs=1e-4)
    assert found.draws_df == 5
    half = found.half_width(0.05)
    assert half == pytest.approx(stats.t.ppf(0.975, 5) * 19.3834, abs=1e-3)


def test_an_effect_at_its_boundary_is_no_negative_variance() -> None:
    """Published: batch variance -1.32191 before it is put to 0; nested, the means' own standard error is .5271."""
    assert math.sqrt(spread([certain(nested(read(DYESTUFF2)))]).draws) == pytest.approx(0.5271, abs=1e-4)
    crossed = spread([certain(read(DYESTUFF2).T)])
    assert crossed.draws == 0.0
    assert crossed.items > 0.0


def slow_parts(matrix: Matrix) -> tuple[float, float]:
    """Items' and draws' variances of a complete matrix by the textbook's mean squares."""
    items, boots = matrix.shape
    mean, rows, columns = matrix.mean(), matrix.mean(axis=1), matrix.mean(axis=0)
    of_rows = boots * sum((value - mean) ** 2 for value in rows) / (items - 1)
    of_columns = items * sum((value - mean) ** 2 for value in columns) / (boots - 1)
    rest = sum(
        (matrix[i, j] - rows[i] - columns[j] + mean) ** 2 for i, j in itertools.product(range(items), range(boots))
    ) / ((items - 1) * (boots - 1))
    return of_rows / (items * boots), max(0.0, of_columns - rest) / (items * boots)


@given(SEEDS, st.integers(3, 30), st.integers(2, 6))
def test_complete_answers_have_the_mean_squares_of_two_way_analysis(seed: int, items: int, boots: int) -> None:
    matrix = answers(seed, items, boots)
    found, (own, draws) = spread([certain(matrix)]), slow_parts(matrix)
    assert (found.items, found.draws) == pytest.approx((own, draws), abs=1e-12)


@given(SEEDS)
def test_neither_order_nor_names_matter(seed: int) -> None:
    rng, matrix = np.random.default_rng(seed), answers(seed, 20, 4, 0.2)
    groups = rng.integers(0, 7, 20)
    rows, columns = rng.permutation(20), rng.permutation(4)
    one = spread([part(condition(matrix, clusters=groups))])
    other = spread([part(condition(matrix[rows][:, columns], clusters=[f"passage {n}" for n in groups[rows]]))])
    assert (one.items, one.draws, one.items_df) == pytest.approx((other.items, other.draws, other.items_df), abs=1e-12)


def numbers(matrix: Matrix, clusters: npt.ArrayLike | None = None) -> tuple[float, ...]:
    found = spread([part(condition(matrix, clusters=clusters))])
    return found.items, found.items_df, found.draws, found.draws_df


def test_untested_items_and_boots_change_nothing() -> None:
    matrix = answers(1, 30, 3)
    padded = np.full((35, 4), np.nan)
    padded[2:32, :3] = matrix
    assert numbers(padded) == pytest.approx(numbers(matrix))


def test_clusters_of_one_item_are_items_and_copies_of_an_item_tell_nothing_new() -> None:
    matrix = answers(2, 40, 3)
    alone = spread([part(condition(matrix))])
    copies = np.repeat(matrix, 5, axis=0)
    assert numbers(matrix, np.arange(40)) == pytest.approx(numbers(matrix))
    assert numbers(copies, np.repeat(np.arange(40), 5)) == pytest.approx(numbers(matrix))
    assert spread([part(condition(copies))]).items == pytest.approx(alone.items / 5, rel=0.03)


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_the_variance_is_right_on_average_however_much_boots_share(shared: float) -> None:
    """Simulated: 24 items a boot, of which a part is the same in all boots; draws move all answers of a boot."""
    rng, found, seen = np.random.default_rng(3), [], []
    same, boots = int(24 * shared), 4
    for _ in range(1500):
        ease = rng.normal(0.5, 0.3, size=same + (24 - same) * boots)
        matrix = np.full((len(ease), boots), np.nan)
        for boot in range(boots):
            own = [*range(same), *range(same + (24 - same) * boot, same + (24 - same) * (boot + 1))]
            matrix[own, boot] = ease[own] + rng.normal(0, 0.1) + rng.normal(0, 0.3, size=24)
        kept = part(Condition(matrix))
        one = spread([replace(kept, doubt=0.0)])
        found.append(one.items + one.draws)
        seen.append(accuracy_of_numbers(matrix))
    # Putting negative parts to 0 adds a little; 1500 variances of 4 boots are known to some 4 %.
    assert np.mean(found) == pytest.approx(np.var(seen), rel=0.15)


def accuracy_of_numbers(matrix: Matrix) -> float:
    return float(np.nanmean(matrix, axis=0).mean())


def test_parts_that_vary_by_themselves_add_their_draws_and_pair_their_items() -> None:
    first, second = answers(4, 50, 4), answers(5, 50, 3)
    a, b = part(condition(first)), part(condition(second))
    both = spread([b, a.times(-1.0)])
    alone = [spread([one]) for one in (a, b)]
    assert both.draws == pytest.approx(alone[0].draws + alone[1].draws)
    paired = second.mean(axis=1) - first.mean(axis=1)
    assert both.items == pytest.approx(paired.var(ddof=1) / 50)
    assert 2 <= both.draws_df <= 5
    assert both.boots == 3


def test_a_baseline_is_held_against_each_boot_on_its_own_items() -> None:
    folds = np.full((40, 4), np.nan)
    for fold in range(4):
        folds[fold::4, fold] = answers(6 + fold, 10, 1)[:, 0]
    base = answers(20, 40, 1)
    like = part(condition(base, trained=False), like=~np.isnan(folds))
    gain = part(condition(folds)).minus(like)
    expected = [np.nanmean(folds[:, fold]) - base[fold::4, 0].mean() for fold in range(4)]
    assert gain.means == pytest.approx(expected)
    found = spread([gain])
    assert found.draws == pytest.approx(np.var(expected, ddof=1) / 4)
    assert found.draws_df == 3


def test_answers_that_agree_leave_the_doubt_of_one_more() -> None:
    found = spread([part(condition(np.ones((25, 3))))])
    assert found.items == pytest.approx(1 / 25**2)
    assert found.draws == 0.0


def test_one_item_tells_no_variance() -> None:
    found = spread([part(condition([[1.0, 0.0, 1.0]]))])
    assert found.half_width(0.05) == math.inf
    assert math.isnan(found.p_value(0.5))


@given(
    st.floats(1e-6, 1e-2), st.integers(3, 500), st.sampled_from([0.0, 1e-5, 1e-3]), st.integers(2, 9),
    st.floats(1e-3, 0.9),
)  # fmt: skip
def test_a_p_value_is_the_alpha_whose_interval_ends_at_zero(
    items: float, items_df: int, draws: float, draws_df: int, distance: float
) -> None:
    found = Spread(items, items_df, draws, draws_df if draws else math.nan, 3)
    p_value = found.p_value(distance)
    assert 0.0 < p_value < 1.0
    if p_value > 1e-90:
        assert found.half_width(p_value) == pytest.approx(distance, rel=1e-6)
    assert found.p_value(-distance) == p_value


def test_a_part_alone_is_students_test() -> None:
    assert Spread(0.01, 11, 0.0, math.nan, None).p_value(0.3) == pytest.approx(2 * stats.t.sf(3.0, 11), rel=1e-8)
    assert Spread(0.0, 11, 0.01, 2, 3).p_value(0.3) == pytest.approx(2 * stats.t.sf(3.0, 2), rel=1e-8)


def test_what_a_study_would_find() -> None:
    """With many degrees of freedom, 2.80 standard errors: 1.96 for the test and .84 for its power."""
    assert Spread(1.0, 1e6, 0.0, math.nan, None).detectable(0.05) == pytest.approx(1.96 + 0.8416, abs=1e-3)


@pytest.mark.parametrize("boots", [1, 2])
def test_too_few_draws_make_no_test(boots: int) -> None:
    few = spread([part(condition(answers(30, 50, boots)))])
    assert math.isnan(few.p_value(0.2))
    assert math.isnan(few.detectable(0.05))
    assert few.half_width(0.05) > 0.0
    untrained = spread([part(condition(answers(30, 50, 1), trained=False))])
    assert 0.0 < untrained.p_value(0.2) < 1.0


def test_accuracy_of_a_condition_is_the_mean_of_its_parts() -> None:
    matrix = answers(31, 30, 4, 0.3)
    assert part(condition(matrix)).means.mean() == pytest.approx(accuracy(matrix))
