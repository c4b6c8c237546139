"""Leaders: examples by hand, a slow transcription of the specification, and counts that always add up."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from uphill.grading import letter, number
from uphill.grading.grade import Grader, Item, Output
from uphill.schemas.clusters import CLUSTERS
from uphill.weak_to_strong.certainty import Certain
from uphill.weak_to_strong.clustering import clusters, entropy, leaders, near, same_answer

SETTINGS: dict[str, Any] = {"certain": {"clusters": 1, "share": None}, "above": 0.9}
QUESTIONS = pd.Series({"i": "?", "j": "?"})


def texts(answers: Sequence[str], item: str = "i", ended: Sequence[bool] | None = None) -> pd.DataFrame:
    """An item's texts, of given answers."""
    count = len(answers)
    told = {"item_id": item, "sample": range(count), "text": [f"text {n}: {one}" for n, one in enumerate(answers)]}
    more = {"n_tokens": 1, "n_prompt_tokens": 1, "ended": [True] * count if ended is None else ended}
    return pd.DataFrame({**told, **more, "parsed": answers})


def found(frame: pd.DataFrame, settings: dict[str, Any] = SETTINGS, embed: Any = None) -> pd.DataFrame:
    table = pd.DataFrame(clusters(frame, QUESTIONS, embed, settings), columns=CLUSTERS.schema.names)
    CLUSTERS.to_arrow(table, "clusters")
    return table


def specified(samples: list[Any], same: Any) -> list[tuple[Any, int]]:
    """Section A3: the leader is L[0], its members all that are similar; singletons go, others are stored."""
    left, stored = list(enumerate(samples)), []
    while left:
        leader = left[0]
        members = [one for one in left if same(one[1], leader[1])]
        if len(members) <= 1:
            left = left[1:]
        else:
            stored.append((leader[0], len(members)))
            left = [one for one in left if one not in members]
    return stored


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), min_size=1, max_size=12))
def test_answers_fall_as_specified(answers: list[str]) -> None:
    """An answer that was not found is like none, itself included."""
    expected = specified(answers, lambda one, other: bool(one) and one == other)
    table = found(texts(answers))
    held = table[table["cluster"] >= 0]
    assert [(f"text {leader}: {answers[leader]}", size) for leader, size in expected] == [
        (row.text, row.size_) for row in held.rename(columns={"size": "size_"}).itertuples()
    ]
    row = table.iloc[0]
    # Nothing is lost: the share of the largest is of all that was asked.
    assert held["size"].sum() + row["n_singletons"] + row["n_unparsed"] == row["n_samples"] == len(answers)
    assert row["n_unparsed"] == answers.count("")
    assert len(table) == max(1, len(expected))


