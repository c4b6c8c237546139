"""How many items have which value of each hardness variable, and to which level they are cut."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.inputs import arranged
from uphill.figures.plots.names import name, values, variable
from uphill.figures.plots.style import COLOURS, finish, level_colours, panels
from uphill.schemas.level_names import BIN, Levels, levels_by_value

FEW = 15
"""Up to so many whole values have a bar each."""
BINS = 30
TICKS = 8
KINDS = ("human", "surface", "model", "irt")


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One panel per variable, a section per dataset; `table` is rows of the hardness tables, with `dataset`."""
    table = arranged(table, {"dataset": list(table["dataset"].unique()), "kind": KINDS})
    # A variable that is the same for all items orders nothing.
    table = table[table.groupby(["dataset", "variable"])["value"].transform("nunique") > 1]
    figure, drawn = panels(table, "dataset", ["variable"], 2.15, 1.9)
    colours = level_colours(_ordered(levels_by_value(table)))
    for axis, rows in drawn:
        _histogram(axis, rows, colours)
        axis.set_xlabel(variable(rows))
        axis.set_ylabel("items")
    return finish(figure, [Patch(color=colour, label=name(level)) for level, colour in colours.items()])


def _ordered(levels: Iterable[str]) -> list[str]:
    """Levels as a legend has them: easy, medium, hard, then bins by number, then others in their order."""
    listed = list(levels)
    own = [level for level in COLOURS if level in listed]
    bins = sorted(level for level in listed if level.startswith(BIN))
    return list(dict.fromkeys([*own, *bins, *listed]))


def _histogram(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    """Stacked by level, so that the cuts between levels can be seen."""
    edges = _edges(rows["value"].to_numpy())
    levels = [level for level in colours if level in set(rows["level"])]
    counted = [rows.loc[rows["level"] == level, "value"] for level in levels]
    axis.hist(counted, bins=edges, stacked=True, color=[colours[level] for level in levels], rwidth=0.92)
    shown = np.sort(rows["value"].unique())
    if len(shown) <= FEW and (shown == shown.round()).all():
        ticks = shown[:: -(-len(shown) // TICKS)]
        axis.set_xticks(ticks, values(rows, list(ticks)))


def _edges(found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bins of whole values hold equally many of them, so that none is empty for want of any."""
    if (found == found.round()).all():
        each = -(-int(found.max() - found.min() + 1) // BINS)
        return np.arange(found.min() - 0.5, found.max() + each, each)
    return np.histogram_bin_edges(found, bins=BINS)
