"""What a user wrote is what is asked: texts of any kind of file stay as they are written, and what is none is named."""

import csv
import datetime
import gzip
import io
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from uphill.cells import NoText, Number, as_number, as_text, column, written_numbers
from uphill.datasets import file, hub
from uphill.datasets.items import build_items
from uphill.errors import UphillError
from uphill.hardness import human, irt
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.data import Graded, HardnessData
from uphill.raw_files import parse_json
from uphill.schemas import ITEMS

Row = dict[str, Any]
COMMIT = "0" * 40
TEXTS = [
    *("007", "0", "-0", "12345678901234567", "123456789012345678901234567890", "5", "5.5", "0.10", "1e5", "1E5", "+5"),
    *("0x10", "1_000", "1,000", ".5", "5.", "TRUE", "True", "false", "inf", "-inf", "Infinity", "nan", "NaN", "NA"),
    *(
        "N/A",
        "None",
        "none",
        "null",
        "NULL",
        "<NA>",
        "#N/A",
        "2020-01-01",
        "1/2/2020",
        "12:30",
        "1st",
        "₂",
        "é",
        "a\u2028b",
    ),
    *(
        "=1+1",
        "@x",
        "'",
        '"',
        'say "hi"',
        "a,b",
        "a;b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\\n",
        "[1]",
        "{}",
        " padded ",
        "😀",
        "\u00a0x",
    ),
]


def load(path: Path, **settings: Any) -> pd.DataFrame:
    return file.load(file.Settings.model_validate({"path": path, **settings}))


def as_cells(rows: Sequence[Row], delimiter: str) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows([json.dumps(v) if isinstance(v, list | dict) else v for v in row.values()] for row in rows)
    return stream.getvalue()


def write(folder: Path, kind: str, rows: Sequence[Row]) -> Path:
    path = folder / f"mine{kind}"
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    written = {".jsonl": "\n".join(lines), ".json": f"[{','.join(lines)}]"}
    text = written[kind] if kind in written else as_cells(rows, {".csv": ",", ".tsv": "\t"}[kind])
    path.write_bytes(text.encode())
    return path


KINDS = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_stays_as_it_is_written(kind: str, tmp_path: Path) -> None:
    rows = [{"item_id": f"x{text}", "question": text, "answer": text, "why": text} for text in TEXTS]
    found = load(write(tmp_path, kind, rows), choices=None, reasoning="why")
    assert found["question"].tolist() == TEXTS
    assert found["answer_text"].tolist() == TEXTS
    assert found["reasoning"].tolist() == TEXTS
    assert found["item_id"].tolist() == [f"x{text}" for text in TEXTS]
    ITEMS.to_arrow(build_items(found, "mine", 1, 0), "mine")


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_and_id_stays_as_it_is_written(kind: str, tmp_path: Path) -> None:
    rows = [{"item_id": text, "question": "q?", "choices": [text, "other"], "answer": 0} for text in TEXTS]
    found = load(write(tmp_path, kind, rows))
    assert found["choices"].tolist() == [[text, "other"] for text in TEXTS]
    assert found["item_id"].tolist() == TEXTS


@pytest.mark.parametrize("column_of_choices", [False, True])
def test_numbers_of_json_keep_their_digits(column_of_choices: bool, tmp_path: Path) -> None:
    numbers = ["0.10", "1E5", "5", "5.0", "-0", "12345678901234567", "1e400", "0.1234567890123456789012"]
    choices = f"[{','.join(numbers)}]"
    path = tmp_path / ("mine.csv" if column_of_choices else "mine.jsonl")
    line = f'{{"item_id": 1.50, "question": 0.10, "choices": {choices}, "answer": 1}}'
    path.write_text(f'item_id,question,choices,answer\n1.50,0.10,"{choices}",1\n' if column_of_choices else line)
    (row,) = load(path).to_dict("records")
    assert (row["item_id"], row["question"], row["choices"], row["answer_text"]) == ("1.50", "0.10", numbers, "1E5")


