"""Accuracy on one band of items after training on bands of growing difficulty."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import GREY, bar, chance, top
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import finish, panels, percent_axis
from uphill.schemas.level_names import Levels, occurring
from uphill.schemas.names import UNSUPERVISED


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per method, a section per model; `table` is that of the ladder."""
    trained = table[table["train_on"] != UNSUPERVISED]
    rungs = occurring(trained, "train_on", levels)
    figure, drawn = panels(trained, "model", ["method"], 0.42 * (len(rungs) + 1) + 0.8, 2.7)
    for axis, own in drawn:
        nothing = table[(table["train_on"] == UNSUPERVISED) & (table["model"] == own["model"].iloc[0])]
        _panel(axis, pd.concat([nothing, own]), rungs)
        axis.set_title(methods(trained)[own["method"].iloc[0]])
        percent_axis(axis, f"accuracy on {table['dataset'].iloc[0]} items")
        axis.set_ylim(0, top(table))
    return finish(figure, chance(drawn))


def _panel(axis: Any, rows: pd.DataFrame, rungs: list[str]) -> None:
    shades = mpl.colormaps["cividis"].resampled(len(rungs) + 1)
    places = [UNSUPERVISED, *rungs]
    for one in rows.itertuples():
        place = places.index(one.train_on)
        bar(axis, place, one, shades(place - 1) if place else GREY, said=True)
    axis.set_xticks(
        range(len(places)), [name(rung) for rung in places], rotation=30, ha="right", rotation_mode="anchor"
    )
    axis.tick_params(axis="x", length=0)
    axis.set_xlabel("trained on")
