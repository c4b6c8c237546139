"""A raw cell is one text, or none; metadata are of one type; ids join as they are written."""

import datetime
import gzip
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from item_files import load, questions, write

from uphill.datasets.cells import NoText, Number, as_number, as_text, column, written_numbers
from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.hardness import human, irt
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.data import Graded, HardnessData
from uphill.schemas.items import ITEMS

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
    ([N("1"), "x", [N("1")], None], ["1", "x", "[1]", None], "object"),
    ([N("3"), "3", "three"], ["3", "3", "three"], "object"),
    ([True, N("1")], ["true", "1"], "object"),
    ([{"a": 1}, None], ['{"a": 1}', None], "object"),
    ([[N("0.10"), 2.5, N("1e5"), "7", True, None]], ['[0.10, 2.5, 1e5, "7", true, null]'], "object"),
    ([[math.nan, math.inf, {"ä": [b"x"]}]], ['[null, "inf", {"ä": ["b\'x\'"]}]'], "object"),
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
    items = build_items(load(path), "mine", Pools(hardness=1), 0)
    table = ITEMS.to_arrow(items, "items")
    assert table["meta"].to_pylist() == ["1", "x", "[1]", None]
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
        (gzip.compress(b"item_id", mtime=0), "is compressed"),
        (b'item_id,m1,m2\n1,1,0\n2,0,"1\n', "line 3: cannot be read (unexpected end of data)"),
        (b'item_id,m1,m2\n"1"x,1,0\n', "line 2: cannot be read"),
        (b",item_id,m1,m2\n0,7,1,0\n1,8,0,1\n", "column 1 has no name"),
        (b"item_id;m1;m2\n1;1;0\n", "between cells"),
    ],
)
def test_a_matrix_that_cannot_be_meant_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "matrix.csv").write_bytes(content)
    with pytest.raises(UphillError) as caught:
        read_matrix(tmp_path / "matrix.csv", "item_id", [])
    assert message in str(caught.value)
