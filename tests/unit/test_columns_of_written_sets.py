"""Columns of sets that lay rows out in their own way: written answers, several files, lists in texts, wrong choices.

Each is read alike from a file and from the hub, by naming columns.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from item_files import COMMIT, KINDS, Row, load, write
from pydantic import ValidationError

from uphill.datasets import file, hub
from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.grading import bbh, ifeval, span
from uphill.grading.grade import Output
from uphill.grading.stage import item as as_item
from uphill.schemas.items import ITEMS

ROOT = Path(__file__).parents[2]
WRITTEN: Row = {"choices": None}


def on_hub(monkeypatch: pytest.MonkeyPatch, rows: dict[str | None, list[Row]], **settings: Any) -> pd.DataFrame:
    """Rows by config, as `datasets` would hand them over."""

    def load_dataset(_: str, config: str | None, *, split: str, revision: str) -> list[Row]:
        return rows[config]

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    return hub.load(
        hub.Settings.model_validate({"hub_id": "some/set", "revision": COMMIT, "splits": ["test"], **settings})
    )


Reader = Callable[..., pd.DataFrame]


@pytest.fixture(params=["file", "hub"])
def reader(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Rows and settings to items, by either reader; what a file keeps of itself, the hub is told to keep."""

    def read(rows: list[Row], keep: list[str] | None = None, **settings: Any) -> pd.DataFrame:
        if request.param == "file":
            return load(write(tmp_path, ".jsonl", rows), **settings)
        return on_hub(monkeypatch, {None: rows}, metadata=keep or [], **{"item_id": "item_id"} | settings)

    return read


def rows_of(*changes: Row) -> list[Row]:
    return [{"item_id": f"i{n}", "question": f"q{n}?"} | change for n, change in enumerate(changes)]


# -- questions and answers -------------------------------------------------------------------------------------------


def test_a_question_of_several_columns(reader: Reader) -> None:
    rows = rows_of({"story": "Once.", "answer": "x"}, {"story": "Twice.\n", "answer": "y"})
    found = reader(rows, question=["story", "question"], **WRITTEN)
    assert found["question"].tolist() == ["Once.\n\nq0?", "Twice.\n\n\nq1?"]
    with pytest.raises(UphillError, match=r"row 2 .*story is empty"):
        reader([rows[0], rows[1] | {"story": " "}], question=["story", "question"], **WRITTEN)


def test_an_answer_inside_an_object_with_its_aliases(reader: Reader) -> None:
    rows = rows_of(
        {"answer": {"value": "The Hague", "aliases": ["Den Haag", "7"], "plain": ["the hague"]}},
        {"answer": {"value": "no", "aliases": [], "plain": None}},
    )
    found = reader(rows, answer="answer.value", aliases=["answer.aliases", "answer.plain"], **WRITTEN)
    assert found["answer_text"].tolist() == ["The Hague", "no"]
    assert found["aliases"].tolist() == ['["Den Haag", "7", "the hague"]', "[]"]
    items = ITEMS.to_arrow(build_items(found, "mine", Pools(hardness=0), 0), "items").to_pylist()
    settings = span.Settings(aliases="aliases")
    for text, right in (("Den Haag", True), ("7", True), ("D", False), ("[", False)):
        assert span.grade(settings, as_item(items[0]), Output(text=text)).correct == right
    assert not span.grade(settings, as_item(items[1]), Output(text="[]")).correct


@pytest.mark.parametrize("cell", ['"Hague"', "Hague", '["a", 1]', ["a", None], {"a": "b"}, 7])
def test_a_list_of_right_answers_that_is_none_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'aliases' is .* expected a list of texts"):
        span.right_answers(span.Settings(aliases="aliases"), as_item(grading_row(aliases=cell)))


def grading_row(**metadata: Any) -> Row:
    return {"question": "q?", "choices": [], "answer_idx": None, "answer_text": "x"} | metadata


