"""A user's own columns: which choices there are, and which of them an answer means; what is not clear is refused."""

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from item_files import COMMIT, Row, load, questions, write
from pydantic import ValidationError

from uphill.datasets import file, hub
from uphill.errors import UphillError

# -- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "answer", "settings", "right"),
    [
        ({"A": "x", "B": "y"}, 1, {}, "y"),
        ({"A": "x", "B": "y"}, "B", {}, "y"),
        ({"A": "x", "B": "y"}, "b", {}, "y"),
        ({"B": "x", "A": "y"}, "A", {}, "y"),
        ({"a": 1, "b": 2.50}, "b", {}, "2.5"),
        ({"1": "x", "2": "y"}, "2", {"answer_is": "letter"}, "y"),
        ({"1": "x", "2": "y"}, "2", {"answer_is": "one_based"}, "y"),
        ({"first": "x", "second": "y"}, "second", {}, "y"),
        ({"first": "x", "second": "y"}, 0, {}, "x"),
        ({"A": "x", "B": "y"}, "y", {}, "y"),
        (["x", "y"], "B", {}, "y"),
        (["x", "y"], "y", {}, "y"),
        (["1", "2", "3"], "2", {"answer_is": "index"}, "3"),
        (["1", "2", "3"], "2", {"answer_is": "one_based"}, "2"),
        (["3", "1", "2"], "2", {"answer_is": "text"}, "2"),
        (["B", "A"], "A", {"answer_is": "letter"}, "B"),
        (["B", "A"], "A", {"answer_is": "text"}, "A"),
        (["A", "B"], "B", {}, "B"),
        (["x", "z", "z"], 0, {}, "x"),
        ('["x", "y"]', 1, {}, "y"),
        ('{"A": "x", "B": "y"}', "B", {}, "y"),
    ],
)
@pytest.mark.parametrize("kind", [".jsonl", ".json", ".parquet", ".csv"])
def test_forms_of_choices_and_answers(
    kind: str, choices: Any, answer: Any, settings: Row, right: str, tmp_path: Path
) -> None:
    path = write(tmp_path, kind, [{"item_id": "a", "question": "q?", "choices": choices, "answer": answer}])
    assert load(path, **settings)["answer_text"].tolist() == [right]


def test_a_column_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("item_id,question,A,B,key\n1,q?,007,7,B\n2,q?,NA,1e5,A\n")
    found = load(path, choices=["A", "B"], answer="key")
    assert found["choices"].tolist() == [["007", "7"], ["NA", "1e5"]]
    assert found["answer_text"].tolist() == ["7", "NA"]


BAD_CHOICES = [
    (["1", None], "options: a choice is empty (null), expected text"),
    (["1", ""], "options: a choice is empty, expected text"),
    (["1", " \t"], "options: a choice is empty, expected text"),
    (["1", "\u200b"], "options: a choice is empty, expected text"),
    ([["1"], ["2"]], "options: a choice is ['1'], expected text"),
    ({"A": ["1"], "B": ["2"]}, "options: a choice is ['1'], expected text"),
    ({"A": {"x": "1"}, "B": {"x": "2"}}, "options: a choice is {'x': '1'}, expected text"),
    ({"text": ["1", "2"], "label": ["A", "B"]}, "options: a choice is ['1', '2'], expected text"),
    ({"A": "1", "B": None}, "options: a choice is empty (null), expected text"),
    ([{"text": "1"}, {"text": "2"}], "options: a choice is {'text': '1'}, expected text"),
    ("1", "options is '1', expected a list of choices"),
    ("a|b", "options is 'a|b', expected a list of choices, such as"),
    ("['a', 'b']", "options is \"['a', 'b']\", expected a list of choices, such as"),
    ([], "options is [], expected a list of choices"),
    (None, "options is None, expected a list of choices"),
    (["1"], "one choice, expected none"),
    (["1", "1"], "a choice occurs twice and is the right one"),
    (["1", "1 "], "a choice occurs twice and is the right one"),
]


