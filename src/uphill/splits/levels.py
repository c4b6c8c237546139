"""Which items of a pool are of which level."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.running.noting import SCALE, note
from uphill.schemas.names import ALL

MUCH_IN_ONE, MUCH_PARTED = 0.6, 0.1
"""Shares of items, in one level and with a value of several, from which the report cautions."""
Levels = Mapping[str, Mapping[str, Any]]
"""By name, a variable with `levels` of it, or with `min` and `max`, or with neither: then all items are in it."""
Pools = Mapping[str, Any]
"""`train`, a pool that is trained on, and tested where no item is of a pool of `test`."""


def experiment_levels(items: pd.DataFrame, hardness: pd.DataFrame, levels: Levels, pools: Pools) -> pd.DataFrame:
    """Level and value of each item of the pool that is trained on, indexed by item_id; an item of none is left out.

    Of no variable (`all`), there is no value.

    Args:
        items: the item table.
        hardness: rows of the hardness table, of the variables of the levels.
        levels: what each is.
        pools: `train`, a pool, and `test`, pools.

    Raises:
        UphillError: the pool has no item, the hardness table lacks a variable, or a level that is not simply one of a
            variable's own has no item, of the test pool neither.
    """
    trained = _pool(items, pools["train"])
    if trained.empty:
        raise UphillError(f"no item of pool {pools['train']!r}, expected some to train on; see datasets.*.pools")
    found, tested = _levels(trained, hardness, levels), levels_tested(items, hardness, levels, pools)
    there = {level for rows in (found, tested) if rows is not None for level in rows["level"]}
    for name, level in levels.items():
        if name not in there and level["variable"] != ALL and level["levels"] != [name]:
            raise UphillError(f"level {name!r}: no item {_said(level)}, expected some to train on or to test")
    return found


def note_levels(graded: pd.DataFrame, dataset: str, variable: str) -> None:
    """Note, for the report, levels that tell little apart: most items in one, or one value in several.

    Args:
        graded: level and value of each item, by item_id.
        dataset, variable: how the notes name them.
    """
    note(*(f"{SCALE}{variable} of {dataset}: {line}" for line in _little_told(graded)))


def _little_told(graded: pd.DataFrame) -> Iterator[str]:
    shares = graded["level"].value_counts(normalize=True)
    if len(shares) > 1 and shares.iloc[0] >= MUCH_IN_ONE:
        yield f"{100 * shares.iloc[0]:.0f} % of the items are of level {shares.index[0]}"
    levels = graded.groupby("value")["level"].nunique()
    parted = float(graded["value"].isin(levels.index[levels > 1]).mean())
    if parted >= MUCH_PARTED:
        yield (
            f"{100 * parted:.0f} % of the items have a value that occurs in several levels, and are in theirs by a draw"
        )


def levels_tested(items: pd.DataFrame, hardness: pd.DataFrame, levels: Levels, pools: Pools) -> pd.DataFrame | None:
    """As `experiment_levels`, of the pools that are tested alone; None where a dataset has no item of them."""
    pool = _pool(items, *pools["test"])
    return _levels(pool, hardness, levels) if len(pool) else None


def _pool(items: pd.DataFrame, *pools: str) -> pd.Series:
    return items.loc[items["pool"].isin(pools), "item_id"]


def _levels(pool: pd.Series, hardness: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    of = {variable: _of(hardness, variable, pool) for variable in {level["variable"] for level in levels.values()}}
    return pd.concat([_members(of[level["variable"]], level).assign(level=name) for name, level in levels.items()])


def _of(hardness: pd.DataFrame, variable: str, pool: pd.Series) -> pd.DataFrame:
    """Level and value of a pool's items by one variable."""
    if variable == ALL:
        return pd.DataFrame({"level": ALL, "value": np.nan}, index=list(pool))
    rows = hardness[hardness["variable"] == variable].set_index("item_id")[["level", "value"]]
    if rows.empty:
        raise UphillError(f"no variable {variable!r}, expected one of {', '.join(sorted(set(hardness['variable'])))}")
    # A measure may leave out items that are broken.
    return rows.loc[[item for item in pool if item in rows.index]]


def _members(graded: pd.DataFrame, level: Mapping[str, Any]) -> pd.DataFrame:
    """The items of a level."""
    value, low, high = graded["value"], level["min"], level["max"]
    if level["levels"] is not None:
        return graded[graded["level"].isin(level["levels"])]
    if low is None and high is None:
        return graded
    return graded[(value >= (-np.inf if low is None else low)) & (value <= (np.inf if high is None else high))]


def _said(level: Mapping[str, Any]) -> str:
    """What a level's items have, in a message."""
    if level["levels"] is not None:
        return f"of level {' or '.join(map(repr, level['levels']))} of variable {level['variable']!r}"
    ends = [f"{end} {level[end]:g}" for end in ("min", "max") if level[end] is not None]
    return f"whose {level['variable']!r} has {' and '.join(ends)}"