ARROW: list[tuple[pa.Array, list[str]]] = [
    (pa.array([7, None, 12345678901234567]), ["7", "12345678901234567"]),
    (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    (pa.array([5.0, 5.5, 0.1, 1e-7, 2.0**53]), ["5", "5.5", "0.1", "1e-07", "9007199254740992"]),
    (pa.array([0.1, 5.0, 3.14], pa.float32()), ["0.1", "5", "3.14"]),
    (pa.array([np.float16(0.5)], pa.float16()), ["0.5"]),
    (pa.array([Decimal("1.50"), Decimal("7.00")]), ["1.50", "7.00"]),
    (pa.array([True, False]), ["true", "false"]),
    (pa.array(["NA", "007"]).dictionary_encode(), ["NA", "007"]),
    (pa.array(["NA", "007"], pa.large_string()), ["NA", "007"]),
    (pa.array([datetime.date(2020, 1, 2)]), ["2020-01-02"]),
    (pa.array([datetime.datetime(2020, 1, 2, 3, 4)]), ["2020-01-02 03:04:00"]),
    (pa.array([datetime.time(12, 30)]), ["12:30:00"]),
]


@pytest.mark.parametrize(("cells", "texts"), ARROW, ids=lambda value: str(getattr(value, "type", "")))
def test_parquet_types_are_texts_with_all_their_digits(cells: pa.Array, texts: list[str], tmp_path: Path) -> None:
    cells = cells.drop_null()
    ids = [str(number) for number in range(len(cells))]
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"item_id": ids, "question": cells, "answer": cells}), path)
    assert load(path, choices=None)["question"].tolist() == texts
    nested = pa.ListArray.from_arrays(pa.array(range(len(cells) + 1), pa.int32()), cells)
    pq.write_table(pa.table({"item_id": ids, "question": ids, "choices": nested, "answer": cells}), path)
    with pytest.raises(UphillError, match="one choice"):  # of which the text is seen below
        load(path, answer_is="text")
    assert [as_text(value) for value in cells.to_pylist()] == texts


def test_whole_numbers_beside_null_stay_whole_in_parquet(tmp_path: Path) -> None:
    table = {
        "item_id": [1, 2],
        "question": ["a", "b"],
        "answer": [12345678901234567, 5],
        "grade": [3, None],
        "why": [7, None],
    }
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table(table), path)
    found = load(path, choices=None, reasoning="why")
    assert found["answer_text"].tolist() == ["12345678901234567", "5"]
    assert found["reasoning"].tolist() == ["7", ""]
    assert found["grade"].tolist() == [3, pd.NA]
    assert str(found["grade"].dtype) == "Int64"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "is empty (null)"),
        (math.nan, "is empty (NaN)"),
        (math.inf, "is inf, a float that does not hold its digits"),
        (1e22, "is 1e+22, a float that does not hold its digits"),
        (b"60", "is bytes"),
        (bytearray(b"60"), "is bytes"),
        (["a"], "is a list"),
        (("a",), "is a list"),
        (np.array(["a"]), "is a list"),
        ({"a": 1}, "is an object"),
        ("\ud83d", "holds half a character, '\\ud83d'"),
    ],
)
def test_what_is_no_text(value: Any, why: str) -> None:
    with pytest.raises(NoText) as caught:
        as_text(value)
    assert str(caught.value) == why


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


def questions(answers: Sequence[Any], choices: Callable[[int], Any] = lambda _: ["w", "x", "y", "z"]) -> list[Row]:
    return [
        {"item_id": f"i{n}", "question": "q?", "choices": choices(n), "gold": gold} for n, gold in enumerate(answers)
    ]


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


# -- files that are none ---------------------------------------------------------------------------------------------

