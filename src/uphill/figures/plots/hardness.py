"""How many items have which value of each hardness variable, and to which level they are cut."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.inputs import arranged
from uphill.figures.plots.style import finish, level_colours, name, panels
from uphill.schemas.level_names import Levels, levels_by_value

FEW = 15
"""Up to so many whole values have a bar each."""
BINS = 30
TICKS = 8
KINDS = ("human", "surface", "model", "irt")


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One panel per variable, a section per dataset; `table` is rows of the hardness tables, with `dataset`."""
    table = arranged(table, {"dataset": list(table["dataset"].unique()), "kind": KINDS})
    figure, drawn = panels(table, "dataset", ["variable"], 2.15, 1.9)
    colours = level_colours(levels_by_value(table))
    for axis, rows in drawn:
        _histogram(axis, rows, colours)
        axis.set_xlabel(name(rows["variable"].iloc[0]))
        axis.set_ylabel("items")
    return finish(figure, [Patch(color=colour, label=name(level)) for level, colour in colours.items()])


def _histogram(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    """Stacked by level, so that the cuts between levels can be seen."""
    values = np.sort(rows["value"].unique())
    if len(values) <= FEW and (values == values.round()).all():
        edges = np.arange(values[0] - 0.5, values[-1] + 1)
        axis.set_xticks(values[:: -(-len(values) // TICKS)])
    else:
        edges = np.histogram_bin_edges(rows["value"], bins=BINS)
    levels = [level for level in colours if level in set(rows["level"])]
    counted = [rows.loc[rows["level"] == level, "value"] for level in levels]
    axis.hist(counted, bins=edges, stacked=True, color=[colours[level] for level in levels], rwidth=0.92)
