"""Items and respondents that spoil a scale, against slow loops, the normal distribution and the published matrix."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from uphill.hardness.item_checks import certainty, copies, item_rest, reliability
from uphill.hardness.item_response import MISSING


def answers(models: int = 40, items: int = 30, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=(models, 1)), rng.normal(size=items)
    found = (rng.random((models, items)) < 1 / (1 + np.exp(difficulty - ability))).astype(np.int8)
    found[rng.random((models, items)) < 0.1] = MISSING
    return found


def slow_item_rest(matrix: np.ndarray, item: int) -> float:
    own, rest = [], []
    for model in matrix:
        others = [value for place, value in enumerate(model) if place != item and value != MISSING]
        if model[item] != MISSING and others:
            own.append(float(model[item]))
            rest.append(sum(others) / len(others))
    return float(np.corrcoef(own, rest)[0, 1])


def test_item_rest_is_that_of_a_slow_loop() -> None:
    matrix = answers()
    found = item_rest(matrix)
    assert found == pytest.approx([slow_item_rest(matrix, item) for item in range(30)])
    assert found.mean() > 0.2


def test_an_item_with_a_wrong_key_is_below_zero_and_one_that_all_know_is_not_known() -> None:
    matrix = answers(200)
    matrix[:, 3] = np.where(matrix[:, 3] == MISSING, MISSING, 1 - matrix[:, 3])
    matrix[:, 4] = 1
    found = item_rest(matrix)
    assert found[3] < -0.1
    assert math.isnan(found[4])


def slow_kappa(first: np.ndarray, second: np.ndarray) -> float:
    both = [(int(a), int(b)) for a, b in zip(first, second, strict=True) if MISSING not in (a, b)]
    agree = sum(a == b for a, b in both) / len(both)
    shares = [sum(pair[side] for pair in both) / len(both) for side in (0, 1)]
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    return (agree - chance) / (1 - chance)


def test_copies_are_found_and_nothing_else() -> None:
    matrix = answers(12, 400)
    matrix[7] = matrix[2]
    matrix[7, matrix[7] != MISSING] ^= np.arange((matrix[7] != MISSING).sum()) == 0
    (found,) = copies(matrix, [f"m{number}" for number in range(12)])
    assert found[:2] == ("m2", "m7")
    assert found[2] == pytest.approx(slow_kappa(matrix[2], matrix[7]), abs=1e-6)
    assert list(copies(answers(12, 400), [""] * 12)) == []


def test_models_with_few_items_in_common_are_not_compared() -> None:
    matrix = answers(3, 20)
    matrix[1] = matrix[0]
    assert list(copies(matrix, ["a", "b", "c"])) == []


def test_spearman_and_browns_correction() -> None:
    """Doubling a test whose halves agree by .6."""
    assert reliability(0.6) == pytest.approx(0.75)
    assert reliability(0.0) == 0.0
    assert math.isnan(reliability(-1.0))
    assert math.isnan(reliability(float("nan")))


def test_an_item_is_of_its_bin_as_surely_as_its_error_says() -> None:
    difficulty = pd.Series([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], index=list("abcdef"))
    number = pd.Series([1, 1, 2, 2, 3, 3], index=difficulty.index)
    found = certainty(difficulty, pd.Series(0.5, index=difficulty.index), number)
    normal = NormalDist(sigma=0.5)
    # Borders are -.5 and 1.5.
    assert found["a"] == pytest.approx(normal.cdf(1.5))
    assert found["b"] == pytest.approx(normal.cdf(0.5))
    assert found["c"] == pytest.approx(normal.cdf(1.5) - normal.cdf(-0.5))
    assert found["f"] == pytest.approx(1 - normal.cdf(-1.5))
    sure = certainty(difficulty, pd.Series(0.0, index=difficulty.index), number)
    assert (sure == 1).all()
    assert certainty(difficulty, pd.Series(float("nan"), index=difficulty.index), number).isna()["c"]
