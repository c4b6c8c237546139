"""Chance-adjusted agreement of answers (CAPA) against examples worked by hand, and where tables read it."""

import numpy as np
import pandas as pd
import pytest
from graded import graded
from small_task import items
from test_grading_stage import QUESTIONS, SCORES

from uphill.stats.agreement import error_consistency, probabilistic_agreement
from uphill.tables.alike import same_answers


def sure(answers: list[int], choices: int = 4) -> list[np.ndarray]:
    return [np.eye(choices)[answer] for answer in answers]


def test_certain_answers_by_hand() -> None:
    """Of five items of four choices, the first right, the models have three and two right, and err alike once."""
    first, second = sure([0, 0, 0, 1, 2]), sure([0, 0, 3, 1, 3])
    found = probabilistic_agreement(first, second, [1, 1, 1, 0, 0], [1, 1, 0, 0, 0])
    expected = 3 / 5 * 2 / 5 + 2 / 5 * 3 / 5 / 3
    assert found.observed == pytest.approx(3 / 5)
    assert found.expected == pytest.approx(expected)
    assert found.kappa == pytest.approx((3 / 5 - expected) / (1 - expected))


def test_probabilities_by_hand_with_items_of_two_and_three_choices() -> None:
    first, second = [[0.8, 0.2], [0.5, 0.3, 0.2]], [[0.6, 0.4], [0.1, 0.7, 0.2]]
    observed = ((0.48 + 0.08) + (0.05 + 0.21 + 0.04)) / 2
    a, b = (0.8 + 0.3) / 2, (0.6 + 0.7) / 2  # the second item's right choice is its second
    expected = a * b + (1 - a) * (1 - b) * (1 + 1 / 2) / 2
    found = probabilistic_agreement(first, second, [0.8, 0.3], [0.6, 0.7])
    assert (found.observed, found.expected) == pytest.approx((observed, expected))
    assert found.kappa == pytest.approx((observed - expected) / (1 - expected))
    turned = probabilistic_agreement(second[::-1], first[::-1], [0.7, 0.6], [0.3, 0.8])
    assert turned.kappa == pytest.approx(found.kappa)


def test_the_same_answers_have_one_and_independent_ones_none() -> None:
    rng = np.random.default_rng(0)
    n, right = 40_000, 0.6
    drawn = [np.where(rng.random(n) < right, 0, rng.integers(1, 4, n)) for _ in range(2)]
    first, second = (sure(list(answers)) for answers in drawn)
    correct = [answers == 0 for answers in drawn]
    assert probabilistic_agreement(first, first, correct[0], correct[0]).kappa == 1
    # The standard error of an agreement of .41 over 40 000 items is .0025, of kappa .004.
    assert probabilistic_agreement(first, second, *correct).kappa == pytest.approx(0, abs=0.02)
    # Wrong on the same items, always another way: error consistency is 1, this is not.
    other = np.where(drawn[0] == 0, 0, drawn[0] % 3 + 1)
    assert error_consistency(correct[0][:, None], (other == 0)[:, None]).kappa == 1
    assert probabilistic_agreement(first, sure(list(other)), correct[0], other == 0).kappa < 0.5
    always = probabilistic_agreement(sure([0, 0]), sure([0, 0]), [1, 1], [1, 1])
    assert np.isnan(always.kappa)


def test_of_two_choices_certain_answers_are_error_consistency() -> None:
    rng = np.random.default_rng(1)
    drawn = [rng.integers(0, 2, 200) for _ in range(2)]
    found = probabilistic_agreement(*(sure(list(one), 2) for one in drawn), *(one == 0 for one in drawn))
    by_errors = error_consistency(*((one == 0)[:, None].astype(float) for one in drawn))
    assert found.kappa == pytest.approx(by_errors.kappa)


def test_boots_are_means_each_of_its_own_items() -> None:
    first, second = sure([0, 1, 0]), sure([0, 1, 1])
    right, other, boots = [1, 0, 1], [1, 0, 0], ["a", "a", "b"]
    found = probabilistic_agreement(first, second, right, other, boots)
    assert found.observed == pytest.approx((1 + 0) / 2)
    assert found.expected == pytest.approx(((0.25 + 0.25 / 3) + 0) / 2)


def test_what_cannot_agree_is_refused() -> None:
    with pytest.raises(ValueError, match="expected two choices or more of each item"):
        probabilistic_agreement([[1.0]], [[1.0]], [1], [1])
    with pytest.raises(ValueError, match="of both models the same"):
        probabilistic_agreement([[1.0, 0.0]], [[1.0, 0.0, 0.0]], [1], [1])
    with pytest.raises(ValueError, match="expected as many answers of each, got 2, 1, 2 and 2"):
        probabilistic_agreement(sure([0, 1]), sure([0, 1]), [1], [1, 0])


def answers(seed: int, boots: int) -> pd.DataFrame:
    """Grades of ten items as their columns are read, of some boots."""
    rng = np.random.default_rng(seed)
    frames = []
    for boot in range(boots):
        shares = [rng.dirichlet(np.ones(3)) for _ in range(10)]
        right = {"p_gold": [one[0] for one in shares], "correct": [bool(one.argmax() == 0) for one in shares]}
        frames.append(pd.DataFrame({"item_id": [f"i{n}" for n in range(10)], "shares": shares, "boot": boot, **right}))
    return pd.concat(frames, ignore_index=True)


def test_answers_are_joined_by_item_and_one_teacher_stands_beside_each_boot() -> None:
    student, weak = answers(0, 2), answers(1, 1)
    found = same_answers(student.sample(frac=1, random_state=0), weak.sample(frac=1, random_state=1))
    said, of = weak.set_index("item_id"), student["item_id"]
    by_hand = probabilistic_agreement(
        student["shares"], said["shares"][of], student["p_gold"], said["p_gold"][of], student["boot"]
    )
    assert found["capa"] == pytest.approx(by_hand.kappa)
    taken = [[np.eye(3)[np.argmax(one)] for one in shares] for shares in (student["shares"], said["shares"][of])]
    choices = probabilistic_agreement(*taken, student["correct"], said["correct"][of], student["boot"])
    assert found["capa_choice"] == pytest.approx(choices.kappa)
    assert same_answers(student, student)["capa_choice"] == 1
    assert same_answers(student.assign(shares=None), weak) == {}


def test_grades_keep_the_probabilities_of_scores() -> None:
    found = graded(SCORES, QUESTIONS)
    for shares, scores, p_gold in zip(found["shares"], SCORES["scores"], found["p_gold"], strict=True):
        assert list(shares) == pytest.approx(list(np.exp(scores) / np.exp(scores).sum()))
        assert p_gold in list(shares)
    written = pd.DataFrame({"item_id": ["a00"], "scores": None, "text": ["So the answer is yes"], "n_tokens": [[3]]})
    assert graded(written.assign(ended=True), items("a").head(1))["shares"].isna().all()
