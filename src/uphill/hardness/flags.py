"""Flags that somebody else gave to items, such as "found in a training corpus": from a published file, by id.

A flag says nothing of difficulty. It is a variable all the same, so that `contamination` rows can split tables by it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill.datasets.cells import as_number, is_null
from uphill.datasets.raw_files import read_records
from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.hardness.item_files import check_all_known, check_columns, item_in
from uphill.running.noting import FLAGS, note

RUNS_MODEL = False
READS_RESPONSES = False
WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


class Settings(BaseModel):
    """Which file holds the flags, and in which of its columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(description="The dataset whose items the file is about; others get no such variable.")
    path: Path = Field(description="The file: .csv, .tsv, .parquet, .jsonl or .json, a row an item.")
    item_id: str = Field("item_id", description="Column with the items' ids, as the dataset has them.")
    flag: str = Field(description="Column with the flags: true or false, yes or no, 1 or 0, or a number between.")
    others: Literal["refused", "unflagged"] = Field(
        "refused",
        description="Items of the dataset that have no flag in the file: refused, or unflagged where the file lists "
        "flagged items alone; the report says how many.",
    )

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the values."""
        return [self.path]


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The flag, named after the config entry, for the dataset that the file is about."""
    return [name] if dataset.name == settings.dataset else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """The flag of every item of the dataset, from 0 to 1.

    Raises:
        UphillError: the file cannot be read, lacks a named column, has a cell that is no flag, an item with two flags,
            none for an item (unless `others` says what that means), or none for any.
    """
    found = pd.Series(read_flags(settings), dtype=float).reindex(data.items.index)
    if settings.others == "refused":
        check_all_known(settings.path, settings.flag, data, found)
    elif found.isna().all():
        raise UphillError(
            f"{settings.path}: no {settings.item_id} is one of the {len(found)} items of dataset "
            f"{data.dataset.name!r}, such as {found.index[0]!r}, expected the dataset's ids"
        )
    absent = int(found.isna().sum())
    if absent:
        note(f"{FLAGS}{name} of {data.dataset.name}: {absent} of {len(found)} items")
    return long_form(found.fillna(0.0).rename(name).to_frame(), kind="flag")


def read_flags(settings: Settings) -> dict[str, float]:
    """By item, its flag; an item whose flag is empty has none.

    Raises:
        UphillError: as `measure`, but for what the dataset asks for.
    """
    records = read_records(settings.path)
    check_columns(settings.path, records, [settings.item_id, settings.flag])
    known: dict[str, tuple[float, int]] = {}
    for record in records.rows:
        where = f"{settings.path}: row {record.number}"
        item = item_in(where, settings.item_id, record)
        cell = record.cells.get(settings.flag)
        if is_null(cell) or (isinstance(cell, str) and not cell.strip()):
            continue
        value = _flag(where, settings.flag, cell)
        first, row = known.setdefault(item, (value, record.number))
        if first != value:
            raise UphillError(
                f"{where}: item {item!r} has {value:g} here and {first:g} in row {row}, expected one flag"
            )
    return {item: value for item, (value, _) in known.items()}


def _flag(where: str, column: str, cell: object) -> float:
    if isinstance(cell, bool | np.bool_):
        return float(cell)
    value = WORDS.get(str(cell).strip().lower(), as_number(cell))
    if not 0.0 <= value <= 1.0:
        raise UphillError(f"{where}: {column} is {cell!r}, expected true or false, or a number from 0 to 1")
    return float(value)
