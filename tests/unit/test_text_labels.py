"""Labels that are texts: what is kept, what is certain and what was rewritten, each joined by id."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.grading import letter, span
from uphill.grading.grade import Grader, Item, Output
from uphill.schemas.labels import LABELS
from uphill.weak_to_strong.graded_texts import graded
from uphill.weak_to_strong.interface import Written
from uphill.weak_to_strong.labels import certain_or_rewritten, kept, texts

IDS = ["a", "b", "c", "d"]
ITEMS = pd.DataFrame(
    {
        "item_id": IDS,
        "question": "?",
        "choices": [["x", "y"]] * 4,
        "answer_idx": pd.array([0, 1, 0, 1], dtype="Int64"),
        "answer_text": ["x", "y", "x", "y"],
        "reasoning": "why",
        "pool": "supervisor",
    }
)
KEPT, ANSWER = kept.Settings(generation="g"), kept.Settings(generation="g", target="answer")
ALICE = certain_or_rewritten.Settings(clusters="c", rewrites="r")


def written(*rows: tuple[str, int, str, bool, bool]) -> pd.DataFrame:
    """(item, number, text, right, ended) of texts; what was read off each is its last word."""
    frame = pd.DataFrame(rows, columns=["item_id", "sample", "text", "correct", "ended"])
    return frame.assign(n_tokens=1, n_prompt_tokens=1, parsed=[one.split()[-1] for one in frame["text"]])


def clustered(*rows: tuple[str, int, int, str, bool]) -> pd.DataFrame:
    """(item, cluster, size, text, certain) of clusters."""
    frame = pd.DataFrame(rows, columns=["item_id", "cluster", "size", "text", "certain"])
    return frame.assign(
        answer=[one[-1:] for one in frame["text"]], n_samples=9, n_singletons=0, n_unparsed=0, entropy=0
    )


def labelled(module: Any, settings: Any, given: Written, items: pd.DataFrame = ITEMS) -> pd.DataFrame:
    table = module.label(settings, items, given).sort_values("item_id", ignore_index=True)
    LABELS.to_arrow(table, "labels")
    return table


SAID = written(
    ("a", 0, "wrong y", False, True),
    ("a", 1, "first right x", True, True),
    ("a", 2, "second right x", True, True),
    ("b", 0, "cut right y", True, False),
    ("c", 0, "wrong y", False, True),
    ("d", 0, "right y", True, True),
)


def test_the_first_text_that_ended_and_is_right_is_kept() -> None:
    given = Written(SAID)
    table = labelled(kept, KEPT, given)
    assert table[["item_id", "text", "answer_text", "origin"]].to_numpy().tolist() == [
        ["a", "first right x", "x", "kept"],
        ["d", "right y", "y", "kept"],
    ]
    assert given.counts == {"texts": 6, "right": 4, "cut": 1, "items": 4, "dropped": 2}
    answers = labelled(kept, ANSWER, Written(SAID))
    assert answers["item_id"].tolist() == table["item_id"].tolist()
    assert answers["text"].isna().all()
    assert answers["answer_idx"].tolist() == [0, 1]


TRAPS: list[tuple[Grader, Item, str, bool]] = [
    (span, Item(answer_text="no"), "I know that the answer is unknown.", False),
    (span, Item(answer_text="no"), "The answer is no.", True),
    (letter, Item("?", ["a cat", "b dog"], 0, "a cat"), "My choice is b dog.", False),
    (letter, Item("?", ["a cat", "b dog"], 0, "a cat"), "My choice is A.", True),
]


@pytest.mark.parametrize(("grader", "item", "text", "right"), TRAPS)
def test_an_answer_inside_another_word_is_not_kept(grader: Grader, item: Item, text: str, right: bool) -> None:
    """Defects D-2 and D-3: of the release a gold answer is right wherever its letters stand."""
    found = grader.grade(grader.Settings(), item, Output(text))
    given = Written(written(("a", 0, text, found.correct, True)))
    assert len(labelled(kept, KEPT, given)) == right


def test_every_text_is_a_label_right_or_wrong() -> None:
    one = SAID[SAID["sample"] == 0]
    given = Written(one)
    table = labelled(texts, texts.Settings(generation="g"), given)
    assert table["item_id"].tolist() == IDS
    assert table["text"].tolist() == one["text"].tolist()
    assert table["answer_text"].tolist() == one["parsed"].tolist()
    assert table["answer_idx"].isna().all()
    assert given.counts == {"texts": 4, "cut": 1}


CLUSTERED = clustered(
    ("a", 0, 3, "certain x", True),
    ("b", 0, 2, "first y", False),
    ("b", 1, 2, "second x", False),
    ("c", -1, 0, "", False),
    ("d", 0, 2, "small x", True),
    ("d", 1, 5, "large y", True),
)
REWRITTEN = written(("b", 0, "again y", False, True))


def test_certain_items_have_their_leader_and_others_their_rewriting() -> None:
    given = Written(REWRITTEN, CLUSTERED)
    table = labelled(certain_or_rewritten, ALICE, given)
    assert table[["item_id", "text", "answer_text", "origin"]].to_numpy().tolist() == [
        ["a", "certain x", "x", "original"],
        ["b", "again y", "y", "new"],
        ["d", "large y", "y", "original"],
    ]
    assert given.counts == {
        "items": 4,
        "original": 2,
        "new": 1,
        "dropped_without_cluster": 1,
        "dropped_cut_off": 0,
    }


def test_a_rewriting_that_was_cut_off_is_dropped_and_counted() -> None:
    given = Written(REWRITTEN.assign(ended=False), CLUSTERED)
    assert labelled(certain_or_rewritten, ALICE, given)["item_id"].tolist() == ["a", "d"]
    assert (given.counts["new"], given.counts["dropped_cut_off"]) == (0, 1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((), "item 'b' has no rewriting, expected one"),
        ((("a", 0, "x", True, True), ("b", 0, "x", True, True)), "item 'a' has a rewriting, expected none, as it is"),
    ],
)
def test_rewritings_are_those_of_uncertain_items(rows: Sequence[Any], said: str) -> None:
    """Defect D-6: joined by place, a second teacher's questions would have the first one's answers."""
    with pytest.raises(UphillError, match=said):
        certain_or_rewritten.label(ALICE, ITEMS, Written(written(*rows), CLUSTERED))


def test_the_order_of_any_input_changes_no_label() -> None:
    expected = [
        labelled(kept, KEPT, Written(SAID)),
        labelled(certain_or_rewritten, ALICE, Written(REWRITTEN, CLUSTERED)),
    ]
    for seed in range(10):
        mixed = [one.sample(frac=1, random_state=seed) for one in (ITEMS, SAID, CLUSTERED)]
        pd.testing.assert_frame_equal(labelled(kept, KEPT, Written(mixed[1]), mixed[0]), expected[0])
        again = labelled(certain_or_rewritten, ALICE, Written(REWRITTEN, mixed[2]), mixed[0])
        pd.testing.assert_frame_equal(again, expected[1])


def test_grades_are_joined_by_item_and_number() -> None:
    bare, grades = SAID.drop(columns=["parsed", "correct"]), SAID[["item_id", "sample", "parsed", "correct"]]
    expected = graded(bare, grades)
    assert expected["correct"].tolist() == SAID["correct"].tolist()
    pd.testing.assert_frame_equal(graded(bare.sample(frac=1, random_state=1), grades.sample(frac=1)), expected)
    with pytest.raises(UphillError, match="item 'b': text 0 has no grade"):
        graded(bare, grades[grades["item_id"] != "b"])
