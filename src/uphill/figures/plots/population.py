"""Accuracy on some test items after training on nothing, easy, medium and hard data, by method.

A bar's whisker is its interval; hatched bars are trained on data of another dataset.
"""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.marks import OTHER_DATA, bar, chance, level_entry, top
from uphill.figures.plots.names import methods
from uphill.figures.plots.style import finish, level_colours, panels, percent_axis, title
from uphill.schemas.level_names import Levels, hardest, occurring
from uphill.schemas.names import ALL, UNSUPERVISED

GAP = 0.8
"""Space between the bars of two methods, in bars."""


def plot(table: pd.DataFrame, levels: Levels, test_on: str = "hard") -> Figure:
    """One panel per (dataset, variable), a section per model; `table` is tables/population.csv.

    Args:
        table: accuracies.
        levels: in order.
        test_on: `all`, or `hard` for the hardest level.
    """
    shown = table[table["test_on"] == ALL] if test_on == ALL else hardest(table, levels)
    order = occurring(shown, "train_on", levels)
    bars = shown.groupby(["model", "dataset", "variable"]).size().max()
    width = min(10.8, max(2.7, 0.13 * bars + 0.8))
    figure, drawn = panels(shown, "model", ["dataset", "variable"], width, 2.3)
    for axis, rows in drawn:
        _panel(axis, rows, order, methods(shown))
        axis.set_title(title(rows))
        percent_axis(axis, f"accuracy on {'all' if test_on == ALL else 'hard'} items")
        axis.set_ylim(0, top(shown))
    return finish(figure, [*_legend(shown, order), *chance(drawn)])


def _panel(axis: Any, rows: pd.DataFrame, order: list[str], said: dict[str, str]) -> None:
    place, ticks, labels = 0.0, [], []
    colours = level_colours(order)
    # Unsupervised first: it is what the other bars are read against.
    for method in sorted(rows["method"].unique(), key=lambda method: _supervised(rows, method)):
        bars = rows[rows["method"] == method]
        bars = bars.assign(
            other=bars["train_dataset"] != bars["dataset"], order=bars["train_on"].map(list(colours).index)
        )
        first = place
        for one in bars.sort_values(["other", "order"], kind="stable").itertuples():
            bar(axis, place, one, colours[one.train_on], OTHER_DATA if one.other else None)
            place += 1
        ticks.append((first + place - 1) / 2)
        labels.append(said[method])
        place += GAP
    axis.set_xticks(ticks, labels)
    axis.tick_params(axis="x", length=0)


def _supervised(rows: pd.DataFrame, method: str) -> bool:
    return bool((rows.loc[rows["method"] == method, "train_on"] != UNSUPERVISED).any())


def _legend(shown: pd.DataFrame, order: list[str]) -> list[Patch]:
    handles = [level_entry(level, colour) for level, colour in level_colours(order).items()]
    if (shown["train_dataset"] != shown["dataset"]).any():
        handles.append(Patch(facecolor="white", edgecolor="black", hatch=OTHER_DATA, label="data of another dataset"))
    return handles
