"""The names of levels, from easy to hard: easy, medium and hard, or the bins of a variable that is cut evenly."""

from collections.abc import Iterable

import pandas as pd

from uphill.schemas.names import ALL, LEVELS, UNSUPERVISED

BIN = "bin_"
PANEL = ["dataset", "variable"]


def bin_name(number: int) -> str:
    """The level of bin `number`, counted from 1, the easiest; names sort as their numbers do."""
    return f"{BIN}{number:02d}"


def is_level(name: str) -> bool:
    """Whether a name is a level that a variable is cut into; the rungs of ladders have other names."""
    return name in (ALL, *LEVELS) or name.startswith(BIN)


def in_order(levels: Iterable[str]) -> list[str]:
    """Distinct levels: no supervision, all, then from easy to hard."""
    named = [UNSUPERVISED, ALL, *LEVELS]
    return sorted(set(levels), key=lambda level: (named.index(level) if level in named else len(named), level))


def extremes(levels: Iterable[str]) -> tuple[str, str]:
    """What counts as easy and as hard: those two, or the first and the last bin."""
    bins = sorted(level for level in set(levels) if level.startswith(BIN))
    return (bins[0], bins[-1]) if bins else (LEVELS[0], LEVELS[-1])


def hardest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are tested on the hardest level of their dataset and variable."""
    return table[_is_extreme(table, "test_on", 1)]


def from_easiest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are trained on the easiest level of their dataset and variable."""
    return table[_is_extreme(table, "train_on", 0)]


def trained_on_hardest(table: pd.DataFrame) -> pd.Series:
    """Which rows are trained on the hardest level of those of their dataset and variable that are trained on."""
    return _is_extreme(table.assign(train_on=table["train_on"].astype(str)), "train_on", 1)


def _is_extreme(table: pd.DataFrame, column: str, end: int) -> pd.Series:
    if table.empty:
        return pd.Series(False, index=table.index)
    return table[column] == table.groupby(PANEL)[column].transform(lambda levels: extremes(levels)[end])
