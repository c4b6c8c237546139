"""Accuracy on one band of items after training on bands of growing difficulty."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.marks import GREY, bar, top
from uphill.figures.style import name, panels, percent_axis
from uphill.schemas import UNSUPERVISED


def draw(table: pd.DataFrame) -> Figure:
    """One panel per method, a section per model; `table` is that of the ladder, its rungs in order."""
    trained = table[table["train_on"] != UNSUPERVISED]
    rungs = list(dict.fromkeys(trained["train_on"]))
    figure, drawn = panels(trained, "model", ["method"], 0.62 * (len(rungs) + 1) + 0.9, 2.8)
    for axis, rows in drawn:
        nothing = table[(table["train_on"] == UNSUPERVISED) & (table["model"] == rows["model"].iloc[0])]
        _panel(axis, pd.concat([nothing, rows]), rungs)
        axis.set_title(f"{rows['dataset'].iloc[0]}: {name(rows['method'].iloc[0])}, {rows['model'].iloc[0]}")
        percent_axis(axis, "accuracy")
        axis.set_ylim(0, top(table))
    return figure


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
