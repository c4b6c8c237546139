"""Supervision Gap Recovered by easy data, with its interval; an undefined one says so instead of showing a number."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.marks import OTHER_DATA
from uphill.figures.plots.style import finish, name, panels, series_looks, title
from uphill.schemas.level_names import Levels

SHOWN = (-0.25, 1.5)
"""What the axis holds; an arrow stands where a value lies beyond."""
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
        axis.set_title(title(rows))
    entries = [Patch(color=colour, label=name(method)) for method, colour in colours.items()]
    if (table["train_dataset"] != table["dataset"]).any():
        entries.append(
            Patch(facecolor="white", edgecolor="black", hatch=OTHER_DATA, label="easy data of another dataset")
        )
    return finish(figure, entries)


def _panel(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    rows = rows.assign(other=rows["train_dataset"] != rows["dataset"])
    axis.axhline(1.0, color="black", linewidth=0.7, linestyle="--")
    axis.axhline(0.0, color="black", linewidth=0.7)
    for place, row in enumerate(rows.to_dict("records")):
        if row["status"] == "defined":
            _bar(axis, place, row, colours[row["method"]])
        else:
            why = WHY.get(row["status"], str(row["status"]))
            axis.text(place, 0.05, why, rotation=90, ha="center", va="bottom", size=7, color="#444444")
    axis.set_xticks([])
    axis.set_xlim(-0.7, len(rows) - 0.3)
    axis.set_ylim(*SHOWN)
    axis.set_ylabel("gap recovered (SGR)")


def _bar(axis: Any, place: int, row: dict[str, Any], colour: Any) -> None:
    axis.bar(
        place, row["sgr"], 0.85, color=colour, hatch=OTHER_DATA if row["other"] else None, edgecolor="white", lw=0.3
    )
    axis.vlines(place, row["sgr_low"], row["sgr_high"], color="black", linewidth=0.9)
    for bound, edge, arrow in ((row["sgr_high"], SHOWN[1], "^"), (row["sgr_low"], SHOWN[0], "v")):
        beyond = (bound - edge) * (1 if arrow == "^" else -1) > 0
        # An arrow for an interval that goes on, a bar's end for one that stops.
        mark, at = (arrow, edge) if beyond else ("_", bound)
        axis.plot(place, at, marker=mark, color="black", ms=4, clip_on=False, linestyle="none")
    if row["sgr"] > SHOWN[1]:
        axis.text(place, SHOWN[1] - 0.08, f"{row['sgr']:.1f}", ha="center", va="top", size=7, color="white")
