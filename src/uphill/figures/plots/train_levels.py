"""Accuracy on hard test items against the level that was trained on, a line a method."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import baseline, baseline_entry, chance, line_entry, whisker
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import accuracy_frame, finish, panels, percent_axis, series_looks, title
from uphill.schemas.level_names import Levels, hardest, is_mix, occurring
from uphill.schemas.names import UNSUPERVISED

APART = 0.09
"""Space between the points of two methods, in levels."""


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (dataset, variable), a section per model; `table` is tables/population.csv."""
    shown = hardest(table[table["train_dataset"] == table["dataset"]], levels)
    # A mix of levels is none, and has no place between them.
    shown = shown[~shown["train_on"].astype(str).map(is_mix).astype(bool)]
    looks = series_looks(shown.loc[shown["train_on"] != UNSUPERVISED, "method"])
    figure, drawn = panels(shown, "model", ["dataset", "variable"], 2.7, 2.5)
    for axis, rows in drawn:
        baseline(axis, rows)
        _lines(axis, rows[rows["train_on"] != UNSUPERVISED], looks, levels)
        axis.set_title(title(rows))
        axis.set_xlabel("trained on")
        percent_axis(axis, "accuracy on hard items")
    entries = [line_entry(look, methods(shown)[method]) for method, look in looks.items()]
    guesses = chance(drawn)
    for axis, _ in drawn:
        accuracy_frame(axis)
    return finish(figure, [baseline_entry(), *guesses, *entries])


def _lines(axis: Any, rows: pd.DataFrame, looks: dict[str, dict[str, Any]], order: Levels) -> None:
    levels = occurring(rows, "train_on", order)
    methods = list(rows["method"].unique())
    for number, method in enumerate(methods):
        points = rows[rows["method"] == method]
        points = points.assign(x=points["train_on"].map(levels.index)).sort_values("x")
        x = points["x"] + (number - (len(methods) - 1) / 2) * APART
        look = looks[method]
        axis.plot(x, points["accuracy"], ms=4, linewidth=1.0, **look)
        for at, one in zip(x, points.itertuples(), strict=True):
            axis.errorbar(
                at, one.accuracy, whisker(one.accuracy, one.low, one.high), color=look["color"], linewidth=0.9
            )
    # Of ten bins, every third has its name.
    step = max(1, -(-len(levels) // 4))
    axis.set_xticks(range(0, len(levels), step), [name(level) for level in levels[::step]])
    axis.set_xlim(-0.4, len(levels) - 0.6)
