"""Which items of a pool are of which level, or of which band."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.schemas.names import ALL, EXPERIMENT_POOL, TEST_POOL

Bands = Mapping[str, Mapping[str, Any]]
"""By name, a variable with a level of it, or with `min` and `max`."""


def experiment_levels(
    items: pd.DataFrame, hardness: pd.DataFrame, variable: str, bands: Bands | None = None
) -> pd.DataFrame:
    """Level and value of each item of the experiment pool by `variable`, indexed by item_id.

    Of no variable, the level is `all` and there is no value. With bands, a band's name is the level of its items, and
    an item in none is left out.

    Args:
        items: the item table.
        hardness: rows of the hardness table, of that variable or of those of the bands.
        variable: one of its variables, `all`, or what the bands are called together.
        bands: of a ladder.

    Raises:
        UphillError: the hardness table lacks the variable, or a band has no item, of the test pool neither.
    """
    found = _levels(_pool(items, EXPERIMENT_POOL), hardness, variable, bands)
    tested = levels_tested(items, hardness, variable, bands)
    for name, band in (bands or {}).items():
        if not any(name in set(rows["level"]) for rows in (found, tested) if rows is not None):
            raise UphillError(f"rung {name!r}: no item {_said(band)}, expected some to train on or to test")
    return found


def levels_tested(
    items: pd.DataFrame, hardness: pd.DataFrame, variable: str, bands: Bands | None = None
) -> pd.DataFrame | None:
    """As `experiment_levels`, of the test pool; None where a dataset has none."""
    pool = _pool(items, TEST_POOL)
    return _levels(pool, hardness, variable, bands) if len(pool) else None


def _pool(items: pd.DataFrame, pool: str) -> pd.Series:
    return items.loc[items["pool"] == pool, "item_id"]


def _levels(pool: pd.Series, hardness: pd.DataFrame, variable: str, bands: Bands | None) -> pd.DataFrame:
    if bands:
        found = {name: _band(_of(hardness, band["variable"], pool), band) for name, band in bands.items()}
        return pd.concat([members.assign(level=name) for name, members in found.items()])
    if variable == ALL:
        return pd.DataFrame({"level": ALL, "value": np.nan}, index=list(pool))
    return _of(hardness, variable, pool)


def _of(hardness: pd.DataFrame, variable: str, pool: pd.Series) -> pd.DataFrame:
    rows = hardness[hardness["variable"] == variable].set_index("item_id")[["level", "value"]]
    if rows.empty:
        raise UphillError(f"no variable {variable!r}, expected one of {', '.join(sorted(set(hardness['variable'])))}")
    return rows.loc[list(pool)]


def _said(band: Mapping[str, Any]) -> str:
    """What a band's items have, in a message."""
    if band["level"] is not None:
        return f"of level {band['level']!r} of variable {band['variable']!r}"
    ends = [f"{end} {band[end]:g}" for end in ("min", "max") if band[end] is not None]
    return f"whose {band['variable']!r} has {' and '.join(ends)}"


def _band(graded: pd.DataFrame, band: Mapping[str, Any]) -> pd.DataFrame:
    """The items of a band."""
    if band["level"] is not None:
        return graded[graded["level"] == band["level"]]
    low, high = band["min"], band["max"]
    value = graded["value"]
    return graded[(value >= (-np.inf if low is None else low)) & (value <= (np.inf if high is None else high))]
