"""Accuracy on hard test items without supervision and after training on easy and hard data, model beside model."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import bar, chance, level_entry, top
from uphill.figures.plots.names import methods
from uphill.figures.plots.style import finish, level_colours, panels, percent_axis, title
from uphill.schemas.level_names import PANEL, Levels, extremes, hardest, occurring
from uphill.schemas.names import UNSUPERVISED

GAP = 0.8


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (dataset, variable) that several models were run on, a section per method.

    `table` is tables/population.csv, its models in the order that they are to stand in.
    """
    hard = hardest(table[table["train_dataset"] == table["dataset"]], levels)
    ends = {
        panel: (UNSUPERVISED, *extremes(rows["train_on"], levels.get(panel, ())))
        for panel, rows in hard.groupby(PANEL, sort=False)
    }
    shown = hard[[row.train_on in ends[row.dataset, row.variable] for row in hard.itertuples()]]
    order = occurring(shown, "train_on", levels)
    supervised = shown[shown["train_on"] != UNSUPERVISED]
    keys = ["dataset", "variable"]
    several = supervised.groupby([*keys, "method"])["model"].transform("nunique") > 1
    supervised = supervised[several]
    models = supervised.groupby([*keys, "method"])["model"].nunique().max()
    figure, drawn = panels(supervised, "method", keys, max(2.7, 0.6 * models + 0.6), 2.5)
    for axis, rows in drawn:
        dataset, variable = rows["dataset"].iloc[0], rows["variable"].iloc[0]
        nothing = shown[(shown["train_on"] == UNSUPERVISED) & (shown["dataset"] == dataset)]
        _panel(axis, pd.concat([nothing[nothing["variable"] == variable], rows]), list(rows["model"].unique()), order)
        axis.set_title(title(rows, methods(supervised)[rows["method"].iloc[0]]))
        percent_axis(axis, "accuracy on hard items")
        axis.set_ylim(0, top(shown))
    entries = [level_entry(level, colour) for level, colour in level_colours(order).items()]
    return finish(figure, [*entries, *chance(drawn)])


def _panel(axis: Any, rows: pd.DataFrame, models: list[str], order: list[str]) -> None:
    place, ticks = 0.0, []
    colours = level_colours(order)
    for model in models:
        bars = rows[rows["model"] == model]
        bars = bars.assign(order=bars["train_on"].map(list(colours).index)).sort_values("order", kind="stable")
        ticks.append(place + (len(bars) - 1) / 2)
        for one in bars.itertuples():
            bar(axis, place, one, colours[one.train_on])
            place += 1
        place += GAP
    axis.set_xticks(ticks, models)
    axis.tick_params(axis="x", length=0)