HEADER = b"item_id,question,answer\n"
GOOD = b'{"item_id": "a", "question": "q?", "answer": "x"}\n'
FILES: list[tuple[str, bytes, str]] = [
    ("mine.csv", HEADER + b"1,a,x\n2,b,y,z\n", "row 2 (line 3): 4 cells, expected 3: item_id, question, answer"),
    ("mine.csv", HEADER + b'1,"a\nb\r\nc",x\n\n2,b\n', "row 2 (line 6): 2 cells, expected 3"),
    ("mine.csv", HEADER + b"1,a,x\r2,b\r", "row 2 (line 3): 2 cells, expected 3"),
    ("mine.csv", HEADER + b"1,a,x\n2\n", "row 2 (line 3): 1 cells, expected 3"),
    (
        "mine.csv",
        HEADER + b'1,a,x\n2,"b,y\n3,c,z\n',
        "line 3: cannot be read (unexpected end of data), expected every quote",
    ),
    (
        "mine.csv",
        HEADER + b'1,a,x\n2,"b"c,y\n',
        "line 3: cannot be read (',' expected after '\"'), expected every quote",
    ),
    ("mine.csv", b"", "empty, expected a header and rows"),
    ("mine.csv", b"\n\n", "empty, expected a header and rows"),
    ("mine.csv", HEADER, "no rows, expected at least one item"),
    (
        "mine.csv",
        b"item_id,question,question,answer\n1,a,b,c\n",
        "column 'question' occurs twice, expected each name once",
    ),
    ("mine.csv", b",item_id,question,answer\n0,1,a,b\n", "line 1: column 1 has no name, expected one"),
    ("mine.csv", b"item_id;question;answer\n1;a;b\n", "expected ',' between cells, or delimiter: ';' in the config"),
    (
        "mine.csv",
        b"item_id\tquestion\tanswer\n1\ta\tb\n",
        "expected ',' between cells, or delimiter: '\\t' in the config",
    ),
    ("mine.tsv", HEADER + b"1,a,x\n", "expected '\\t' between cells, or delimiter: ',' in the config"),
    ("mine.csv", b'item_id,question,"ans\nwer"\n1,a,b\n', "no column 'answer', found item_id, question, ans\\nwer"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-16"), "is in UTF-16"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-16-le"), "line 1 holds a NUL byte"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-32"), "is in UTF-32"),
    ("mine.jsonl", GOOD.decode().encode("utf-16"), "is in UTF-16"),
    ("mine.json", GOOD.decode().encode("utf-16-be"), "line 1 holds a NUL byte"),
    ("mine.csv", HEADER + "1,a,x\n2,é,y\n".encode("latin-1"), "line 3 holds the byte 0xe9, which is not UTF-8"),
    ("mine.jsonl", GOOD + "é".encode("cp1252"), "line 2 holds the byte 0xe9, which is not UTF-8"),
    ("mine.csv", HEADER + b"1,a\0,x\n", "line 2 holds a NUL byte"),
    ("mine.jsonl", GOOD + b"\0", "line 2 holds a NUL byte"),
    ("mine.csv", gzip.compress(HEADER), "is compressed (gzip)"),
    ("mine.jsonl", gzip.compress(GOOD), "is compressed (gzip)"),
    ("mine.csv", b"PK\x03\x04rest", "is a zip archive or a spreadsheet"),
    ("mine.csv", b"PAR1rest", "is Parquet"),
    (
        "mine.jsonl.gz",
        gzip.compress(GOOD),
        "unknown kind of file '.gz', expected one of .jsonl, .json, .csv, .tsv, .parquet",
    ),
    ("mine.jsonl", b"", "no rows, expected at least one item"),
    ("mine.jsonl", b"\xef\xbb\xbf", "no rows, expected at least one item"),
    ("mine.jsonl", GOOD + b"\n{]", "line 3: not JSON (Expecting property name enclosed in double quotes, character 2)"),
    ("mine.jsonl", GOOD + b"null", "line 2: a NoneType, expected a JSON object"),
    (
        "mine.jsonl",
        b'{"item_id": "a", "question": "q", "question": "r"}',
        "line 1: not JSON (key 'question' occurs twice",
    ),
    ("mine.jsonl", b'{"item_id": "a", "question": Infinity}', "line 1: not JSON (Infinity is no number of JSON)"),
    ("mine.jsonl", b'{"item_id": "a", "question": "\\ud83d", "answer": "x"}', "line 1: not JSON (half a character"),
    ("mine.jsonl", b"[" * 100_000, "line 1: not JSON (nested too deep)"),
    ("mine.json", GOOD, "a dict, expected a JSON list of objects (a file with an object a line is .jsonl)"),
    ("mine.json", GOOD + GOOD, "not JSON (Extra data, line 2, character 1), expected a JSON list of objects"),
    ("mine.json", b"[1]", "row 1: a Number, expected a JSON object"),
    ("mine.json", b"[]", "no rows, expected at least one item"),
    ("mine.parquet", b"PAR1", "cannot be read"),
    ("mine.parquet", b"", "cannot be read"),
    ("mine.csv", HEADER + b"1,,x\n", "row 1 (line 2, item_id '1'): question is empty, expected text"),
    ("mine.csv", HEADER + b" ,a,x\n", "row 1 (line 2): item_id is empty, expected a unique text"),
    (
        "mine.csv",
        HEADER + b"7,a,x\n7,b,y\n",
        "row 2 (line 3): item_id '7' occurs twice, expected unique ids",
    ),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "answer": "x"}',
        "row 2 (item_id 'b'): no 'question', found item_id, answer",
    ),
    ("mine.jsonl", GOOD + b'{"item_id": null, "question": "q", "answer": "x"}', "row 2: item_id is empty (null)"),
    ("mine.jsonl", GOOD + b'{"item_id": "b", "question": ["q"], "answer": "x"}', "question is a list, expected text"),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "question": "q", "answer": null}',
        "answer is empty (null), expected the gold",
    ),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "question": NaN, "answer": "x"}',
        "question is empty (null), expected text",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES)
