"""Contracts hold on both sides, files appear whole, and say what made them."""

from pathlib import Path

import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.schemas.files import made_by, read, write, written_whole
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.measures import MEASURE

ROWS = pd.DataFrame({"item_id": ["a", "b"], "variable": ["v", "v"], "value": [1.0, 2.0], "kind": ["human", "human"]})


def test_round_trip_keeps_rows_and_identity(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "measure.parquet"
    write(ROWS, path, MEASURE, {"id": "abc", "settings": {"k": 1}})
    pd.testing.assert_frame_equal(read(path, MEASURE), ROWS, check_dtype=False)
    assert made_by(path) == {"id": "abc", "settings": {"k": 1}}


def test_same_rows_are_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(ROWS, tmp_path / f"{name}.parquet", MEASURE, {"id": "abc"})
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop(columns="kind"), "missing columns \\['kind'\\]"),
        (ROWS.assign(value=["x", "y"]), "not a hardness measure table"),
        (ROWS.assign(item_id=["a", "a"]), "occurs twice"),
        (ROWS.assign(variable=["v", None]), "variable: string not null"),
    ],
)
def test_broken_contract_is_refused_and_leaves_nothing(tmp_path: Path, rows: pd.DataFrame, message: str) -> None:
    path = tmp_path / "measure.parquet"
    with pytest.raises(UphillError, match=message):
        write(rows, path, MEASURE)
    assert list(tmp_path.iterdir()) == []


def test_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "measure.parquet"
    write(ROWS, path, MEASURE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UphillError, match=r"measure.parquet: not a whole Parquet file"):
        read(path, MEASURE)
    with pytest.raises(UphillError, match="no such file"):
        read(tmp_path / "absent.parquet", MEASURE)


def test_failed_write_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half of the new")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_without_identity_is_refused(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "measure.parquet", MEASURE)
    with pytest.raises(UphillError, match="records no identity"):
        made_by(tmp_path / "measure.parquet")


def test_unknown_columns_are_refused_where_no_others_may_follow(tmp_path: Path) -> None:
    with pytest.raises(UphillError, match=r"unknown columns \['more'\]"):
        write(ROWS.assign(level="easy", more=1), tmp_path / "hardness.parquet", HARDNESS)
