"""Levels of difficulty: their names, and what their order says of the rows of a table.

The order of an arm's levels is a setting of its splits, which the splits' files record; whoever reads a table takes it
from the table's provenance. Any names will do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.schemas.tables import BY_VALUE

BIN = "bin_"
PANEL = ["dataset", "variable"]
MIX = "+"
"""Between the names of levels that are trained on together, as many items of each."""
NO_LEVELS = (UNSUPERVISED, ALL)
"""What stands in a column of levels and is none: it comes before them."""
Levels = Mapping[tuple[str, str], Sequence[str]]
"""By dataset and variable, the names of the levels, from easy to hard."""


def bin_name(number: int) -> str:
    """The level of bin `number`, counted from 1, the easiest; names sort as their numbers do."""
    return f"{BIN}{number:02d}"


def is_mix(level: str) -> bool:
    """Whether a level is several, trained on together."""
    return MIX in level


def place(level: str, order: Sequence[str]) -> int:
    """Where a level stands in an order; no supervision and all items before the first.

    Raises:
        UphillError: the order does not know it.
    """
    if level in NO_LEVELS:
        return NO_LEVELS.index(level) - len(NO_LEVELS)
    if level not in order:
        raise UphillError(f"level {level!r}: unknown here, expected one of {', '.join(order) or 'none'}")
    return list(order).index(level)


def places(table: pd.DataFrame, column: str, levels: Levels) -> pd.Series:
    """The place of each row's level, in the order of the row's dataset and variable."""
    rows = zip(*(table[name].astype(str) for name in (*PANEL, column)), strict=True)
    found = [place(level, levels.get((dataset, variable), ())) for dataset, variable, level in rows]
    return pd.Series(found, index=table.index, dtype=int)


def in_order(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Distinct levels: no supervision, all, then from easy to hard."""
    return sorted(set(names), key=lambda name: place(name, order))


def extremes(names: Iterable[str], order: Sequence[str]) -> tuple[str | None, str | None]:
    """The easiest and the hardest of the levels that are trained on; a mix of levels is neither.

    One level alone is the hardest if none is harder, and else the easiest.
    """
    trained = [name for name in in_order(names, order) if name not in NO_LEVELS and not is_mix(name)]
    if len(trained) > 1:
        return trained[0], trained[-1]
    first, last = trained[0] if trained else None, next((name for name in reversed(order) if not is_mix(name)), None)
    return (None, first) if first == last else (first, None)


def occurring(table: pd.DataFrame, column: str, levels: Levels) -> list[str]:
    """Distinct levels of all rows: no supervision, all, then those of each dataset and variable from easy to hard."""
    panels = table[PANEL].drop_duplicates().itertuples(index=False)
    there = set(table[column].astype(str))
    found = dict.fromkeys(chain(NO_LEVELS, *(levels.get((str(a), str(b)), ()) for a, b in panels)))
    return [name for name in found if name in there]


def hardest(table: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """The rows that are tested on the hardest level of those that their dataset and variable are tested on."""
    return table[_are(table, "test_on", levels, lambda names, order: in_order(names, order)[-1])]


def from_easiest(table: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """The rows that are trained on the easiest level of those of their dataset and variable that are trained on."""
    return table[_are(table, "train_on", levels, lambda names, order: extremes(names, order)[0])]


OF_LEVELS = {"train_on", "test_on", "gain", *PANEL}
"""Columns of a table whose rows are of levels that are trained on and levels that are tested on."""


def main_table(tables: Mapping[str, pd.DataFrame]) -> str | None:
    """The first table of levels that are trained on; else the first of test levels; None if there is neither."""
    of_levels = {name: table for name, table in tables.items() if {*table} >= OF_LEVELS and name not in BY_VALUE}
    trained = (name for name, table in of_levels.items() if not set(table["train_on"]) <= set(NO_LEVELS))
    return next(trained, next(iter(of_levels), None))


def levels_by_value(hardness: pd.DataFrame) -> list[str]:
    """Distinct levels of rows of hardness tables, each after those of lower values of any one variable.

    Args:
        hardness: rows variable, value, level, and dataset where there are several.
    """
    keys = [name for name in PANEL if name in hardness]
    means = hardness.groupby([*keys, "level"], observed=True)["value"].mean()
    ranks = means.groupby(keys).rank(pct=True).groupby("level").mean()
    return list(ranks.sort_values(kind="stable").index)


def _are(
    table: pd.DataFrame, column: str, levels: Levels, which: Callable[[set[str], Sequence[str]], str | None]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each row has the level that is looked for among those of its dataset and variable."""
    found, names = np.zeros(len(table), dtype=bool), table[column].astype(str).to_numpy()
    for (dataset, variable), rows in table.groupby(PANEL, sort=False, observed=True).indices.items():
        there = set(names[rows]) - set(NO_LEVELS)
        wanted = which(there, levels.get((dataset, variable), ())) if there else None
        found[rows] = names[rows] == wanted
    return found
