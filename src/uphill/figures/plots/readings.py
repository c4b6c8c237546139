"""Gain over no supervision against the level trained on, a line a budget, marked by what two readings make of it."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from uphill.figures.plots.marks import whisker
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import MARKERS, finish, panels, percent_axis, title
from uphill.schemas.level_names import Levels, occurring

APART = 0.07
"""Space between the points of two budgets, in levels."""
WIDTH = 1.1
"""Of a line."""
YES = "yes"
BUDGET = ["experiment", "n_train"]
SECTION = "section"


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (dataset, variable), a section per model and method; `table` is tables/reconcile.csv."""
    said = methods(table)
    several = table["model"].nunique() > 1
    headed = table.assign(
        **{SECTION: [f"{said[row.method]}{f' with {row.model}' if several else ''}" for row in table.itertuples()]}
    )
    looks = _looks(table)
    figure, drawn = panels(headed, SECTION, ["dataset", "variable"], 2.9, 2.6)
    headings = headed[SECTION].nunique() > 1
    for axis, rows in drawn:
        _panel(axis, rows, looks, levels)
        axis.set_title(title(rows, "" if headings else said[rows["method"].iloc[0]]))
        percent_axis(axis, f"gain on {name(str(rows['test_on'].iloc[0]))} items")
    return finish(figure, _legend(table, looks) if drawn else [])


def _looks(table: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Of each budget of each experiment: a colour for the budget, a marker for the experiment."""
    sizes, experiments = sorted(table["n_train"].unique()), list(dict.fromkeys(table["experiment"]))
    shades = mpl.colormaps["viridis"].resampled(len(sizes) + 1)  # budgets are in order; the brightest is too bright
    return {
        (experiment, size): {
            "color": shades(sizes.index(size)),
            "marker": MARKERS[experiments.index(experiment) % len(MARKERS)],
        }
        for experiment, size in table[BUDGET].drop_duplicates().sort_values(BUDGET).itertuples(index=False, name=None)
    }


def _panel(axis: Any, rows: pd.DataFrame, looks: dict[tuple[Any, ...], dict[str, Any]], order: Levels) -> None:
    trained = occurring(rows, "train_on", order)
    axis.axhline(0.0, color="black", linewidth=0.7)
    margins = rows["margin"].dropna()
    if len(margins):
        axis.axhspan(-margins.iloc[0], margins.iloc[0], color="black", alpha=0.08, linewidth=0)
    lines = [(look, own) for key, look in looks.items() if len(own := _line(rows, key, trained))]
    for number, (look, own) in enumerate(lines):
        at = own["x"] + (number - (len(lines) - 1) / 2) * APART
        axis.plot(at, own["gain"], color=look["color"], linewidth=WIDTH)
        for place, row in zip(at, own.itertuples(), strict=True):
            _mark(axis, place, row, look)
    step = max(1, -(-len(trained) // 4))
    axis.set_xticks(range(0, len(trained), step), [name(level) for level in trained[::step]])
    axis.set_xlim(-0.4, len(trained) - 0.6)
    axis.set_xlabel("trained on")


def _line(rows: pd.DataFrame, key: tuple[Any, ...], trained: list[str]) -> pd.DataFrame:
    experiment, size = key
    own = rows[(rows["experiment"] == experiment) & (rows["n_train"] == size)]
    return own.assign(x=own["train_on"].map(trained.index)).sort_values("x")


def _mark(axis: Any, place: float, row: Any, look: dict[str, Any]) -> None:
    axis.errorbar(place, row.gain, whisker(row.gain, row.gain_low, row.gain_high), color=look["color"], linewidth=0.9)
    filled = look["color"] if row.as_good == YES else "white"
    axis.plot(place, row.gain, ms=4.5, mfc=filled, linestyle="none", **look)
    if row.not_carried == YES:
        axis.plot(place, row.gain, marker="x", color="black", ms=7, linestyle="none")


def _legend(table: pd.DataFrame, looks: dict[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
    colours = {size: look["color"] for (_, size), look in looks.items()}
    markers = {experiment: look["marker"] for (experiment, _), look in looks.items()}
    budgets = [Line2D([], [], color=colours[size], label=f"{size} items") for size in sorted(colours)]
    marks: dict[str, Any] = {"color": "#444444", "linestyle": "none", "ms": 4.5}
    sources = [Line2D([], [], mfc="white", marker=mark, label=name(key), **marks) for key, mark in markers.items()]
    margin = table["margin"].dropna()
    band = [Patch(color="black", alpha=0.08, label=f"within {100 * margin.iloc[0]:g} points of none")]
    return [
        *budgets,
        *(sources if len(sources) > 1 else []),
        Line2D([], [], marker="o", label="as good as hard data (Hase et al.)", **marks),
        Line2D([], [], marker="x", label="no better than none (Kordi et al.)", **{**marks, "color": "black"}),
        *(band if len(margin) else []),
    ]
