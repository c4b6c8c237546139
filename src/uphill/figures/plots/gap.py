"""Gain by the distance between the level trained on and the harder level tested: where easy data stops being enough."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import finish, level_colours, panels, percent_axis, title
from uphill.schemas.level_names import Levels, occurring

CELL, WIDTH = "cell", "width"
OWN = {"color": "black", "linestyle": "--", "linewidth": 1.0}
STOPS = {"color": "#D55E00", "linestyle": "-", "linewidth": 1.0}
SECTION = "section"


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (dataset, variable, experiment, budget), a section per model and method; `table` is gap.csv."""
    shown = table[table["statistic"].isin([CELL, WIDTH]) & (table["width"] >= 0)]
    said = methods(shown)
    several = shown["model"].nunique() > 1
    heading = [f"{said[row.method]}{f' with {row.model}' if several else ''}" for row in shown.itertuples()]
    keys = ["dataset", "variable", "experiment", "n_train"]
    figure, drawn = panels(shown.assign(**{SECTION: heading}), SECTION, keys, 2.9, 2.6)
    order = occurring(shown[shown["statistic"] == CELL], "test_on", levels)
    colours = level_colours(order)
    for axis, rows in drawn:
        _panel(axis, rows, colours)
        axis.set_title(f"{title(rows)}\n{rows['n_train'].iloc[0]} items, {name(rows['experiment'].iloc[0])}")
        percent_axis(axis, "gain")
    return finish(figure, _legend(colours) if drawn else [])


def _panel(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    axis.axhline(0.0, color="black", linewidth=0.7)
    cells = rows[rows["statistic"] == CELL]
    for level, colour in colours.items():
        own = cells[cells["test_on"] == level].sort_values("width")
        axis.plot(own["width"], own["gain"], color=colour, marker=".", ms=4, linewidth=0.8, alpha=0.8)
    means = rows[rows["statistic"] == WIDTH].sort_values("width")
    axis.fill_between(means["width"], means["gain_low"], means["gain_high"], color="black", alpha=0.12, linewidth=0)
    axis.plot(means["width"], means["gain"], color="black", linewidth=2.0)
    wider = means[means["width"] > 0]
    axis.plot(wider["width"], wider["own"], **OWN)
    for row in wider.itertuples():
        filled = "black" if row.as_good == "yes" else "white"
        axis.plot(row.width, row.gain, marker="o", ms=5, color="black", mfc=filled, linestyle="none")
    stops = wider.loc[wider["as_good"] == "no", "width"]
    if len(stops):
        axis.axvline(stops.min() - 0.5, **STOPS)
    widest = int(means["width"].max())
    axis.set_xticks(range(0, widest + 1, -(-(widest + 1) // 6)))
    axis.set_xlim(-0.3, widest + 0.3)
    axis.set_xlabel("levels from trained up to tested")


def _legend(colours: dict[str, Any]) -> list[Any]:
    mean: dict[str, Any] = {"color": "black", "linewidth": 2.0}
    mark: dict[str, Any] = {"color": "black", "marker": "o", "ms": 5, "linestyle": "none"}
    return [
        *(Line2D([], [], color=colour, marker=".", label=f"tested on {name(key)}") for key, colour in colours.items()),
        Line2D([], [], **mean, label="mean"),
        Line2D([], [], **OWN, label="trained on the tested level"),  # type: ignore[arg-type] # a dict of its keywords
        Line2D([], [], **mark, label="as good as that"),
        Line2D([], [], **STOPS, label="no longer enough"),  # type: ignore[arg-type] # as above
    ]
