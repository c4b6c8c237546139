"""Adjustment for many comparisons, against the step-up procedure as it is written down."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.stats.comparisons import adjusted

VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=20)


@given(VALUES, st.floats(0.001, 0.999))
def test_adjusted_values_reject_as_the_step_up_procedure(values: list[float], rate: float) -> None:
    """Benjamini and Hochberg 1995: with the k smallest where k is the largest rank i such that p_(i) <= i q / m."""
    known = sorted(value for value in values if not math.isnan(value))
    passing = [rank for rank, value in enumerate(known, 1) if value * (len(known) / rank) <= rate]
    result = adjusted(values)
    assert np.count_nonzero(result <= rate) == max(passing, default=0)


@given(VALUES)
def test_adjustment_keeps_the_order_and_lowers_nothing(values: list[float]) -> None:
    result, before = adjusted(values), np.array(values, dtype=np.float64)
    assert result.shape == before.shape
    np.testing.assert_array_equal(np.isnan(result), np.isnan(before))
    known = ~np.isnan(before)
    assert (result[known] >= before[known] - 1e-15).all()
    assert (result[known] <= 1.0).all()
    assert (np.diff(result[known][np.argsort(before[known], kind="stable")]) >= 0).all()


def test_known_values_nan_and_a_single_comparison() -> None:
    assert adjusted([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.04, 0.04], nan_ok=True)
    assert adjusted([0.02]).tolist() == [0.02]
    assert adjusted([]).tolist() == []
    assert np.isnan(adjusted([[math.nan, math.nan]])).all()


@pytest.mark.parametrize("value", [-0.1, 1.1, math.inf])
def test_other_numbers_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"p-values in \[0, 1\]"):
        adjusted([0.5, value])
