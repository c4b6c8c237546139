"""Accuracy on one band of items after training on bands of growing difficulty."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import GREY, bar, chance, chance_entries, top
from uphill.figures.plots.style import finish, grid, name, percent_axis
from uphill.schemas.level_names import Levels, occurring
from uphill.schemas.names import UNSUPERVISED


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per method, and model; `table` is that of the ladder."""
    trained = table[table["train_on"] != UNSUPERVISED]
    rungs = occurring(trained, "train_on", levels)
    keys = [list(key) for key in trained[["model", "method"]].drop_duplicates().to_numpy()]
    figure, axes = grid([("", len(keys))], 0.42 * (len(rungs) + 1) + 0.8, 2.7)
    for axis, (model, method) in zip(axes, keys, strict=True):
        own = table[(table["model"] == model) & table["method"].eq(method)]
        nothing = table[(table["train_on"] == UNSUPERVISED) & (table["model"] == model)]
        _panel(axis, pd.concat([nothing, own]), rungs)
        chance(axis, own)
        axis.set_title(f"{model}, {name(method)}")
        percent_axis(axis, f"accuracy on {table['dataset'].iloc[0]} items")
        axis.set_ylim(0, top(table))
    return finish(figure, chance_entries(table))


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
