"""Any dataset of the Hugging Face hub, its columns named in the config."""

from collections.abc import Iterator, Mapping
from itertools import product

import pandas as pd
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from uphill.datasets.columns import ALIASES, Columns, item, text_at, way_told
from uphill.datasets.items import ITEM_COLUMNS
from uphill.datasets.sources import BadRow, Fields, Part, RawRow, by_number, collect, get, hub_rows
from uphill.running.hub import pinned
from uphill.schemas.spelling import Names

SPLIT, CONFIG = "split", "config"
"""Metadata that every row has: which of the repository's splits and configs it is of."""


class Place(BaseModel):
    """Which rows of which repository."""

    hub_id: str = Field(description="Repository of plain Parquet, JSON or CSV (loading scripts are not run), at the")
    revision: str = Field(description="commit with this hash.")
    config: str | None = Field(None, description="Its config; null if it has one only. Or")
    configs: Names = Field(
        [], description="several of its configs (BBH's sub-tasks); each row keeps the name of its own, as `config`."
    )
    splits: list[str] = Field(min_length=1, description="Splits to take rows from.")
    item_id: str | None = Field(None, description="Column with a unique id; null: split and row number, from 0.")
    metadata: list[str] = Field(
        [], description="Columns to keep, such as a grade of difficulty; `split` and `config` always can be."
    )
    strict: bool = Field(True, description="Stop at a bad row; false drops bad rows, counts and logs them.")

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str) -> str:
        return pinned(revision)

    @field_validator("configs")
    @classmethod
    def _one_or_several(cls, configs: list[str], info: ValidationInfo) -> list[str]:
        if configs and info.data.get("config") is not None:
            raise ValueError(f"is {configs!r} beside config {info.data['config']!r}, expected one of both keys")
        return configs

    @field_validator("metadata")
    @classmethod
    def _own_names(cls, metadata: list[str]) -> list[str]:
        taken = [name for name in metadata if name in (*ITEM_COLUMNS, ALIASES)]
        if taken:
            raise ValueError(f"holds {taken[0]!r}, expected names other than {', '.join((*ITEM_COLUMNS, ALIASES))}")
        return metadata


class Settings(Columns, Place):
    """Which rows of which repository, and which of their columns hold what."""

    @property
    def remote(self) -> bool:
        """Rows come over the network."""
        return True


def load(settings: Settings) -> pd.DataFrame:
    """The rows of some splits of a hub dataset, under the names that the item table uses.

    Raises:
        UphillError: the dataset cannot be read, or has a bad row (unless not `strict`).
    """
    where = f"hub dataset {settings.hub_id if settings.config is None else f'{settings.hub_id}/{settings.config}'}"
    rows = list(_rows(settings))
    way = way_told(rows, settings, where)

    kept = dict.fromkeys([*([CONFIG] if settings.configs else []), *settings.metadata])

    def made(fields: Fields) -> Fields:
        return item(fields, settings, way) | {name: _kept(fields, name) for name in kept}

    return collect(rows, made, where, settings.strict, settings.answered)


def _rows(settings: Settings) -> Iterator[RawRow]:
    configs: list[str] | list[str | None] = settings.configs or [settings.config]
    for config, split in product(configs, settings.splits):
        number = by_number(f"{config}/{split}" if settings.configs else split)
        name_of = number if settings.item_id is None else lambda row, _: _id(row, settings)
        part = Part(name_of, lambda row: {"row": _with_id(row, settings)}, {SPLIT: split, CONFIG: config})
        yield from hub_rows(settings.hub_id, config, split, settings.revision, part, written=True)


def _kept(fields: Fields, name: str) -> object:
    """A row's metadata; of a split or config that it says nothing of, the one that it was read from."""
    row = fields["row"]
    return fields[name] if name in (SPLIT, CONFIG) and isinstance(row, Mapping) and name not in row else get(row, name)


def _with_id(row: object, settings: Settings) -> object:
    if settings.item_id is not None:
        text_at(row, settings.item_id, "a unique text")
    return row


def _id(row: object, settings: Settings) -> str | None:
    try:
        return text_at(row, settings.item_id or "")
    except BadRow:
        return None
