"""Difficulty that was published: a bank of items with their parameters, as a variable of the dataset that they are of.

Such are Easy2Hard-Bench (`rating`), Fluid Benchmarking (`b`) and the scale of Kordi et al. 2025 (`1pl_diff`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill.datasets.cells import as_number, is_null
from uphill.datasets.raw_files import Record, read_records
from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.hardness.item_files import check_all_known, check_columns, item_in

RUNS_MODEL = False
READS_RESPONSES = False


class Settings(BaseModel):
    """Which file holds the bank, and which of its columns hold what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(description="The dataset whose items the bank is about; others get no such variable.")
    path: Path = Field(description="The bank: .csv, .tsv, .parquet, .jsonl or .json, a row an item.")
    item_id: str = Field("item_id", description="Column with the items' ids, as the dataset has them.")
    difficulty: str = Field("difficulty", description="Column with the difficulties; larger is harder.")
    error: str | None = Field(None, description="Column with their standard errors, if there is one.")

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the values."""
        return [self.path]


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The difficulty, named after the config entry, for the dataset that the bank is about."""
    return [name] if dataset.name == settings.dataset else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """The difficulty of every item of the dataset, with its standard error as `se` where the bank has a column of it.

    Raises:
        UphillError: the bank cannot be read, lacks a named column, has a difficulty or an error that is no number, an
            item with two values, or no value for an item of the dataset.
    """
    bank = read_bank(settings)
    found = bank.reindex(data.items.index)
    check_all_known(settings.path, settings.difficulty, data, found["difficulty"])
    rows = long_form(found[["difficulty"]].rename(columns={"difficulty": name}), kind="irt")
    if settings.error is None:
        return rows
    return rows.merge(found[["se"]], left_on="item_id", right_index=True, validate="one_to_one")


def read_bank(settings: Settings) -> pd.DataFrame:
    """`difficulty` and `se` of each item that has a difficulty, indexed by item_id; an error not given is NaN.

    Raises:
        UphillError: as `measure`, but for what the dataset asks for.
    """
    records = read_records(settings.path)
    named = (settings.item_id, settings.difficulty, settings.error)
    check_columns(settings.path, records, [column for column in named if column])
    known: dict[str, _Entry] = {}
    for entry in _entries(settings, records.rows):
        _check_same(settings, known.setdefault(entry.item, entry), entry)
    index = pd.Index(list(known), name="item_id", dtype=str)
    pairs = np.array([(entry.difficulty, entry.error) for entry in known.values()], dtype=float).reshape(-1, 2)
    return pd.DataFrame(pairs, index, ["difficulty", "se"])


@dataclass(frozen=True)
class _Entry:
    row: int
    item: str
    difficulty: float
    error: float

    @property
    def values(self) -> str:
        """As a message says them, so that two that say the same are the same."""
        return f"{self.difficulty!r}" + ("" if np.isnan(self.error) else f" with error {self.error!r}")


def _entries(settings: Settings, rows: Sequence[Record]) -> Iterator[_Entry]:
    for record in rows:
        where = f"{settings.path}: row {record.number}"
        item = item_in(where, settings.item_id, record)
        difficulty = _number(where, settings.difficulty, record)
        error = np.nan if settings.error is None else _number(where, settings.error, record)
        if error < 0:
            raise UphillError(f"{where}: {settings.error} is {error:g}, expected a standard error, 0 or more")
        if not np.isnan(difficulty):
            yield _Entry(record.number, item, difficulty, error)


def _number(where: str, column: str, record: Record) -> float:
    """A cell as a number; NaN where it is empty."""
    cell = record.cells.get(column)
    if is_null(cell) or (isinstance(cell, str) and not cell.strip()):
        return np.nan
    number = as_number(cell)
    if np.isnan(number):
        raise UphillError(f"{where}: {column} is {cell!r}, expected a number, or nothing where it is not known")
    return number


def _check_same(settings: Settings, first: _Entry, again: _Entry) -> None:
    if first.values != again.values:
        raise UphillError(
            f"{settings.path}: row {again.row}: item {again.item!r} has {again.values} here and {first.values} in row "
            f"{first.row}, expected one value"
        )
