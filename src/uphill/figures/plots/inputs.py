"""What a figure draws: a table, or the hardness tables of some datasets, with rows in the config's order."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from uphill.figures.plots.names import SOURCE
from uphill.running.provenance import levels, read_table
from uphill.schemas.files import read
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.level_names import Levels
from uphill.schemas.names import GOLD, UNSUPERVISED


def read_drawn(paths: Mapping[str, str]) -> pd.DataFrame:
    """One CSV, or Parquet hardness tables with the dataset in a column of its own.

    Args:
        paths: the files, each with the identity that it must have.

    Raises:
        UphillError: a file is missing, damaged, or of another identity.
    """
    (path, identity), *more = paths.items()
    if not more and Path(path).suffix == ".csv":
        return read_table(path, identity)
    frames = [read(path, HARDNESS, identity).assign(dataset=Path(path).stem) for path, identity in paths.items()]
    return pd.concat(frames, ignore_index=True)


def read_levels(paths: Iterable[str]) -> Levels:
    """The levels of a table's rows, in order; of hardness tables, whose rows are no conditions, none."""
    return {panel: names for path in paths if path.endswith(".csv") for panel, names in levels(path).items()}


def by_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose method tells what it was taught by, where that is not the dataset's own answers.

    A table of teachers, which has the column `weak`, tells that itself.
    """
    if "labels" not in table or "weak" in table:
        return table
    taught = table["labels"].map(lambda labels: "" if labels == GOLD else f" ({labels})")
    return table.assign(method=table["method"] + taught)


def with_sources(table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Rows with the kind of source that their dataset is read from, which its variables' names go by."""
    return table.assign(**{SOURCE: table["dataset"].map(kinds)})


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
