"""Grades that people, or the truth, gave: the dataset's own columns."""

from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel, ConfigDict

from uphill.datasets.cells import as_number
from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form

RUNS_MODEL = False
READS_RESPONSES = False


class Settings(BaseModel):
    """Nothing to set: the dataset's entry names the columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The columns named by the dataset's entry."""
    return dataset.human


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The named columns as numbers.

    Raises:
        UphillError: a column is missing or holds something that is no number.
    """
    return long_form(pd.DataFrame({column: grades(data, column) for column in data.dataset.human}), kind="human")


def grades(data: HardnessData, column: str) -> pd.Series:
    """A column of the items as numbers, by item_id.

    Raises:
        UphillError: it is missing or holds something that is no number.
    """
    if column not in data.items.columns:
        raise UphillError(f"dataset {data.dataset.name!r}: no column {column!r}, expected the human grade there")
    numbers = data.items[column].map(as_number).astype(float)
    if numbers.isna().any():
        item = numbers.index[numbers.isna()][0]
        found = data.items[column].to_dict()[item]
        raise UphillError(f"dataset {data.dataset.name!r}: item {item!r}: {column} is {found!r}, expected a number")
    return numbers
