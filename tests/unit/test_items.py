"""Item tables: every bad row is named, pools are drawn by key, files of three kinds give the same items."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.datasets import file
from uphill.datasets.items import build_items
from uphill.datasets.pools import PoolFile, Pools
from uphill.errors import UphillError
from uphill.schemas.items import ITEMS
from uphill.schemas.names import HARDNESS_POOL

Row = dict[str, Any]


def rows(count: int = 4) -> list[Row]:
    return [
        {
            "item_id": f"q{n}",
            "question": f"What is {n}?",
            "choices": [f"{n}", f"{n + 1}"],
            "answer_idx": 0,
            "answer_text": "",
            "reasoning": "",
        }
        for n in range(count)
    ]


def changed(**cells: Any) -> list[Row]:
    made = rows()
    made[2] |= cells
    return made


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (changed(item_id=""), "row 3: item_id is empty"),
        (changed(item_id=None), "row 3: item_id is empty"),
        (changed(item_id="q1"), "row 3: item_id 'q1' occurs twice"),
        (changed(question="  "), "row 3 (item_id 'q2'): question is empty"),
        (changed(question=None), "row 3 (item_id 'q2'): question is empty"),
        (changed(choices=["only"]), "row 3 (item_id 'q2'): one choice"),
        (changed(choices=["x", ""]), "row 3 (item_id 'q2'): a choice is empty"),
        (changed(choices=["x", "x"]), "row 3 (item_id 'q2'): a choice occurs twice and is the right one"),
        (changed(choices="x"), "row 3 (item_id 'q2'): choices is 'x'"),
        (changed(answer_idx=2), "row 3 (item_id 'q2'): answer_idx is 2, outside the choices, expected 0 to 1"),
        (changed(answer_idx=-1), "answer_idx is -1"),
        (changed(answer_idx="B"), "answer_idx is 'B'"),
        (changed(choices=[], answer_text=" "), "answer_text is empty"),
        ([], "no column 'item_id'"),
    ],
)
def test_bad_row_is_named(bad: list[Row], message: str) -> None:
    with pytest.raises(UphillError) as caught:
        build_items(pd.DataFrame(bad), "mine", Pools(hardness=1), 0, where="mine.jsonl")
    assert str(caught.value).startswith("mine.jsonl: ")
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_equal_wrong_choices_make_no_answer_ambiguous() -> None:
    bad = changed(choices=["right", "wrong", "wrong"], answer_idx=0)
    assert len(build_items(pd.DataFrame(bad), "mine", Pools(hardness=1), 0)) == 4


def test_pool_larger_than_the_data_is_refused() -> None:
    with pytest.raises(UphillError, match=r"4 items, expected more than pools\.hardness \(4\)"):
        build_items(pd.DataFrame(rows()), "mine", Pools(hardness=4), 0)


def test_a_pool_is_named_by_ids(tmp_path: Path) -> None:
    table, path = pd.DataFrame(rows(12)), tmp_path / "ids.txt"
    named = table["item_id"].iloc[[7, 2, 5]].tolist()
    path.write_text("\ufeff" + "\r\n".join(named) + "\n\n", encoding="utf-8")
    for seed in (0, 1):
        items = build_items(table, "mine", Pools.model_construct(hardness=PoolFile.model_construct(ids=path)), seed)
        assert set(items.loc[items["pool"] == "hardness", "item_id"]) == set(named)
        assert (items["pool"] == "experiment").sum() == 9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1\nnobody\nno one\n", "ids.txt: 'nobody' is no item of dataset 'mine' (and 1 more), expected ids of"),
        ("", "ids.txt: no ids, expected one item_id a line"),
        ("\n \n", "ids.txt: no ids, expected one item_id a line"),
        ("q1\nq2\nq1\n", "ids.txt: 'q1' occurs twice, expected each item_id once"),
        (None, "ids.txt: cannot be read (No such file or directory), expected a text file with one item_id a line"),
        (b"\xff\xfeq\x001\x00", "ids.txt: cannot be read (not UTF-8), expected a text file with one item_id a line"),
        ("q0\nq1\nq2\nq3\n", "dataset 'mine': 4 items, expected more than pools.hardness (4)"),
    ],
)
def test_a_bad_file_of_ids_is_one_line(content: str | bytes | None, message: str, tmp_path: Path) -> None:
    table, path = pd.DataFrame(rows()), tmp_path / "ids.txt"
    table["item_id"] = [f"q{number}" for number in range(4)]
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UphillError) as caught:
        build_items(table, "mine", Pools.model_construct(hardness=PoolFile.model_construct(ids=path)), 0)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(order=st.permutations(range(12)), seed=st.integers(0, 5))
def test_order_of_rows_changes_nothing(order: list[int], seed: int) -> None:
    straight = build_items(pd.DataFrame(rows(12)), "mine", Pools(hardness=5), seed)
    shuffled = build_items(pd.DataFrame([rows(12)[index] for index in order]), "mine", Pools(hardness=5), seed)
    pd.testing.assert_frame_equal(straight, shuffled)
    assert (straight["pool"] == HARDNESS_POOL).sum() == 5


def test_gold_text_is_the_gold_choice() -> None:
    items = build_items(pd.DataFrame(changed(answer_idx=1)), "mine", Pools(hardness=1), 0).set_index("item_id")
    assert items.loc["q2", "answer_text"] == "3"
    ITEMS.to_arrow(items.reset_index(), "items")


def as_json_lines(frame: pd.DataFrame, path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))


def as_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.assign(options=[json.dumps(options) for options in frame["options"]]).to_csv(path, index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".jsonl": as_json_lines,
    ".csv": as_csv,
    ".parquet": lambda frame, path: frame.to_parquet(path),
}
NAMED = {"item_id": "key", "question": "stem", "choices": "options", "answer": "gold"}


@pytest.mark.parametrize("suffix", WRITERS)
def test_file_of_any_kind_gives_the_same_items(tmp_path: Path, suffix: str) -> None:
    own = pd.DataFrame(
        {"key": ["a", "b"], "stem": ["x?", "y?"], "options": [["1", "2"], ["3", "4"]], "gold": [1, 0], "grade": [3, 8]}
    )
    WRITERS[suffix](own, tmp_path / f"mine{suffix}")
    items = build_items(
        file.load(file.Settings(path=tmp_path / f"mine{suffix}", **NAMED)), "mine", Pools(hardness=1), 0
    )
    assert items["answer_text"].tolist() == ["2", "3"]
    assert items["grade"].tolist() == [3, 8]


def test_an_id_that_looks_like_a_number_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('item_id,question,choices,answer\n007,x?,"[""1"", ""2""]",0\n7,y?,"[""1"", ""2""]",1\n')
    assert file.load(file.Settings(path=path))["item_id"].tolist() == ["007", "7"]


def test_file_with_written_answers(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    as_json_lines(pd.DataFrame({"item_id": ["a", "b"], "question": ["x?", "y?"], "answer": ["1", "2"]}), path)
    settings = file.Settings(path=path, choices=None)
    items = build_items(file.load(settings), "mine", Pools(hardness=1), 0)
    assert settings.generative
    assert items["answer_text"].tolist() == ["1", "2"]
    assert items["choices"].map(len).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.jsonl", None, "no such file"),
        ("mine.txt", "x", "unknown kind of file '.txt'"),
        ("mine.jsonl", "{]", "line 1: not JSON"),
        ("mine.jsonl", "[1]", "line 1: a list, expected a JSON object"),
        ("mine.jsonl", '{"item_id": "a"}', "no column 'question'"),
        ("mine.parquet", "not parquet", "cannot be read"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UphillError, match=message) as caught:
        file.load(file.Settings(path=tmp_path / name))
    assert name in str(caught.value)
