"""What a study would see: against simulated studies of the assumed kind, and the words of the plan."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.planning.power import needed
from uphill.stats.conditions import condition
from uphill.stats.estimates import difference_parts
from uphill.stats.power import Assumed, Design, detectable, expected_spread, items_for
from uphill.stats.random_effects import Spread, spread


def simulated(design: Design, assumed: Assumed, rng: np.random.Generator, gap: float) -> float:
    """The p-value of a study whose answers vary as assumed: ease in part common to conditions, in part to boots."""
    shape = (design.items, 1)
    common, thresholds = rng.random(shape), []
    for trained in (design.trained == 2, True):
        boots = design.boots if trained else 1
        own, noise = rng.random(shape), rng.random((design.items, boots))
        # Each answer takes the common ease with the conditions' correlation, its own with what boots add to it.
        choice = rng.random((design.items, 1))
        mixed = np.where(choice < math.sqrt(assumed.paired), common, own)
        ease = np.where(rng.random((design.items, boots)) < math.sqrt(assumed.same), mixed, noise)
        shift = rng.standard_normal(boots) * assumed.draws_sd if trained else np.zeros(1)
        thresholds.append((ease, shift, trained))
    made = [
        condition((ease < assumed.accuracy + shift + (gap if number else 0.0)).astype(float), trained)
        for number, (ease, shift, trained) in enumerate(thresholds)
    ]
    a, b = made
    return spread(difference_parts(a, b)).p_value(b.accuracy - a.accuracy)


@pytest.mark.parametrize("trained", [1, 2])
def test_four_of_five_studies_find_what_they_are_said_to(trained: int) -> None:
    design, assumed = Design(300, 5, trained), Assumed(paired=0.25, same=0.36)
    gap = detectable(design, assumed, 0.05)
    rng = np.random.default_rng(trained)
    found = np.mean([simulated(design, assumed, rng, gap) < 0.05 for _ in range(300)])
    # The correlations of the simulation are near the assumed ones, not equal to them.
    assert 0.65 < found < 0.95


@given(st.integers(20, 5000), st.sampled_from([3, 5, 10]), st.sampled_from([1, 2]), st.booleans())
def test_more_items_or_boots_see_no_less(items: int, boots: int, trained: int, folds: bool) -> None:
    own = detectable(Design(items, boots, trained, folds), Assumed(), 0.05)
    assert 0.0 < detectable(Design(2 * items, boots, trained, folds), Assumed(), 0.05) <= own
    assert detectable(Design(items, 2 * boots, trained, folds), Assumed(), 0.05) <= own


@pytest.mark.parametrize("boots", [1, 2])
def test_too_few_boots_see_nothing(boots: int) -> None:
    assert math.isnan(detectable(Design(500, boots, 2), Assumed(), 0.05))
    assert items_for(0.1, Design(500, boots, 2), Assumed(), 0.05) is None


@given(st.floats(0.08, 0.3), st.sampled_from([5, 10]), st.sampled_from([1, 2]))
def test_so_many_items_are_enough_and_one_fewer_is_not(gap: float, boots: int, trained: int) -> None:
    found = items_for(gap, Design(100, boots, trained), Assumed(), 0.05)
    if found is None:
        assert detectable(Design(1_000_000, boots, trained), Assumed(), 0.05) > gap
    else:
        assert detectable(Design(found, boots, trained), Assumed(), 0.05) <= gap
        assert found == 2 or detectable(Design(found - 1, boots, trained), Assumed(), 0.05) > gap


def test_folds_count_as_folds() -> None:
    """Two conditions of answers that vary by .7 * .3, each on 20 of 100 items, and their draws."""
    found = expected_spread(Design(100, 5, 2, folds=True), Assumed(accuracy=0.7, paired=0.0, draws_sd=0.1))
    assert found == Spread(0.0, 99, pytest.approx(2 * 0.21 / 100 + 2 * 0.01 / 5), 4, 5)


def test_a_margin_takes_the_fewest_boots_that_can_see_it() -> None:
    assert needed(Design(100, 3, 2), Assumed(), 0.05, 0.2, (3, 5, 10)) is not None
    boots, items = needed(Design(1000, 3, 2), Assumed(), 0.05, 0.03, (3, 5, 10, 20, 50, 100)) or (0, 0)
    assert boots >= 20
    assert detectable(Design(items, boots, 2), Assumed(), 0.05) <= 0.03
    assert needed(Design(10, 3, 2), Assumed(), 0.05, 0.01, (3, 5)) is None


def test_a_difference_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        items_for(0.0, Design(100, 5, 2), Assumed(), 0.05)
