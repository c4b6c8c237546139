"""Grades decoded from hidden states: against ridge regression by hand, and neither noise nor copies are decoded."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.hardness import decoded
from uphill.hardness.data import Graded, Responded

COUNT, WIDTH = 60, 12
SETTINGS = decoded.Settings(of="grade", folds=4, alpha=[0.1, 1.0, 10.0, 100.0])


def responded(states: Any, grade: Any, questions: list[str] | None = None) -> Responded:
    """Items with two or three choices; a third state of an item that has two says nothing."""
    count = len(grade)
    ids = [f"i{number:03d}" for number in range(count)]
    exists = np.array([[True, True, number % 2 == 0] for number in range(count)])
    table = ResponseTable(
        ids[::-1],
        *(np.zeros((count, 3)), np.zeros((count, 3), dtype=np.int64), exists[::-1]),
        (np.asarray(states, dtype=np.float32)[:, None, :] * exists[:, :, None])[::-1],
    )
    items = pd.DataFrame({"question": questions or ids, "grade": grade, "pool": "experiment"}, index=ids)
    return Responded(Graded("d", ("grade",), False, 0), items.rename_axis("item_id"), 0, responses=table)


def values(data: Responded, settings: decoded.Settings = SETTINGS) -> pd.DataFrame:
    return decoded.measure("read", settings, data).set_index("item_id")


def by_hand(features: Any, wanted: Any, fold: Any, alphas: list[float]) -> Any:
    """Ridge regression with the penalty of the smallest leave-one-out error, each left out one by one."""
    found = np.zeros(len(wanted))
    for number in range(fold.max() + 1):
        x, y, new = features[fold != number], wanted[fold != number], features[fold == number]
        mean, sd = x.mean(0), x.std(0)
        x, new = (x - mean) / sd, (new - mean) / sd

        def fit(x: Any, y: Any, new: Any, alpha: float) -> Any:
            centre = x.mean(0)
            weights = np.linalg.solve((x - centre).T @ (x - centre) + alpha * np.eye(WIDTH), (x - centre).T @ y)
            return y.mean() + (new - centre) @ weights

        def error(alpha: float, x: Any = x, y: Any = y, fit: Any = fit) -> float:
            rest = [np.arange(len(y)) != left for left in range(len(y))]
            return sum((y[left] - fit(x[kept], y[kept], x[left], alpha)) ** 2 for left, kept in enumerate(rest))

        found[fold == number] = fit(x, y, new, min(alphas, key=error))
    return found


def test_values_are_those_of_ridge_regression_by_hand() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(COUNT, WIDTH)).astype(np.float32)
    grade = states[:, 0] - 2 * states[:, 1] + rng.normal(size=COUNT)
    found = values(responded(states, grade)).loc[[f"i{number:03d}" for number in range(COUNT)]]
    expected = by_hand(states.astype(float), grade, found["fold"].to_numpy(), SETTINGS.alpha)
    # A leave-one-out error in closed form keeps the mean's own shrinkage: the same penalty, so the same fit.
    np.testing.assert_allclose(found["value"], expected, rtol=1e-5, atol=1e-5)
    assert found["fold"].value_counts().to_dict() == dict.fromkeys(range(4), COUNT // 4)
    assert stats.spearmanr(found["value"], grade).statistic > 0.7


def test_neither_noise_nor_copies_of_items_are_decoded() -> None:
    """Averaged over draws, noise correlates a little below 0; a copy in another fold would tell its twin."""
    rhos = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        states, grade = rng.normal(size=(40, 100)), rng.normal(size=40)
        twice = responded(np.r_[states, states], np.r_[grade, grade], [f"q{number % 40}" for number in range(80)])
        found = values(twice)
        assert (found["fold"].to_numpy()[:40] == found["fold"].to_numpy()[40:]).all()
        rhos.append(np.corrcoef(found["value"], np.r_[grade, grade])[0, 1])
    assert np.mean(rhos) < 0.1


def test_values_do_not_depend_on_the_order_of_items() -> None:
    rng = np.random.default_rng(1)
    data = responded(rng.normal(size=(COUNT, WIDTH)), rng.normal(size=COUNT))
    table = data.responses
    turned = ResponseTable(
        table.item_ids[::-1], table.logprob, table.n_tokens, table.exists[::-1], table.states[::-1], table.layers
    )
    other = Responded(data.dataset, data.items.iloc[::-1], 0, responses=turned)
    pd.testing.assert_frame_equal(values(data), values(other))


def test_it_is_of_datasets_with_the_grade_and_refuses_what_it_cannot_split() -> None:
    assert decoded.variables("read", SETTINGS, Graded("d", ("grade",), False, 0)) == ["read"]
    assert decoded.variables("read", SETTINGS, Graded("d", ("grade",), True, 0)) == []
    assert decoded.variables("read", SETTINGS, Graded("d", ("other",), False, 0)) == []
    with pytest.raises(UphillError, match="decoded: 3 questions, expected as many as there are folds"):
        values(responded(np.zeros((3, 2)), [1.0, 2.0, 3.0]))
    with pytest.raises(UphillError, match="item 'i001': grade is 'hard', expected a number"):
        values(responded(np.zeros((3, 2)), [1.0, "hard", 3.0]))
