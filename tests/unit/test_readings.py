"""Two readings of one training condition, against a paired t-test of another library."""

import numpy as np
import pytest
from scipy import stats

from uphill.stats.conditions import Condition, condition
from uphill.stats.readings import readings

ITEMS, MARGIN = 200, 0.1


def answers(right: float, seed: int) -> Condition:
    """One set of answers to 200 items; no training draw, so that the paired t-test over items is exact."""
    rng = np.random.default_rng(seed)
    return condition((rng.random((ITEMS, 1)) < right).astype(float), trained=False)


def below(differences: np.ndarray, bound: float) -> float:
    """The one-sided p-value against a mean of paired differences being `bound` or more."""
    return float(stats.ttest_1samp(differences, bound, alternative="less").pvalue)


@pytest.mark.parametrize("accuracies", [(0.7, 0.72, 0.4), (0.45, 0.75, 0.42), (0.6, 0.8, 0.3), (0.4, 0.4, 0.4)])
def test_each_is_a_one_sided_paired_test(accuracies: tuple[float, float, float]) -> None:
    own, hardest, none = (answers(right, seed) for seed, right in enumerate(accuracies))
    found = readings(own, hardest, none, MARGIN)
    short, gain = (hardest.correct - own.correct)[:, 0], (own.correct - none.correct)[:, 0]
    assert found.short.point == pytest.approx(short.mean())
    assert found.as_good_p == pytest.approx(below(short, MARGIN))
    assert found.not_carried_p == pytest.approx(below(gain, MARGIN))
    assert found.helps_p == pytest.approx(below((none.correct - hardest.correct)[:, 0], 0.0))


def crossed(right: float, boots: int = 5) -> Condition:
    """Every boot has the same share right, of items in turn: draws add nothing to doubt."""
    matrix = np.zeros((ITEMS, boots))
    for boot in range(boots):
        matrix[(np.arange(round(right * ITEMS)) + 7 * boot) % ITEMS, boot] = 1.0
    return condition(matrix)


@pytest.mark.parametrize(
    ("own", "hardest", "none", "as_good", "not_carried"),
    [
        (0.80, 0.80, 0.30, "yes", "no"),  # Hase: flat and high
        (0.30, 0.80, 0.30, "no", "yes"),  # Kordi: nothing arrives
        (0.55, 0.80, 0.30, "no", "no"),  # between the two
        (0.30, 0.30, 0.30, "cannot tell", "cannot tell"),  # nothing helps anybody: equal, and no claim
        (0.80, 0.30, 0.30, "yes", "no"),  # easy data alone helps
    ],
)
def test_what_is_planted_is_found(own: float, hardest: float, none: float, as_good: str, not_carried: str) -> None:
    untrained = Condition(crossed(none, 1).correct, trained=False)
    found = readings(crossed(own), crossed(hardest), untrained, MARGIN)
    assert (found.as_good, found.not_carried) == (as_good, not_carried)


def test_too_few_training_draws_tell_nothing() -> None:
    untrained = Condition(crossed(0.3, 1).correct, trained=False)
    found = readings(crossed(0.8, 2), crossed(0.8, 2), untrained, MARGIN)
    assert (found.as_good, found.not_carried) == ("cannot tell", "cannot tell")
    assert np.isnan([found.as_good_p, found.not_carried_p, found.helps_p]).all()


def test_a_margin_is_a_share() -> None:
    one = crossed(0.5)
    with pytest.raises(ValueError, match="margin must lie strictly between 0 and 1, got 3"):
        readings(one, one, one, 3)