def test_a_file_that_cannot_be_meant_is_one_line(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UphillError) as caught:
        load(tmp_path / name, choices=None)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name}: ")
    assert message in said
    assert "\n" not in said
    assert len(said) < 600


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("mine.csv", b"\xef\xbb\xbf" + HEADER + b"007,a,x\n", {}),
        ("mine.csv", b'\xef\xbb\xbf"item_id","question","answer"\r\n007,a,x\r\n', {}),
        ("mine.csv", HEADER + b"007,a,x\r\n\r\n", {}),
        ("mine.csv", HEADER.replace(b"\n", b"\r") + b"007,a,x\r", {}),
        ("MINE.CSV", HEADER + b"007,a,x", {}),
        ("mine.csv", b"item_id;question;answer\n007;a;x\n", {"delimiter": ";"}),
        ("mine.csv", b"item_id\tquestion\tanswer\n007\ta\tx\n", {"delimiter": "\t"}),
        ("mine.tsv", b"item_id\tquestion\tanswer\n007\ta\tx\n", {}),
        ("mine.jsonl", b'\xef\xbb\xbf{"item_id": "007", "question": "a", "answer": "x"}\r\n\r\n', {}),
        ("mine.json", b'\xef\xbb\xbf[{"item_id": "007", "question": "a", "answer": "x"}]', {}),
    ],
)
def test_marks_line_ends_and_delimiters_are_read(name: str, content: bytes, settings: Row, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = load(tmp_path / name, choices=None, **settings)
    assert found[["item_id", "question", "answer_text"]].to_numpy().tolist() == [["007", "a", "x"]]


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(f"item_id,question,answer\n1,{'long ' * 60_000},x\n")
    assert len(load(tmp_path / "mine.csv", choices=None)["question"][0]) == 300_000


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "😀"


# -- metadata --------------------------------------------------------------------------------------------------------

N = Number
METADATA: list[tuple[list[Any], list[Any], str]] = [
    ([3, 8], [3, 8], "int64"),
    ([N("3"), N("8")], [3, 8], "int64"),
    ([N("3"), None], [3, None], "Int64"),
    ([N("3"), N("5.5")], [3.0, 5.5], "float64"),
    ([N("0.10"), None], [0.1, None], "float64"),
    ([True, False], [True, False], "bool"),
    ([True, None], [True, None], "boolean"),
    ([N("1"), "x", [N("1")], None], ["1", "x", '["1"]', None], "object"),
    ([N("3"), "3", "three"], ["3", "3", "three"], "object"),
    ([True, N("1")], ["true", "1"], "object"),
    ([{"a": 1}, None], ['{"a": "1"}', None], "object"),
    ([N("12345678901234567890123")], ["12345678901234567890123"], "object"),
    ([N("-1000000000000000000000")], [-1e21], "float64"),
    ([N("-1000000000000000000001")], ["-1000000000000000000001"], "object"),
    ([N(str(2**63 - 1)), N(str(-(2**63)))], [2**63 - 1, -(2**63)], "int64"),
    ([N(str(2**63))], [str(2**63)], "object"),
    ([N("12345678901234567"), N("0.5")], ["12345678901234567", "0.5"], "object"),
    ([N("9" * 5000)], ["9" * 5000], "object"),
    ([N("1e999")], ["1e999"], "object"),
    ([Decimal("1.50")], ["1.50"], "object"),
    ([datetime.date(2020, 1, 2)], ["2020-01-02"], "object"),
    ([None, None], [None, None], "object"),
    ([math.nan, 1.5], [None, 1.5], "float64"),
]


@pytest.mark.parametrize(("cells", "values", "dtype"), METADATA)
def test_metadata_is_of_one_type_and_loses_nothing(cells: list[Any], values: list[Any], dtype: str) -> None:
    found = column(cells)
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found] == values
    pa.array(found, from_pandas=True)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["3", "8", ""], [3, 8, None]),
        (["007", "8"], ["007", "8"]),
        (["5", "5.5"], [5.0, 5.5]),
        (["1.50", "2"], ["1.50", "2"]),
        (["1_000", "2"], ["1_000", "2"]),
        (["inf", "2"], ["inf", "2"]),
        (["TRUE", "FALSE"], ["TRUE", "FALSE"]),
        (["NA", "2"], ["NA", "2"]),
    ],
)
def test_metadata_of_csv_are_numbers_only_where_no_digit_is_lost(cells: list[str], values: list[Any]) -> None:
    assert [None if pd.isna(value) else value for value in column(written_numbers(cells))] == values


