"""A user's own questions: a JSON-lines, JSON, CSV, TSV or Parquet file, its columns named in the config."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from uphill.datasets.cells import written_numbers
from uphill.datasets.columns import Columns, item, text_at, way_told
from uphill.datasets.items import ITEM_COLUMNS
from uphill.datasets.raw_files import DELIMITERS, Records, listed, read_records
from uphill.datasets.sources import BadRow, Fields, Part, RawRow, collect
from uphill.errors import UphillError


class Place(BaseModel):
    """Where the file is."""

    path: Path = Field(description="The file, in UTF-8: .jsonl, .json (a list of objects), .csv, .tsv or .parquet.")
    delimiter: str | None = Field(
        None, pattern=r'^[^"\r\n\w]$', description="Between the cells of a .csv or .tsv; null: comma, or tab."
    )
    item_id: str = Field("item_id", description="Column with a unique id for each item.")


class Settings(Columns, Place):
    """Where the file is, and which of its columns hold what. Columns not named here are kept as metadata."""

    @field_validator("delimiter")
    @classmethod
    def _between_cells(cls, delimiter: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if delimiter is not None and path is not None and path.suffix.lower() not in DELIMITERS:
            raise ValueError(f"is {delimiter!r} for {path.name}, expected it for {' and '.join(DELIMITERS)} files only")
        return delimiter

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the items."""
        return [self.path]

    @property
    def named(self) -> list[str]:
        """Columns that make the item."""
        choices = self.choices if isinstance(self.choices, list) else [self.choices]
        found = [self.item_id, self.question, *choices, self.answer, self.labels, self.reasoning]
        return [name for name in found if name is not None]


def load(settings: Settings) -> pd.DataFrame:
    """The rows of a file, under the names that the item table uses.

    Raises:
        UphillError: the file is missing, cannot be read, lacks a named column or has a bad row; by file, row and line.
    """
    records = read_records(settings.path, settings.delimiter)
    if not records.rows:
        raise UphillError(f"{settings.path}: no rows, expected at least one item")
    for column in settings.named:
        if column not in records.names and column.split(".")[0] not in records.names:
            raise UphillError(f"{settings.path}: no column {column!r}, found {listed(records.names)}")
    rows = list(_rows(settings, records))
    way = way_told(rows, settings, str(settings.path))
    metadata = _metadata(settings, records)

    def made(fields: Fields) -> Fields:
        return item(fields, settings, way) | metadata[fields["number"]]

    return collect(rows, made, str(settings.path), strict=True)


def _rows(settings: Settings, records: Records) -> Iterator[RawRow]:
    seen: set[str] = set()
    for record in records.rows:
        named = _id(record.cells, settings, seen)
        seen.add(named.text)
        part = Part(named, partial(_with_id, named), {"number": record.number})
        yield RawRow(str(settings.path), record.number, record.cells, part, line=record.line)


@dataclass(frozen=True)
class _Id:
    """A row's id; `problem` says why it is none."""

    text: str
    problem: str | None = None

    def __call__(self, *_: Any) -> str | None:
        return self.text if self.problem is None else None


def _id(row: Mapping[str, Any], settings: Settings, seen: set[str]) -> _Id:
    try:
        text = text_at(row, settings.item_id, "a unique text")
    except BadRow as error:
        return _Id("", str(error))
    return _Id(text, f"{settings.item_id} {text!r} occurs twice, expected unique ids" if text in seen else None)


def _with_id(named: _Id, row: Any) -> Fields:
    if named.problem is not None:
        raise BadRow(named.problem)
    return {"row": row}


def _metadata(settings: Settings, records: Records) -> dict[int, Fields]:
    """The further cells of each row, by its number; numbers of a CSV file's column are numbers if all are."""
    rest = [name for name in records.names if name not in {*settings.named, *ITEM_COLUMNS}]
    columns: dict[str, list[Any]] = {name: [row.cells.get(name) for row in records.rows] for name in rest}
    if records.written:
        columns = {name: written_numbers(cells) for name, cells in columns.items()}
    return {row.number: {name: columns[name][n] for name in rest} for n, row in enumerate(records.rows)}