@pytest.mark.parametrize(("choices", "message"), BAD_CHOICES)
@pytest.mark.parametrize("kind", [".jsonl", ".json", ".parquet"])
def test_bad_choices_are_named_by_the_users_column(kind: str, choices: Any, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind, [{"key": "a", "stem": "q?", "options": choices, "gold": 0}])
    with pytest.raises(UphillError) as caught:
        load(path, item_id="key", question="stem", choices="options", answer="gold", answer_is="index")
    assert str(caught.value).startswith(f"{path}: row 1 (item_id 'a'): {message}")


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([[b"60", b"59"]]),
        pa.array([[["60"], ["59"]]]),
        pa.array([[datetime.timedelta(1), None]]),
        pa.array([[("A", "60"), ("B", "59")]], pa.map_(pa.string(), pa.string())),
        pa.array([b"60"]),
        pa.array([60]),
    ],
    ids=lambda cells: str(cells.type),
)
def test_choices_of_parquet_that_are_no_texts_are_refused(cells: pa.Array, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"item_id": ["a"], "question": ["q?"], "choices": cells, "answer": [0]}), path)
    with pytest.raises(UphillError, match=r"mine.parquet: row 1 \(item_id 'a'\): choices.* expected") as caught:
        load(path)
    assert "\n" not in str(caught.value)


# -- answers ---------------------------------------------------------------------------------------------------------


AMBIGUOUS = [
    (questions([1, 2, 3, 4] * 6), ["answer_is: one_based", "answer_is: index"]),
    (questions([1, 2, 3, 3] * 6), ["answer_is: one_based", "answer_is: index"]),
    (questions(["1", "2", "3"] * 6), ["answer_is: one_based", "answer_is: index"]),
    (questions([1] * 12), ["answer_is: one_based", "answer_is: index"]),
    (questions([1, 2] * 4, lambda _: ["x", "y"]), ["answer_is: one_based", "answer_is: index"]),
    (questions([2, 0], lambda _: ["0", "1", "2"][::-1]), ["answer_is: index", "answer_is: text"]),
    (questions([2], lambda _: ["1", "2", "3"]), ["answer_is: index", "answer_is: text"]),
    (questions([2], lambda _: {"1": "x", "2": "y", "3": "z"}), ["answer_is: index", "answer_is: letter"]),
    (questions(["A", "B"], lambda _: ["B", "A", "C"]), ["answer_is: letter", "answer_is: text"]),
]


@pytest.mark.parametrize(("rows", "fixes"), AMBIGUOUS)
@pytest.mark.parametrize("source", ["file", "hub"])
def test_an_answer_that_can_be_read_in_two_ways_is_refused_with_the_fix(
    source: str, rows: list[Row], fixes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: rows)
    own = file.Settings(path=write(tmp_path, ".jsonl", rows), answer="gold")
    on_hub = hub.Settings(hub_id="a/b", revision=COMMIT, splits=["train"], answer="gold", item_id="item_id")
    with pytest.raises(UphillError) as caught:
        file.load(own) if source == "file" else hub.load(on_hub)
    assert "gold" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(fix in str(caught.value) for fix in fixes)


