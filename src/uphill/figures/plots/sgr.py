"""Supervision Gap Recovered by easy data, with its interval; an undefined one says so instead of showing a number."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.marks import OTHER_DATA, interval, unbounded
from uphill.figures.plots.names import methods
from uphill.figures.plots.style import finish, panels, series_looks, title
from uphill.schemas.level_names import Levels

SHOWN = (-0.25, 1.5)
"""What the axis holds; an arrow stands where a value lies beyond."""
TICKS = (0, 0.5, 1, 1.5)
FEWEST = 3
"""A panel has room for so many bars at least."""
WHY = {
    "undefined": "undefined:\nno gap",
    "unbounded": "unbounded:\nno clear gap",
    "negative gap": "undefined:\nhard < none",
}


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One panel per (dataset, variable), a section per model, a bar per method; `table` is tables/sgr.csv."""
    colours = {method: look["color"] for method, look in series_looks(table["method"]).items()}
    bars = table.groupby(["model", "dataset", "variable"]).size().max()
    figure, drawn = panels(table, "model", ["dataset", "variable"], max(2.15, 0.3 * bars + 0.7), 2.4)
    for axis, rows in drawn:
        _panel(axis, rows, colours)
        # A bar is as wide in each panel, and those of a panel stand in its middle.
        middle, half = (len(rows) - 1) / 2, max(bars, FEWEST) / 2 + 0.2
        axis.set_xlim(middle - half, middle + half)
        axis.set_title(title(rows))
    entries = [Patch(color=colour, label=methods(table)[method]) for method, colour in colours.items()]
    if (table["train_dataset"] != table["dataset"]).any():
        entries.append(
            Patch(facecolor="white", edgecolor="black", hatch=OTHER_DATA, label="easy data of another dataset")
        )
    return finish(figure, entries)


def _panel(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    axis.axhline(1.0, color="black", linewidth=0.7, linestyle="--")
    axis.axhline(0.0, color="black", linewidth=0.7)
    for place, row in enumerate(rows.to_dict("records")):
        colour, other = colours[row["method"]], row["train_dataset"] != row["dataset"]
        if row["status"] == "defined":
            axis.bar(place, row["sgr"], 0.85, color=colour, hatch=OTHER_DATA if other else None, ec="white", lw=0.3)
            interval(axis, place, row["sgr"], row["sgr_low"], row["sgr_high"], SHOWN)
        else:
            unbounded(axis, place, WHY.get(row["status"], str(row["status"])), colour)
    axis.set_xticks([])
    axis.set_ylim(*SHOWN)
    axis.set_yticks(TICKS)
    axis.set_ylabel("gap recovered (SGR)")