@pytest.mark.parametrize("kind", [".jsonl", ".json"])
def test_metadata_of_any_kind_and_sometimes_absent_is_kept(kind: str, tmp_path: Path) -> None:
    same = {"question": "q?", "choices": ["x", "y"], "answer": 0}
    given = [
        {"meta": 1, "big": 2**70, "some": True},
        {"meta": "x"},
        {"meta": [1]},
        {"meta": None, "late": {"a": [None]}},
    ]
    path = write(tmp_path, kind, [{"item_id": f"{n}"} | same | cells for n, cells in enumerate(given)])
    items = build_items(load(path), "mine", 1, 0)
    table = ITEMS.to_arrow(items, "items")
    assert table["meta"].to_pylist() == ["1", "x", '["1"]', None]
    assert table["big"].to_pylist() == [str(2**70), None, None, None]
    assert table["some"].to_pylist() == [True, None, None, None]
    assert table["late"].to_pylist() == [None, None, None, '{"a": [null]}']


GRADES = [
    ([3, 8], [3.0, 8.0]),
    (["3", "8.5"], [3.0, 8.5]),
    (["1e1", " 3 "], [10.0, 3.0]),
    ([3, "8"], [3.0, 8.0]),
    ([3, "three"], "item 'i1': grade is 'three', expected a number"),
    (["3", ""], "grade is '', expected a number"),
    ([3, None], "expected a number"),
    (["3", "inf"], "grade is 'inf', expected a number"),
    (["3", "nan"], "grade is 'nan', expected a number"),
    (["3", "0x10"], "grade is '0x10', expected a number"),
    (["3", "1_000"], "grade is '1_000', expected a number"),
    ([True, False], "grade is True, expected a number"),
    ([3, [3]], "expected a number"),
]


@pytest.mark.parametrize(("grades", "expected"), GRADES)
def test_human_grades_are_numbers_or_named(grades: list[Any], expected: list[float] | str, tmp_path: Path) -> None:
    rows = [row | {"grade": grade} for row, grade in zip(questions([0, 1]), grades, strict=True)]
    items = load(write(tmp_path, ".jsonl", rows), answer="gold").set_index("item_id")
    data = HardnessData(Graded("mine", ("grade",), False, 0), items, 0)
    if isinstance(expected, str):
        with pytest.raises(UphillError) as caught:
            human.measure("human", human.Settings(), data)
        assert expected in str(caught.value)
    else:
        assert human.measure("human", human.Settings(), data)["value"].tolist() == expected


@pytest.mark.parametrize(("cell", "number"), [("1", 1.0), ("-.5", -0.5), ("1e999", None), ("٣", None), (False, None)])
def test_numbers_of_cells(cell: Any, number: float | None) -> None:
    assert (None if math.isnan(as_number(cell)) else as_number(cell)) == number


