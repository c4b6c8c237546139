"""Accuracy on hard test items after training on nothing, easy, medium and hard data, by method.

A bar's whisker is its bootstrap interval; hatched bars are trained on data of another dataset.
"""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.style import grid, level_colours, name, title
from uphill.level_names import hardest
from uphill.schemas import UNSUPERVISED

GAP = 0.8
"""Space between the bars of two methods, in bars."""


def draw(table: pd.DataFrame) -> Figure:
    """One panel per (model, dataset, variable); `table` is tables/population.csv."""
    hard = hardest(table)
    panels = list(hard.groupby(["model", "dataset", "variable"], sort=False))
    figure, axes = grid(len(panels), width=4.6, height=2.6)
    for axis, (key, rows) in zip(axes, panels, strict=True):
        _panel(axis, rows)
        axis.set_title(title(*key))
        axis.set_ylabel("accuracy on hard items")
    figure.legend(handles=_legend(hard), loc="outside lower center", ncols=5, columnspacing=1.2)
    return figure


def _panel(axis: Any, rows: pd.DataFrame) -> None:
    place, ticks, labels = 0.0, [], []
    colours = level_colours(rows["train_on"])
    # Unsupervised first: it is what the other bars are read against.
    methods = sorted(rows["method"].unique(), key=lambda method: _supervised(rows, method))
    for method in methods:
        bars = rows[rows["method"] == method]
        bars = bars.assign(
            other=bars["train_dataset"] != bars["dataset"], order=bars["train_on"].map(list(colours).index)
        )
        first = place
        for bar in bars.sort_values(["other", "order"]).itertuples():
            hatch = "////" if bar.other else None
            axis.bar(place, bar.accuracy, 0.9, color=colours[bar.train_on], hatch=hatch, edgecolor="white", lw=0.3)
            # Rounding may put a bound a hair inside the point.
            whisker = [[max(0.0, bar.accuracy - bar.low)], [max(0.0, bar.high - bar.accuracy)]]
            axis.errorbar(place, bar.accuracy, whisker, color="black", linewidth=0.8)
            place += 1
        ticks.append((first + place - 1) / 2)
        labels.append(name(method).replace(" ", "\n", 1))
        place += GAP
    axis.set_xticks(ticks, labels)
    axis.tick_params(axis="x", length=0)
    axis.set_ylim(0, 1.03)


def _supervised(rows: pd.DataFrame, method: str) -> bool:
    return bool((rows.loc[rows["method"] == method, "train_on"] != UNSUPERVISED).any())


def _legend(hard: pd.DataFrame) -> list[Patch]:
    handles = [
        Patch(color=colour, label="no supervision" if level == UNSUPERVISED else f"trained on {name(level)}")
        for level, colour in level_colours(hard["train_on"]).items()
    ]
    if (hard["train_dataset"] != hard["dataset"]).any():
        handles.append(Patch(facecolor="white", edgecolor="black", hatch="////", label="data of another dataset"))
    return handles
