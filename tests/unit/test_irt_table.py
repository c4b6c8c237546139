"""Published banks as a hardness variable: values as they are written, and what is no bank named in a line."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from uphill import registry
from uphill.errors import UphillError
from uphill.hardness import irt_table
from uphill.hardness.data import Graded, HardnessData
from uphill.schemas.files import read, write
from uphill.schemas.measures import MEASURE

# As banks have them: ids that are numbers, an item more than the dataset has, one without a value, one twice.
BANK = {"id": ["007", "b", "c", "b", "extra"], "b": [-1.25, 0.1, 2, 0.1, None], "sd": [0.5, None, 0, None, 1]}


def saved(folder: Path, bank: Mapping[str, Any], kind: str) -> Path:
    path, frame = folder / f"bank{kind}", pd.DataFrame(bank, dtype=object)
    if kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    elif kind == ".parquet":
        pd.DataFrame(bank).to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if kind == ".tsv" else ",")
    return path


def entry(path: Path, **changes: Any) -> irt_table.Settings:
    fields = {"dataset": "d", "path": path, "item_id": "id", "difficulty": "b", "error": "sd"}
    return irt_table.Settings.model_validate({**fields, **changes})


def items_of(*ids: str) -> HardnessData:
    items = pd.DataFrame({"pool": "experiment"}, index=pd.Index(ids, name="item_id"))
    return HardnessData(Graded("d", (), False, 0), items, 0)


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_bank_gives_each_item_its_published_value(tmp_path: Path, kind: str) -> None:
    rows = irt_table.measure("bank", entry(saved(tmp_path, BANK, kind)), items_of("c", "007", "b"))
    write(rows, tmp_path / "measure.parquet", MEASURE)
    found = read(tmp_path / "measure.parquet", MEASURE)
    assert found["item_id"].tolist() == ["007", "b", "c"]
    assert found["value"].tolist() == [-1.25, 0.1, 2.0]
    np.testing.assert_array_equal(found["se"], [0.5, np.nan, 0.0])
    assert set(zip(found["variable"], found["kind"], strict=True)) == {("bank", "irt")}


def test_without_errors_there_is_no_column_of_them(tmp_path: Path) -> None:
    settings = entry(saved(tmp_path, BANK, ".csv"), error=None)
    assert list(irt_table.measure("bank", settings, items_of("b"))) == ["item_id", "variable", "value", "kind"]
    assert settings.files == [settings.path]


def test_variable_is_that_of_the_banks_own_dataset(tmp_path: Path) -> None:
    settings = entry(tmp_path / "bank.csv")
    assert irt_table.variables("easy2hard", settings, Graded("d", (), True, 0)) == ["easy2hard"]
    assert irt_table.variables("easy2hard", settings, Graded("other", (), True, 0)) == []


def test_the_config_finds_the_measure_by_its_name() -> None:
    assert "irt_table" in registry.names("uphill.hardness", "measure")
    with pytest.raises(ValidationError, match="dificulty"):
        irt_table.Settings.model_validate({"dataset": "d", "path": "x.csv", "dificulty": "b"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"difficulty": "1pl_diff"}, "bank.csv: no column '1pl_diff', found id, b, sd"),
        ({"error": "se"}, "no column 'se', found"),
        ({"item_id": "item"}, "no column 'item', found"),
    ],
)
def test_a_column_that_is_not_there_is_named(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UphillError, match=re.escape(message)):
        irt_table.measure("bank", entry(saved(tmp_path, BANK, ".csv"), **changes), items_of("b"))


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("b", 2, "hard", "row 3: b is 'hard', expected a number, or nothing where it is not known"),
        ("b", 2, "inf", "row 3: b is 'inf', expected a number"),
        ("sd", 0, "-0.5", "row 1: sd is -0.5, expected a standard error, 0 or more"),
        ("sd", 0, "wide", "row 1: sd is 'wide', expected a number"),
        ("id", 2, " ", "row 3: id is empty, expected the id of an item"),
        ("b", 3, 0.2, "row 4: item 'b' has 0.2 here and 0.1 in row 2, expected one"),
        ("sd", 3, 0.2, "row 4: item 'b' has 0.1 with error 0.2 here and 0.1 in"),
        ("b", 0, None, "no b of item '007', expected one of every item of dataset 'd' (1 of 3 items (33.3 %) have"),
        ("id", 0, "7", "no b of item '007', expected one of every item of dataset 'd' (1 of 3 items (33.3 %) have"),
    ],
)
def test_a_bad_bank_is_named(tmp_path: Path, column: str, row: int, value: object, message: str) -> None:
    cells = list(BANK[column])
    cells[row] = value
    path = saved(tmp_path, {**BANK, column: cells}, ".csv")
    with pytest.raises(UphillError, match=re.escape(message)) as refused:
        irt_table.measure("bank", entry(path), items_of("007", "b", "c"))
    assert "\n" not in str(refused.value)


def test_a_null_id_of_json_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {**BANK, "id": ["007", None, "c", "b", "e"]}, ".jsonl")
    with pytest.raises(UphillError, match=r"row 2: id is empty \(null\), expected the id of an item"):
        irt_table.measure("bank", entry(path), items_of("b"))