@given(st.integers(0, 10_000), st.integers(1, 10))
def test_vectors_fall_as_specified(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.float32(rng.normal(size=(count, 2)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
        return round(float(sum(np.float64(a) * np.float64(b) for a, b in zip(one, other, strict=True))), 6) > 0.6

    expected = specified(list(vectors), lambda one, other: one is other or cosine(one, other))
    members = leaders([True] * count, near(vectors, 0.6))
    assert [(int(own[0]), len(own)) for own in members] == expected


def angle(degrees: float) -> list[float]:
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def sizes(degrees: Sequence[float], above: float) -> list[list[int]]:
    vectors = np.array([angle(one) for one in degrees], dtype=np.float32)
    return [own.tolist() for own in leaders([True] * len(degrees), near(vectors, above))]


def test_the_order_decides_who_leads() -> None:
    """A is like B and B like C, but A is not like C: led by B all are one, led by A its end is left alone."""
    assert sizes([0, 20, 40], 0.9) == [[0, 1]]
    assert sizes([20, 0, 40], 0.9) == [[0, 1, 2]]


def test_a_cosine_at_the_threshold_is_not_above_it() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    assert leaders([True, True], near(vectors, 0.6)) == []
    assert [own.tolist() for own in leaders([True, True], near(vectors, 0.599))] == [[0, 1]]


def test_of_clusters_as_large_the_earliest_is_first_and_all_singletons_are_none() -> None:
    table = found(texts(["b", "a", "a", "b", "c"]))
    assert table[["cluster", "size", "answer"]].to_numpy().tolist() == [[0, 2, "b"], [1, 2, "a"]]
    alone = found(texts(["a", "b", "c"]))
    assert alone[["cluster", "size", "text", "n_singletons", "certain"]].to_numpy().tolist() == [[-1, 0, "", 3, False]]


def test_what_was_cut_off_is_no_answer() -> None:
    table = found(texts(["a", "a", "a"], ended=[True, False, True]))
    assert table[["size", "n_unparsed"]].to_numpy().tolist() == [[2, 1]]
    assert found(texts(["a", "a"], ended=[True, False]))["cluster"].tolist() == [-1]


def test_certainty_is_by_the_rule_that_is_stated() -> None:
    """Two of 100 that agree are certain as published (defect D-5), and are not by their share."""
    scattered = texts(["a", "a", *map(str, range(98))])
    assert found(scattered)["certain"].tolist() == [True]
    by_share = {**SETTINGS, "certain": {"clusters": None, "share": 0.55}}
    assert found(scattered, by_share)["certain"].tolist() == [False]
    assert found(texts(["a"] * 55 + ["b"] * 45), by_share)["certain"].tolist() == [True, True]
    assert found(texts(["a"] * 54 + [""] * 46), by_share)["certain"].tolist() == [False]
    assert not Certain(share=0.01).holds([], 100)
    with pytest.raises(ValueError, match="expected one of clusters and share"):
        Certain(clusters=1, share=0.5)


def test_entropy_is_of_all_texts() -> None:
    assert entropy([4], 0, 0) == 0
    assert entropy([2, 2], 0, 0) == pytest.approx(math.log(2), abs=1e-12)  # float64
    # 2 and 1 and 1 alone of 8, and 4 without an answer, which are one class.
    assert entropy([2], 2, 4) == pytest.approx(1.75 * math.log(2), abs=1e-12)


def test_the_order_of_rows_changes_no_row() -> None:
    frame = pd.concat([texts(["a", "b", "a", "c", "b"], "i"), texts(["x", "y", "y", ""], "j")])
    expected = found(frame)
    for seed in range(20):
        pd.testing.assert_frame_equal(found(frame.sample(frac=1, random_state=seed)), expected)


def test_a_text_that_occurs_again_is_embedded_once_and_counted_twice() -> None:
    asked: list[list[str]] = []

    def embed(distinct: Sequence[str], question: str) -> NDArray[np.float32]:
        asked.append(list(distinct))
        return np.eye(len(distinct), 4, dtype=np.float32)

    frame = texts(["", "", "", ""]).assign(text=["one", "two", "one", ""])
    table = found(frame, embed=embed)
    assert asked == [["one", "two"]]
    assert table[["size", "text", "n_singletons", "n_unparsed"]].to_numpy().tolist() == [[2, "one", 1, 1]]
    # What was cut off is not even embedded.
    table = found(frame.assign(ended=[False, True, False, False]), embed=embed)
    assert asked[1:] == [["two"]]
    assert table[["cluster", "n_singletons", "n_unparsed"]].to_numpy().tolist() == [[-1, 1, 3]]
    assert found(frame.assign(ended=False), embed=embed)["n_unparsed"].tolist() == [4]
    assert len(asked) == 2


CHOICES = Item("?", ["red", "blue"], 0, "red")
SAME: list[tuple[Grader, Item, list[str]]] = [
    (letter, CHOICES, ["My choice is A.", "My choice is A because it is red.", "The answer is (A)"]),
    (number, Item(answer_text="8000"), ["#### 8,000", "The answer is $8000.00", "So it is 8000.", "#### 8000 "]),
]


@pytest.mark.parametrize(("grader", "item", "said"), SAME)
def test_one_answer_in_other_words_is_one_cluster(grader: Grader, item: Item, said: list[str]) -> None:
    """Answers are held against each other as their grader reads them, not by what stands behind a mark (D-29)."""
    answers = [grader.grade(grader.Settings(), item, Output(one)).parsed for one in said]
    members = leaders([True] * len(said), same_answer(answers))
    assert [own.tolist() for own in members] == [list(range(len(said)))]