@pytest.mark.parametrize(
    ("cell", "message"),
    [("Hague", "aliases is 'Hague', expected a text that holds a list"), (["a", ""], "a text is empty"), (5, "a list")],
)
def test_bad_aliases_are_named(cell: Any, message: str, reader: Reader) -> None:
    rows = rows_of({"answer": "x", "names": ["y"]}, {"answer": "x", "names": cell})
    with pytest.raises(UphillError, match=rf"row 2 .*names.*{message.removeprefix('aliases ')}"):
        reader(rows, aliases="names", **WRITTEN)


def test_an_answer_behind_its_solution(reader: Reader) -> None:
    rows = rows_of({"answer": "2 + 2 = <<2+2=4>>4\nSo:\n#### 4\n"}, {"answer": "Less.\n####-1,000"})
    found = reader(rows, answer_after="####", **WRITTEN)
    assert found["answer_text"].tolist() == ["4", "-1,000"]
    assert found["reasoning"].tolist() == ["2 + 2 = <<2+2=4>>4\nSo:", "Less."]
    for bad in ("4", "1 #### 2 #### 3", "4 ####  "):
        with pytest.raises(UphillError, match=r"row 1 .*answer is .* expected one '####', between solution and answer"):
            reader(rows_of({"answer": bad}), answer_after="####", **WRITTEN)


def test_a_set_that_tells_no_right_answer(reader: Reader) -> None:
    given = [{"count": 3, "word": None}, {"share": 0.10, "words": ["a", "b"]}]
    rows = rows_of({"instruction_id_list": ["a:b", "c:d"], "kwargs": given})
    found = reader(rows, keep=["instruction_id_list", "kwargs"], answer=None, **WRITTEN)
    assert found["answer_text"].tolist() == [""]
    items = build_items(found, "mine", Pools(hardness=0), 0, answered=False)
    [row] = ITEMS.to_arrow(items, "items").to_pylist()
    assert json.loads(row["kwargs"]) == given
    assert json.loads(row["instruction_id_list"]) == ["a:b", "c:d"]
    with pytest.raises(UphillError, match="answer_text is empty, expected the gold answer"):
        build_items(found, "mine", Pools(hardness=0), 0)


def test_instructions_keep_their_numbers_on_the_way_to_the_grader(reader: Reader) -> None:
    """A count that had become a text would compare as one, or fail."""
    pytest.importorskip("lm_eval")
    rows = rows_of({"names": ["detectable_format:number_highlighted_sections"], "given": [{"num_highlights": 2}]})
    found = reader(rows, keep=["names", "given"], answer=None, **WRITTEN)
    [row] = build_items(found, "mine", Pools(hardness=0), 0, answered=False).to_dict("records")
    settings = ifeval.Settings(instructions="names", parameters="given")
    grades = [ifeval.grade(settings, as_item(row), Output(text=text)) for text in ("*one* and *two*", "*one* alone")]
    assert [grade.correct for grade in grades] == [True, False]


# -- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "choices"),
    [
        ('["x", "it\'s"]', ["x", "it's"]),
        ("['x', \"it's\"]", ["x", "it's"]),
        ("  ['x', 'y', 'a, b']", ["x", "y", "a, b"]),
        ('["1", "2"]', ["1", "2"]),
    ],
)
def test_choices_in_a_text(cell: str, choices: list[str], reader: Reader) -> None:
    found = reader(rows_of({"choices": cell, "answer": 1}), choices_json=True, answer_is="index")
    assert found["choices"].tolist() == [choices]
    assert found["answer_text"].tolist() == [choices[1]]


@pytest.mark.parametrize(
    "cell", ["x, y", "[x, y]", "['x', 2]", "[1, 2]", "{'a': 'b'}", "['x'", "f('x')", ["x", "y"], None, 5, "('x', 'y')"]
)
def test_a_text_that_holds_no_list_of_choices_is_refused(cell: Any, reader: Reader) -> None:
    with pytest.raises(UphillError, match=r"row 1 .*choices is .*, expected a text that holds a list") as caught:
        reader(rows_of({"choices": cell, "answer": 1}), choices_json=True, answer_is="index")
    assert "\n" not in str(caught.value)