# -- ids that are joined ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "joined"),
    [
        (["007", "7", "1e5", "NA"], ["007", "7", "1e5", "NA"]),
        ([7, 8, 9, 12345678901234567], ["7", "8", "9", "12345678901234567"]),
        ([7.0, 8.0, 9.0, 0.5], ["7", "8", "9", "0.5"]),
    ],
)
def test_ids_of_a_matrix_are_the_ids_of_items(ids: list[Any], joined: list[str], tmp_path: Path) -> None:
    answers = {"item_id": ids, "m1": [1, 0, 1, 0], "m2": [1, 1, 0, 0]}
    pq.write_table(pa.table(answers), tmp_path / "matrix.parquet")
    assert read_matrix(tmp_path / "matrix.parquet", "item_id", []).item_ids == joined
    if isinstance(ids[0], str):
        (tmp_path / "matrix.csv").write_bytes(b"\xef\xbb\xbf" + pd.DataFrame(answers).to_csv(index=False).encode())
        assert read_matrix(tmp_path / "matrix.csv", "item_id", []).item_ids == joined


def test_a_matrix_about_7_says_nothing_of_007(tmp_path: Path) -> None:
    (tmp_path / "matrix.csv").write_text("item_id,m1,m2\n7,1,0\n8,0,1\n")
    items = pd.DataFrame({"pool": "experiment"}, index=pd.Index(["007"], name="item_id"))
    settings = irt.Settings(dataset="d", path=tmp_path / "matrix.csv")
    with pytest.raises(UphillError, match="no answers to item '007'"):
        irt.measure("b", settings, HardnessData(Graded("d", (), False, 0), items, 0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("item_id,m1,m2\n1,1,0\n".encode("utf-16"), "is in UTF-16"),
        (b"item_id,m1,m2\n\xe9,1,0\n", "line 2 holds the byte 0xe9, which is not UTF-8"),
        (gzip.compress(b"item_id"), "is compressed"),
    ],
)
def test_a_matrix_in_another_encoding_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "matrix.csv").write_bytes(content)
    with pytest.raises(UphillError) as caught:
        read_matrix(tmp_path / "matrix.csv", "item_id", [])
    assert message in str(caught.value)


# -- the hub's text files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl", "train.json"])
def test_text_files_of_a_hub_repository_are_read_as_they_are_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "repository").mkdir()
    rows = (
        '{"key": "007", "stem": "2020-01-01", "options": [0.10, 2], "gold": 0}\n'
        '{"key": "7", "stem": "NA", "options": [1, 3], "gold": 1}'
    )
    text = {
        "train.csv": 'key,stem,options,gold\n007,2020-01-01,"[0.10, 2]",0\n7,NA,"[1, 3]",1\n',
        "train.jsonl": rows,
        "train.json": f"[{rows.replace(chr(10), ',')}]",
    }[name]
    (tmp_path / "repository" / name).write_text(text)
    settings = {"hub_id": str(tmp_path / "repository"), "revision": COMMIT, "splits": ["train"], "item_id": "key"}
    columns = {"question": "stem", "choices": "options", "answer": "gold", "metadata": ["gold"]}
    found = hub.load(hub.Settings.model_validate(settings | columns))
    assert found["item_id"].tolist() == ["007", "7"]
    assert found["question"].tolist() == ["2020-01-01", "NA"]
    assert found["choices"].tolist() == [["0.10", "2"], ["1", "3"]]
    assert found["answer_text"].tolist() == ["0.10", "3"]


def test_a_bad_text_file_of_a_hub_repository_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository/train.csv").write_text("key,stem,a,b,gold\n1,q?,x,y,0,more\n2,q?,x,y,0,more\n")
    settings = {"hub_id": str(tmp_path / "repository"), "revision": COMMIT, "splits": ["train"], "choices": ["a", "b"]}
    with pytest.raises(UphillError, match=r"train.csv: row 1 \(line 2\): 6 cells, expected 5: key, stem, a, b, gold"):
        hub.load(hub.Settings.model_validate(settings | {"question": "stem", "answer": "gold", "item_id": "key"}))
