"""Matrices of answers of simulated models.

Importable by the tests beside it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from uphill.hardness.item_response import MISSING, Answers

Vector = NDArray[np.float64]


def simulated(
    models: int, items: int, slope_sd: float = 0.0, missing: float = 0.0, seed: int = 0
) -> tuple[Answers, Vector]:
    """Answers of models of normal ability, some missing at random, and the items' true difficulties."""
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=models), 1.5 * rng.normal(size=items)
    slope = 1.2 * np.exp(slope_sd * rng.normal(size=items))
    answers = (rng.random((models, items)) < expit(slope * (ability[:, None] - difficulty))).astype(np.int8)
    answers[rng.random((models, items)) < missing] = MISSING
    return answers, difficulty
