"""How often a model's most common answer is right, by the share of its texts that give it."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uphill.figures.plots.marks import above, whisker
from uphill.figures.plots.style import finish, panels, percent_axis
from uphill.schemas.level_names import Levels

TRUE: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 0.8}
FOUND: dict[str, Any] = {"color": "#0072B2", "marker": "o", "ms": 4.5, "linestyle": "none"}


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One panel per clusters, a section per dataset; `table` is tables/certainty.csv."""
    shown = table[table["group"].str.startswith("share ") & table["accuracy"].notna()]
    figure, drawn = panels(shown, "dataset", ["clusters"], 2.6, 2.6)
    for axis, rows in drawn:
        axis.plot([0, 1], [0, 1], **TRUE)
        for row in rows.itertuples():
            axis.errorbar(row.share, row.accuracy, whisker(row.accuracy, row.low, row.high), **FOUND, elinewidth=0.9)
        axis.set_xlim(0, 1.05)
        axis.set_ylim(-0.03, 1.03)
        above(axis, {row.share: f"n={row.items}" for row in rows.itertuples()})
        axis.set_title(str(rows["clusters"].iloc[0]))
        percent_axis(axis, "accuracy")
        percent_axis(axis, "share of texts that agree", "x")
    legend = [Line2D([], [], **FOUND, label="their answer"), Line2D([], [], **TRUE, label="as right as certain")]
    return finish(figure, legend if drawn else [])
