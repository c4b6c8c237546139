"""Two one-sided tests against published examples, and the verdict in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from uphill.stats.conditions import Condition, condition
from uphill.stats.equivalence import as_good, one_sided
from uphill.stats.estimates import difference
from uphill.stats.random_effects import Spread

X, Y = np.array([4.0, 7, 8, 6, 3, 2]), np.array([6.0, 8, 7, 10, 11, 9])


def tost(point: float, found: Spread, margin: float) -> float:
    return max(one_sided(found, margin + point), one_sided(found, margin - point))


def test_published_examples() -> None:
    """Independent, margin 1: p .965097, 10 degrees of freedom; paired, margin .5: .954854; one sample, 4: .825967."""
    pooled = Spread((X.var(ddof=1) + Y.var(ddof=1)) / 6, 10, 0.0, math.nan, None)
    assert tost(X.mean() - Y.mean(), pooled, 1.0) == pytest.approx(0.965097, abs=1e-6)
    paired = Spread((X - Y).var(ddof=1) / 6, 5, 0.0, math.nan, None)
    assert tost((X - Y).mean(), paired, 0.5) == pytest.approx(0.954854, abs=1e-6)
    one = Spread(X.var(ddof=1) / 6, 5, 0.0, math.nan, None)
    assert tost(X.mean(), one, 4.0) == pytest.approx(0.825967, abs=1e-6)


def share(right: int, items: int = 2000) -> Condition:
    return condition((np.arange(items) < right).astype(np.float64)[:, None], trained=False)


@pytest.mark.parametrize(
    ("easy", "hard", "verdict"),
    [(1400, 1400, "yes"), (1395, 1400, "yes"), (1500, 1400, "yes"), (1300, 1400, "no"), (1343, 1400, "cannot tell")],
)
def test_yes_no_or_the_data_cannot_tell(easy: int, hard: int, verdict: str) -> None:
    found = as_good(share(easy), share(hard), 0.03)
    assert found.verdict == verdict


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.4))
def test_it_is_the_interval_of_ninety_percent_inside_the_margin(seed: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    easy, hard = (condition((rng.random((60, 4)) < rng.random()).astype(float)) for _ in range(2))
    found, behind = as_good(easy, hard, margin), difference(easy, hard, 0.9)
    assert (found.p_value < 0.05) == (-margin < behind.low and behind.high < margin)
    assert (found.verdict == "yes") == (behind.high < margin)
    assert (found.verdict == "no") == (behind.low > margin)


def test_too_few_draws_cannot_tell() -> None:
    few = condition(np.ones((500, 2)))
    found = as_good(few, few, 0.1)
    assert found.verdict == "cannot tell"
    assert math.isnan(found.p_value)


def test_one_sided_p_values_add_to_one() -> None:
    found = Spread(0.01, 20, 0.0, math.nan, None)
    assert one_sided(found, 0.1) + one_sided(found, -0.1) == pytest.approx(1.0)
    assert one_sided(found, 0.1) == pytest.approx(stats.t.sf(1.0, 20))


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        as_good(share(3), share(4), margin)
