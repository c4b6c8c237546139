"""What a figure draws: a table, or the hardness tables of some datasets, with rows in the config's order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from uphill.schemas import HARDNESS, UNSUPERVISED, read, read_csv


def read_table(paths: Sequence[str]) -> pd.DataFrame:
    """One CSV, or Parquet hardness tables with the dataset in a column of its own.

    Raises:
        UphillError: a hardness table is missing or damaged.
    """
    if Path(paths[0]).suffix == ".csv":
        return read_csv(paths[0])
    return pd.concat([read(path, HARDNESS).assign(dataset=Path(path).stem) for path in paths], ignore_index=True)


def arranged(table: pd.DataFrame, order: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Rows in the order of the config: by each column of `order` that the table has, the first the slowest.

    Names that `order` does not know come last, as they were.
    """
    table = table.reset_index(drop=True)
    ranks = pd.DataFrame(
        {
            column: table[column].map({key: rank for rank, key in enumerate(names)}).fillna(len(names))
            for column, names in order.items()
            if column in table
        }
    )
    if ranks.empty:
        return table
    return table.iloc[ranks.sort_values(list(ranks), kind="stable").index].reset_index(drop=True)


def only_baselines(table: pd.DataFrame, unsupervised: Mapping[str, str]) -> pd.DataFrame:
    """Rows without those of a zero-shot method that is not its dataset's Unsupervised."""
    if "train_on" not in table:
        return table
    other = (table["train_on"] == UNSUPERVISED) & (table["method"] != table["dataset"].map(unsupervised))
    return table[~other]
