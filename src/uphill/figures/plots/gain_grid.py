"""Gains by train level and test level, as a heat-map with no gain in the middle of its colours.

A number in brackets has an interval that holds 0; the diagonal is framed.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from uphill.figures.plots.fitting import rows_of
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import finish, panels, title
from uphill.schemas.level_names import Levels, occurring
from uphill.schemas.names import UNSUPERVISED

LEAST = 0.01
"""Where all gains are smaller, the colours still run this far."""
PER_LEVEL = 0.42
"""Inches."""
DARK = 0.6
"""Beyond this part of the largest gain a cell is so dark that its number is white."""


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (method, dataset, variable, n_train), a section per model; `table` is cross_difficulty.csv."""
    trained = table[table["train_on"] != UNSUPERVISED]
    most = max((len(names) for names in levels.values()), default=2)
    side = PER_LEVEL * most
    figure, drawn = panels(trained, "model", ["method", "dataset", "variable", "n_train"], side + 1.05, side + 1.2)
    largest = max(LEAST, float(trained["gain"].abs().max())) if trained["gain"].notna().any() else 1.0
    image = None
    for axis, rows in drawn:
        image = _panel(axis, rows, levels, largest)
        axis.set_title(title(rows, methods(trained)[rows["method"].iloc[0]]))
    if image is not None:
        figure.colorbar(image, ax=figure.axes, shrink=0.8 / rows_of(figure), aspect=25, label="gain (points)")
    return finish(figure)


def _panel(axis: Any, rows: pd.DataFrame, levels: Levels, largest: float) -> Any:
    tested = rows.assign(train_on=rows["test_on"])
    down, across = occurring(rows, "train_on", levels), occurring(tested, "train_on", levels)
    gains = rows.pivot_table(index="train_on", columns="test_on", values="gain", observed=True)
    shown = 100 * gains.reindex(index=down, columns=across)
    image = axis.imshow(shown, cmap="RdBu", vmin=-100 * largest, vmax=100 * largest)
    for row in rows.itertuples():
        at = across.index(row.test_on), down.index(row.train_on)
        cell(axis, *at, row, largest, row.train_on == row.test_on)
    axis.set_xticks(range(len(across)), [name(level) for level in across], rotation=90)
    axis.set_yticks(range(len(down)), [name(level) for level in down])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("tested on")
    axis.set_ylabel("trained on")
    return image


def cell(axis: Any, x: int, y: int, row: Any, largest: float, framed: bool) -> None:
    """A cell's number, white where its colour is dark, and its frame, if it has one."""
    if np.isnan(row.gain):
        return
    points = round(100 * row.gain)
    said = f"{points:+d}" if points else "0"
    shown = f"({said})" if row.gain_low <= 0 <= row.gain_high else said
    axis.text(
        *(x, y, shown), ha="center", va="center", fontsize=6.5,
        color="white" if abs(row.gain) > DARK * largest else "black",
    )  # fmt: skip
    if framed:
        axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.2))