def test_what_is_said_is_not_ambiguous(tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", questions([1, 2, 3] * 8))
    assert load(path, answer="gold", answer_is="index")["answer_text"].tolist() == ["x", "y", "z"] * 8
    assert load(path, answer="gold", answer_is="one_based")["answer_text"].tolist() == ["w", "x", "y"] * 8


def test_a_single_zero_says_that_places_are_counted_from_it(tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", questions([1, 2, 3] * 8 + [0]))
    assert load(path, answer="gold")["answer_text"].tolist() == ["x", "y", "z"] * 8 + ["w"]


def test_rows_agree_where_one_alone_would_be_ambiguous(tmp_path: Path) -> None:
    """By text the second row could be read too, the first only by place."""
    rows = questions([0, 1], lambda n: [["x", "y"], ["1", "2"]][n])
    assert load(write(tmp_path, ".jsonl", rows), answer="gold")["answer_text"].tolist() == ["x", "2"]


BAD_ANSWERS = [
    ("true", {}, "gold is True, outside the choices, expected 0 to 3"),
    ("1.0", {}, "gold is 1.0, outside the choices, expected 0 to 3, written as a whole number"),
    ("-1", {}, "gold is -1, outside the choices, expected 0 to 3"),
    ("4", {}, "gold is 4, outside the choices, expected 0 to 3, or answer_is: one_based in the config"),
    ("5", {}, "gold is 5, outside the choices, expected 0 to 3"),
    ("1e0", {}, "gold is 1e0, outside the choices, expected 0 to 3"),
    ('"01"', {}, "gold is '01', outside the choices, expected 0 to 3"),
    ('"+1"', {}, "gold is '+1', outside the choices"),
    ('"B"', {}, "gold is 'B', outside the choices"),
    ("null", {}, "gold is empty (null), expected the gold answer"),
    ('""', {}, "gold is empty, expected the gold answer"),
    ("[1]", {}, "gold is a list, expected the gold answer"),
    ('{"a": 1}', {}, "gold is an object, expected the gold answer"),
    ("0", {"answer_is": "one_based"}, "gold is 0, outside the choices, expected 1 to 4"),
    ('"E"', {"answer_is": "letter"}, "gold is 'E', expected exactly one of ['A', 'B', 'C', 'D']"),
    ('"(B)"', {"answer_is": "letter"}, "gold is '(B)', expected exactly one of ['A', 'B', 'C', 'D']"),
    ("1", {"answer_is": "letter"}, "gold is 1, expected exactly one of ['A', 'B', 'C', 'D']"),
    ('"v"', {"answer_is": "text"}, "gold is 'v', expected exactly one of ['w', 'x', 'y', 'z']"),
    ("true", {"answer_is": "text"}, "gold is True, expected exactly one of ['w', 'x', 'y', 'z']"),
]


@pytest.mark.parametrize(("gold", "settings", "message"), BAD_ANSWERS)
def test_a_bad_answer_is_named_by_the_users_column_and_row(
    gold: str, settings: Row, message: str, tmp_path: Path
) -> None:
    good = {"one_based": 1, "letter": "A", "text": "w"}.get(settings.get("answer_is", ""), 0)
    lines = [json.dumps(row) for row in questions([good, "HERE", good])]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n\n".join(lines).replace('"HERE"', gold))
    with pytest.raises(UphillError) as caught:
        load(path, answer="gold", **settings)
    assert str(caught.value).startswith(f"{path}: row 2 (line 3, item_id 'i1'): {message}")


@pytest.mark.parametrize(
    ("why", "solutions"), [(["Since.", None, "  "], ["Since.", "", ""]), ([None, "0.10", ""], ["", "0.10", ""])]
)
def test_a_solution_may_be_missing_in_some_rows(why: list[Any], solutions: list[str], tmp_path: Path) -> None:
    rows = [row | {"why": text} for row, text in zip(questions([0, 1, 0]), why, strict=True)]
    del rows[why.index(None)]["why"]
    assert load(write(tmp_path, ".jsonl", rows), answer="gold", reasoning="why")["reasoning"].tolist() == solutions


def test_a_solution_that_no_row_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: questions([0, 1]))
    with pytest.raises(UphillError, match="no row has a 'whi', expected the written solution"):
        hub.load(hub.Settings(hub_id="a/b", revision=COMMIT, splits=["train"], answer="gold", reasoning="whi"))


def test_an_object_whose_keys_are_out_of_order_has_no_places(tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", questions([0], lambda _: {"B": "x", "A": "y"}))
    with pytest.raises(UphillError, match="keys B, A give no order, expected answer_is: letter"):
        load(path, answer="gold", answer_is="index")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"answer_is": "roman"}, "'index', 'one_based', 'letter' or 'text'"),
        ({"answer_is": "index", "choices": None}, "beside choices: null"),
        ({"delimiter": ";;"}, "delimiter"),
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"path": "mine.jsonl", "delimiter": ";"}, "for .csv and .tsv files only"),
    ],
)
def test_settings_are_checked(settings: Row, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        file.Settings.model_validate({"path": "mine.csv", **settings})
