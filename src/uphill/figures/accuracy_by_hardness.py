"""Accuracy against the hardness value of the test items, with and without supervision on easy data."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.style import COLOURS, SERIES, grid, name, title
from uphill.level_names import from_easiest
from uphill.schemas import UNSUPERVISED


def draw(table: pd.DataFrame) -> Figure:
    """One panel per (model, dataset, variable); `table` is tables/accuracy_by_hardness.csv."""
    own = table[table["train_dataset"] == table["dataset"]]
    own = pd.concat([own[own["train_on"] == UNSUPERVISED], from_easiest(own)]).sort_index()
    supervised = own.loc[own["train_on"] != UNSUPERVISED, "method"].unique()
    colours = dict(zip(supervised, SERIES, strict=False))
    panels = list(own.groupby(["model", "dataset", "variable"], sort=False))
    figure, axes = grid(len(panels), width=3.9, height=2.6)
    for axis, (key, rows) in zip(axes, panels, strict=True):
        for (method, train_on), line in rows.groupby(["method", "train_on"], sort=False):
            supervision = train_on != UNSUPERVISED
            colour = colours[method] if supervision else COLOURS[UNSUPERVISED]
            _line(axis, line.sort_values("test_on"), colour, f"{name(method)}, easy data" if supervision else "")
        axis.set_title(title(key[0], key[1]))
        axis.set_xlabel(name(key[2]))
        axis.set_ylabel("accuracy")
        axis.set_ylim(0, 1.03)
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _line(axis: Any, line: pd.DataFrame, colour: str, label: str) -> None:
    """A line with its interval as a band; without a label, that of no supervision."""
    axis.fill_between(line["test_on"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
    marker = "o" if label else "s"
    axis.plot(line["test_on"], line["accuracy"], marker, ls="-", ms=3, c=colour, label=label or "no supervision")