def unordered(count: int = 400) -> list[Row]:
    return rows_of(*({"right": f"right {n}", "wrong": [f"{n} a", f"{n} b", f"{n} b"]} for n in range(count)))


UNORDERED = {"correct": "right", "incorrect": "wrong"}


def test_choices_are_put_in_an_order_of_the_items_own(reader: Reader) -> None:
    rows = unordered()
    found = reader(rows, **UNORDERED).set_index("item_id")
    assert [sorted(choices) for choices in found["choices"]] == [sorted([row["right"], *row["wrong"]]) for row in rows]
    assert all(row.choices[row.answer_idx] == row.answer_text == f"right {row.Index[1:]}" for row in found.itertuples())
    # Of 400 draws of one in four, each place comes up 100 times, give or take; 60 and 140 are 4.6 deviations off.
    assert all(60 < count < 140 for count in Counter(found["answer_idx"]).values())
    some = reader(rows[7:90:3][::-1], **UNORDERED).set_index("item_id")
    pd.testing.assert_frame_equal(some.sort_index(), found.loc[some.index].sort_index())
    other = reader(rows, shuffle=1, **UNORDERED).set_index("item_id")
    assert 0.15 < (other["answer_idx"] == found["answer_idx"]).mean() < 0.35


def test_wrong_choices_in_columns_of_their_own(reader: Reader) -> None:
    rows = rows_of({"Right One": "x ", "Wrong 1": "y", "Wrong 2": "y"})
    found = reader(rows, correct="Right One", incorrect=["Wrong 1", "Wrong 2"])
    assert sorted(found["choices"][0]) == ["x ", "y", "y"]
    assert found["answer_text"].tolist() == ["x "]
    for change, message in (
        ({"Wrong 2": "x"}, "a choice occurs twice and is the right one"),
        ({"Wrong 2": None}, "Wrong 2: a choice is empty"),
        ({"Right One": " "}, "Right One: a choice is empty"),
    ):
        with pytest.raises(UphillError, match=rf"row 1 .*{message}"):
            reader([rows[0] | change], correct="Right One", incorrect=["Wrong 1", "Wrong 2"])


# -- several files, several configs ----------------------------------------------------------------------------------


TASKS = {
    "boolean_expressions": [{"input": "not True is", "target": "False"}, {"input": "True is", "target": "True"}],
    "object_counting": [{"input": "How many?", "target": "8"}],
}
BBH = {"question": "input", "answer": "target", "choices": None, "configs": list(TASKS)}
IDS = ["boolean_expressions/0000", "boolean_expressions/0001", "object_counting/0000"]


def test_sub_tasks_in_files_of_their_own(tmp_path: Path) -> None:
    for name, rows in TASKS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"canary": "x", "data": {"examples": rows}}))
    settings = BBH | {"path": tmp_path / "{config}.json", "rows": "data.examples", "item_id": None}
    found = file.load(file.Settings.model_validate(settings))
    assert found["item_id"].tolist() == IDS
    assert found["config"].tolist() == ["boolean_expressions"] * 2 + ["object_counting"]
    assert [path.name for path in file.Settings.model_validate(settings).files] == [f"{name}.json" for name in TASKS]
    rows = build_items(found, "bbh", Pools(hardness=0), 0).to_dict("records")
    texts = ["The answer is False.", "The answer is 8.", "The answer is 8."]
    # A text and its grade by the sub-task of each: the second asks for a truth value.
    grades = [bbh.grade(bbh.Settings(), as_item(row), Output(text=text)) for row, text in zip(rows, texts, strict=True)]
    assert [(grade.status, grade.correct) for grade in grades] == [("ok", True), ("none", False), ("ok", True)]


