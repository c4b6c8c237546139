"""Calibration against a loop over items and choices, and what it must keep."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from uphill.methods.calibrating import calibrated

Array = NDArray[np.float64]
Rows = list[list[float]]


def loop(items: Rows, reference: Rows) -> Rows:
    """The definition, choice by choice."""
    places = max(map(len, [*items, *reference]))
    medians = [median([row[place] for row in reference if len(row) > place] or [0]) for place in range(places)]
    found = []
    for item in items:
        apart = [p - medians[place] for place, p in enumerate(item)]
        lowest = min(apart)
        if lowest < 0:
            apart = [value - lowest for value in apart]
        raised = [value + 0.01 for value in apart]
        found.append([value / sum(raised) for value in raised])
    return found


def rectangle(rows: Rows, places: int, fill: float) -> Array:
    return np.array([row + [fill] * (places - len(row)) for row in rows])


def probabilities(weights: list[list[int]]) -> Rows:
    return [[weight / sum(row) for weight in row] for row in weights]


weights = st.lists(st.integers(0, 1000), min_size=2, max_size=5).filter(any)
tables = st.lists(weights, min_size=1, max_size=8).map(probabilities)


@given(tables, tables)
def test_it_is_the_loop_and_gives_probabilities(items: Rows, reference: Rows) -> None:
    places = max(map(len, [*items, *reference]))
    exists = ~np.isnan(rectangle(items, places, np.nan))
    found = calibrated(rectangle(items, places, 0), exists, rectangle(reference, places, np.nan))
    assert (found >= 0).all()
    assert (found[exists] > 0).all()
    assert (found[~exists] == 0).all()
    np.testing.assert_allclose(found.sum(-1), 1)
    for row, expected in zip(found, loop(items, reference), strict=True):
        # Some ten float64 operations on numbers below 1.
        assert row[: len(expected)] == pytest.approx(expected, abs=1e-12)


def test_a_choice_that_is_always_liked_must_be_liked_more_than_that() -> None:
    items = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    found = calibrated(items, np.ones((3, 2), dtype=bool), items)
    assert found.argmax(-1).tolist() == [0, 0, 1]
    # Medians .8 and .2; the last item's differences are -.2 and .2: raised, 0 and .4, and .01 and .41.
    assert found[2] == pytest.approx([0.01 / 0.42, 0.41 / 0.42])
    # The middle item is where the medians are.
    assert found[1] == pytest.approx([0.5, 0.5])
