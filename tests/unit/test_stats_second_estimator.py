"""A second estimator for the main table: a logistic mixed model, by another library, draws the same conclusions."""

import numpy as np
import pandas as pd
import pytest

from uphill.stats.conditions import condition
from uphill.stats.estimates import difference

ITEMS, BOOTS = 120, 5


def studied(rng: np.random.Generator, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Answers to common items after two ways to train, `gap` logits apart, each in five draws of its own."""
    ease = rng.normal(0.5, 1.2, size=(ITEMS, 1))
    return tuple(
        (rng.random((ITEMS, BOOTS)) < 1 / (1 + np.exp(-(ease + shift + rng.normal(0, 0.15, BOOTS))))).astype(float)
        for shift in (0.0, gap)
    )


def by_mixed_model(first: np.ndarray, second: np.ndarray) -> float:
    """The gap in logits over its posterior standard deviation, items and draws as crossed random effects."""
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    rows = pd.DataFrame(
        [
            (float(matrix[item, boot]), side, f"i{item}", f"d{side}-{boot}")
            for side, matrix in enumerate((first, second))
            for item in range(ITEMS)
            for boot in range(BOOTS)
        ],
        columns=["right", "side", "item", "draw"],
    )
    effects = {"item": "0 + C(item)", "draw": "0 + C(draw)"}
    found = BinomialBayesMixedGLM.from_formula("right ~ side", effects, rows).fit_vb()
    return float(found.fe_mean[1] / found.fe_sd[1])


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # the library's own, of its optimizer
@pytest.mark.parametrize("gap", [-1.0, 0.0, 1.0])
def test_a_logistic_mixed_model_concludes_the_same(gap: float) -> None:
    pytest.importorskip("statsmodels")
    for seed in range(5):
        first, second = studied(np.random.default_rng([seed, int(10 * gap) + 50]), gap)
        found = difference(condition(first), condition(second))
        other = by_mixed_model(first, second)
        if gap:
            assert found.p_value < 0.05
            assert np.sign(found.point) == np.sign(other) == np.sign(gap)
            assert abs(other) > 2
        else:
            # Its variational errors are too small by their nature: it may see what is not there, but no more than that.
            assert found.p_value > 0.01
            assert abs(other) < 4.5