def test_sub_tasks_in_configs_of_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    found = on_hub(monkeypatch, dict(TASKS), metadata=["split"], **BBH)
    assert found["item_id"].tolist() == [name.replace("/", "/test/") for name in IDS]
    assert found["config"].tolist() == ["boolean_expressions"] * 2 + ["object_counting"]
    assert found["split"].tolist() == ["test"] * 3
    one = on_hub(monkeypatch, dict(TASKS), metadata=["config"], **BBH | {"configs": [], "config": "object_counting"})
    assert (one["item_id"].tolist(), one["config"].tolist()) == (["test/0000"], ["object_counting"])


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_configs_and_instructions_as_the_hubs_own_library_reads_them(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet gives every object all keys of the column, most of them null; the grader has to see what is meant."""
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("lm_eval")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    asked = [("punctuation:no_comma", {}), ("detectable_format:number_highlighted_sections", {"num_highlights": 2})]
    cards = ""
    for name, (instruction, given) in zip(("one", "two"), asked, strict=True):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        rows = [
            {"key": f"{name}1", "prompt": "Do.", "names": [instruction], "kwargs": [given]},
            {"key": f"{name}2", "prompt": "Do.", "names": ["keywords:existence"], "kwargs": [{"keywords": ["so"]}]},
        ]
        write(folder, f".{kind}", rows)
        cards += f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/mine.{kind}\n"
    (tmp_path / "set" / "README.md").write_text(f"---\nconfigs:\n{cards}---\n")
    found = hub.load(
        hub.Settings.model_validate(
            {"hub_id": str(tmp_path / "set"), "revision": COMMIT, "splits": ["train"], "configs": ["one", "two"]}
            | {"question": "prompt", "answer": None, "choices": None, "item_id": "key"}
            | {"metadata": ["names", "kwargs"]}
        )
    )
    assert found["config"].tolist() == ["one", "one", "two", "two"]
    texts = ["*so* and *so*", "so, well", "*so* and *so*", "well"]
    table = build_items(found, "mine", Pools(hardness=0), 0, answered=False).to_dict("records")
    settings = ifeval.Settings(instructions="names")
    grades = [ifeval.grade(settings, as_item(row), Output(text=text)) for row, text in zip(table, texts, strict=True)]
    assert [grade.correct for grade in grades] == [True, True, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_file_without_ids_are_numbered(kind: str, tmp_path: Path) -> None:
    rows = [{"question": "q?", "answer": "x", "grade": 3}, {"question": "q?", "answer": "x", "grade": 4}]
    found = load(write(tmp_path, kind, rows), item_id=None, choices=None)
    assert found["item_id"].tolist() == ["mine/0000", "mine/0001"]
    assert found["grade"].tolist() == [3, 4]


def test_files_may_differ_in_their_further_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("item_id,question,answer,grade\n1,q?,x,3\n")
    (tmp_path / "b.csv").write_text("item_id,question,answer,note\n2,q?,x,late\n")
    found = load(tmp_path / "{config}.csv", configs=["a", "b"], choices=None)
    assert found["config"].tolist() == ["a", "b"]
    assert [None if pd.isna(cell) else cell for cell in found["grade"]] == [3, None]
    assert found["note"].tolist() == [None, "late"]
    with pytest.raises(UphillError, match=r"b\.csv: no column 'grade', found item_id, question, answer, note"):
        load(tmp_path / "{config}.csv", configs=["a", "b"], choices=None, reasoning="grade")
    (tmp_path / "b.csv").write_text("item_id,question,answer\n1,q?,x\n")
    with pytest.raises(UphillError, match=r"b\.csv: row 1 .*item_id '1' occurs twice"):
        load(tmp_path / "{config}.csv", configs=["a", "b"], choices=None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"examples": []}, "no 'data', found examples; expected a list of objects at 'data.examples'"),
        ({"data": []}, "a list; expected a list of objects at 'data.examples'"),
        ({"data": {"examples": {}}}, "a dict, expected a JSON list of objects"),
    ],
)
def test_a_list_that_is_not_where_it_should_be_is_named(content: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(UphillError) as caught:
        load(tmp_path / "mine.json", rows="data.examples", choices=None)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.json'}: {message}")


def test_an_object_in_place_of_a_list_says_which_key_holds_one(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"canary": "x", "examples": []}))
    with pytest.raises(UphillError, match=r"rows: the key of its list \(examples\)"):
        load(tmp_path / "mine.json", choices=None)


# -- settings --------------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[Any, Row]] = {
    "file": (file.Settings, {"path": "mine.json"}),
    "hub": (hub.Settings, {"hub_id": "a/b", "revision": COMMIT, "splits": ["test"]}),
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"answer": None}, "answer is null where answers are chosen"),
        ({"correct": "a"}, "both correct and incorrect, or neither"),
        ({"incorrect": ["a"]}, "both correct and incorrect, or neither"),
        ({"correct": "a", "incorrect": []}, "at least one column"),
        ({"correct": "a", "incorrect": "b", "choices": "c"}, "choices is 'c' beside correct"),
        ({"correct": "a", "incorrect": "b", "answer": "c"}, "answer is 'c' beside correct"),
        ({"correct": "a", "incorrect": "b", "choices": None}, "correct is 'a' beside choices: null"),
        ({"labels": "a", "choices": None}, "labels is 'a' beside choices: null"),
        ({"choices": ["a", "b"], "choices_json": True}, "choices_json is on and choices a list of columns"),
        ({"choices_json": True, "choices": None}, "choices_json is True beside choices: null"),
        ({"aliases": "a"}, "aliases is 'a' where answers are chosen"),
        ({"answer_after": "#"}, "answer_after is '#' where answers are chosen"),
        ({"answer_after": "#", "choices": None, "answer": None}, "answer is None beside answer_after"),
        ({"answer_after": "#", "choices": None, "reasoning": "why"}, "reasoning is 'why' beside answer_after"),
        ({"question": []}, "at least one column"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(kind: str, settings: Row, message: str) -> None:
    module, place = PLACES[kind]
    with pytest.raises(ValidationError, match=message):
        module.model_validate(place | settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("file", {"configs": ["a"]}, "expected names for {config} in it"),
        ("file", {"path": "{config}.json"}, "expected names for {config} in it"),
        ("file", {"path": "{config}.json", "configs": ["a", "a"]}, "given twice"),
        ("file", {"path": "mine.csv", "rows": "a"}, "for .json files only"),
        ("hub", {"config": "a", "configs": ["b"]}, "expected one of both keys"),
        ("hub", {"metadata": ["aliases"]}, "expected names other than"),
    ],
)
def test_settings_of_places_are_checked(kind: str, settings: Row, message: str) -> None:
    module, place = PLACES[kind]
    with pytest.raises(ValidationError, match=message):
        module.model_validate(place | settings)


class GatedRepoError(Exception):
    """As the hub's client calls it."""


@pytest.mark.parametrize("behind", [True, False])
def test_a_hub_that_wants_a_licence_accepted_is_one_line(behind: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        if not behind:
            raise ValueError("Dataset 'a/b' is a gated dataset on the Hub.\nYou must be authenticated to access it.")
        raise ValueError("Dataset 'a/b' doesn't exist") from GatedRepoError("403")

    monkeypatch.setattr("datasets.load_dataset", refuse)
    with pytest.raises(UphillError) as caught:
        hub.load(hub.Settings(hub_id="a/b", revision=COMMIT, splits=["test"]))
    said = f"hub dataset a/b/test at {COMMIT}: behind a licence, expected an account that has accepted it on the hub"
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


# -- the config, where a set tells no right answers ------------------------------------------------------------------
