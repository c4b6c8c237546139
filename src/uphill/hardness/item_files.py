"""Values of a dataset's items that a file holds: whose row it is, and what the file leaves out."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from uphill.datasets.cells import NoText, as_text
from uphill.datasets.raw_files import Record, Records, listed
from uphill.errors import UphillError
from uphill.hardness.data import HardnessData


def check_columns(path: Path, records: Records, columns: Sequence[str]) -> None:
    """Refuse a file that lacks a named column.

    Raises:
        UphillError: it does.
    """
    for column in columns:
        if column not in records.names:
            raise UphillError(f"{path}: no column {column!r}, found {listed(records.names)}")


def item_in(where: str, column: str, record: Record) -> str:
    """The id of the item that a row is of.

    Raises:
        UphillError: it is empty, or no text.
    """
    try:
        item = as_text(record.cells.get(column))
    except NoText as error:
        raise UphillError(f"{where}: {column} {error}, expected the id of an item") from None
    if not item.strip():
        raise UphillError(f"{where}: {column} is empty, expected the id of an item")
    return item


def check_all_known(path: Path, column: str, data: HardnessData, found: pd.Series) -> None:
    """Refuse a file that leaves out an item of the dataset: `found` is NaN there.

    Raises:
        UphillError: it does; the line says how many.
    """
    absent = found.index[found.isna()]
    if len(absent):
        share = f"{len(absent)} of {len(found)} items ({100 * len(absent) / len(found):.1f} %) have none"
        raise UphillError(
            f"{path}: no {column} of item {absent[0]!r}, expected one of every item of dataset "
            f"{data.dataset.name!r} ({share})"
        )
