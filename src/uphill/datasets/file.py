"""A user's own questions: JSON-lines, JSON, CSV, TSV or Parquet files, their columns named in the config."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from uphill.datasets.cells import written_numbers
from uphill.datasets.columns import ALIASES, Columns, item, text_at, way_told
from uphill.datasets.items import ITEM_COLUMNS
from uphill.datasets.raw_files import DELIMITERS, Records, listed, read_records
from uphill.datasets.sources import BadRow, Fields, Part, RawRow, by_number, collect
from uphill.errors import UphillError
from uphill.schemas.spelling import Name, Names, distinct

CONFIG = "config"
"""Metadata of rows of several files: which of them a row is of."""
CONFIG_SLOT = "{config}"


class Place(BaseModel):
    """Where the file is."""

    path: Path = Field(description="The file, in UTF-8: .jsonl, .json (a list of objects), .csv, .tsv or .parquet.")
    configs: Names = Field(
        [],
        validate_default=True,
        description="Names that stand for {config} in the path, for one file each (BBH's sub-tasks); each row keeps "
        "that of its own, as `config`.",
    )
    rows: str | None = Field(
        None, description="In a .json file that is an object: the key of its list of objects, or a path with dots."
    )
    delimiter: str | None = Field(
        None, pattern=r'^[^"\r\n\w]$', description="Between the cells of a .csv or .tsv; null: comma, or tab."
    )
    rename: dict[str, Name] = Field(
        {},
        description="Columns by a name that a config and tables can hold: theirs, and the new one, by which all other "
        "keys know the column then (`{Grade level: grade}`).",
    )
    item_id: str | None = Field(
        "item_id", description="Column with a unique id for each item; null: the file's name and row number, from 0."
    )


class Settings(Columns, Place):
    """Where the file is, and which of its columns hold what. Columns not named here are kept as metadata."""

    @field_validator("configs")
    @classmethod
    def _stand_in_the_path(cls, configs: list[str], info: ValidationInfo) -> list[str]:
        if "path" in info.data and bool(configs) != (CONFIG_SLOT in str(info.data["path"])):
            raise ValueError(f"is {configs!r} for the path {info.data['path']}, expected names for {CONFIG_SLOT} in it")
        return configs

    @field_validator("rows")
    @classmethod
    def _in_an_object(cls, rows: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if rows is not None and path is not None and path.suffix.lower() != ".json":
            raise ValueError(f"is {rows!r} for {path.name}, expected it for .json files only")
        return rows

    @field_validator("delimiter")
    @classmethod
    def _between_cells(cls, delimiter: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if delimiter is not None and path is not None and path.suffix.lower() not in DELIMITERS:
            raise ValueError(f"is {delimiter!r} for {path.name}, expected it for {' and '.join(DELIMITERS)} files only")
        return delimiter

    @field_validator("rename")
    @classmethod
    def _to_different_names(cls, rename: dict[str, str]) -> dict[str, str]:
        distinct(list(rename.values()))
        return rename

    @property
    def places(self) -> dict[str, Path]:
        """Each file by the name that its rows keep, or are numbered by."""
        if not self.configs:
            return {self.path.stem: self.path}
        return {config: Path(str(self.path).replace(CONFIG_SLOT, config)) for config in self.configs}

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the items."""
        return list(self.places.values())


def load(settings: Settings) -> pd.DataFrame:
    """The rows of a file, or of several, under the names that the item table uses.

    Raises:
        UphillError: a file is missing, cannot be read, lacks a named column or has a bad row; by file, row and line.
    """
    read = {name: _read(settings, path) for name, path in settings.places.items()}
    rows = list(_rows(settings, read))
    way = way_told(rows, settings, str(settings.path))
    metadata = _metadata(settings, read)

    def made(fields: Fields) -> Fields:
        return item(fields, settings, way) | metadata[fields["file"], fields["number"]]

    return collect(rows, made, str(settings.path), strict=True, answered=settings.answered)


def _read(settings: Settings, path: Path) -> Records:
    records = _renamed(read_records(path, settings.delimiter, settings.rows), settings.rename, path)
    if not records.rows:
        raise UphillError(f"{path}: no rows, expected at least one item")
    for column in _named(settings):
        if column not in records.names and column.split(".")[0] not in records.names:
            raise UphillError(f"{path}: no column {column!r}, found {listed(records.names)}")
    return records


def _renamed(records: Records, rename: Mapping[str, str], path: Path) -> Records:
    """Records with the names that the config gives their columns.

    Raises:
        UphillError: there is no such column, or the file has one of the new name already.
    """
    for old, new in rename.items() if records.rows else ():
        if old not in records.names:
            raise UphillError(f"{path}: rename: no column {old!r}, found {listed(records.names)}")
        if new in records.names and new not in rename:
            raise UphillError(f"{path}: rename: {old!r} to {new!r}, which the file has already, expected another name")
    rows = [
        replace(row, cells={rename.get(name, name): cell for name, cell in row.cells.items()}) for row in records.rows
    ]
    return replace(records, rows=rows, names=[rename.get(name, name) for name in records.names])


def _named(settings: Settings) -> list[str]:
    return [*([settings.item_id] if settings.item_id is not None else []), *settings.named]


def _rows(settings: Settings, read: Mapping[str, Records]) -> Iterator[RawRow]:
    seen: set[str] = set()
    for name, records in read.items():
        where = str(settings.places[name])
        for record in records.rows:
            named = _id(record.cells, settings, seen) if settings.item_id else _Id(by_number(name)(None, record.number))
            seen.add(named.text)
            part = Part(named, partial(_with_id, named), {"file": name, "number": record.number})
            yield RawRow(where, record.number, record.cells, part, line=record.line)


@dataclass(frozen=True)
class _Id:
    """A row's id; `problem` says why it is none."""

    text: str
    problem: str | None = None

    def __call__(self, *_: Any) -> str | None:
        return self.text if self.problem is None else None


def _id(row: Mapping[str, Any], settings: Settings, seen: set[str]) -> _Id:
    try:
        text = text_at(row, str(settings.item_id), "a unique text")
    except BadRow as error:
        return _Id("", str(error))
    return _Id(text, f"{settings.item_id} {text!r} occurs twice, expected unique ids" if text in seen else None)


def _with_id(named: _Id, row: Any) -> Fields:
    if named.problem is not None:
        raise BadRow(named.problem)
    return {"row": row}


def _metadata(settings: Settings, read: Mapping[str, Records]) -> dict[tuple[str, int], Fields]:
    """The further cells of each row, by file and number; numbers of a CSV column are numbers if all are."""
    taken = {*_named(settings), *ITEM_COLUMNS, *([ALIASES] if settings.aliases else [])}
    found = {(name, row.number): row.cells for name, records in read.items() for row in records.rows}
    rest = dict.fromkeys(name for records in read.values() for name in records.names if name not in taken)
    columns: dict[str, list[Any]] = {name: [cells.get(name) for cells in found.values()] for name in rest}
    if all(records.written for records in read.values()):
        # A file may lack a column that another has.
        columns = {name: written_numbers([cell or "" for cell in cells]) for name, cells in columns.items()}
    if settings.configs:
        columns = {CONFIG: [name for name, _ in found]} | columns
    return {key: {name: cells[place] for name, cells in columns.items()} for place, key in enumerate(found)}
