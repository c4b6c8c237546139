"""Supervision Gap Recovered by easy data, with its interval; an undefined one says so instead of showing a number."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.style import SERIES, name

SHOWN = (-0.5, 2.0)


def draw(table: pd.DataFrame) -> Figure:
    """One row per (model, dataset, variable, method, source of easy data); `table` is tables/sgr.csv."""
    rows = table.to_dict("records")
    figure = Figure(figsize=(7.2, 0.3 * len(rows) + 1.2), layout="constrained")
    axis = figure.subplots()
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for place, row in enumerate(rows):
        _row(axis, place, row, SERIES[methods.index(row["method"]) % len(SERIES)])
    axis.axvline(1.0, color="black", linewidth=0.6, linestyle="--")
    axis.axvline(0.0, color="black", linewidth=0.6)
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(*SHOWN)
    axis.set_xlabel("Supervision Gap Recovered by easy data\n(0: no better than none, 1: as good as hard data)")
    return figure


def _row(axis: Any, place: int, row: dict[str, Any], colour: str) -> None:
    if row["status"] == "defined" and SHOWN[0] <= row["sgr"] <= SHOWN[1]:
        whisker = [[max(0.0, row["sgr"] - row["sgr_low"])], [max(0.0, row["sgr_high"] - row["sgr"])]]
        axis.errorbar(row["sgr"], place, xerr=whisker, fmt="o", markersize=4, color=colour)
        return
    gap = f"hard {row['hard']:.2f}, none {row['unsupervised']:.2f}"
    why = {"undefined": "undefined, no gap to recover", "negative gap": "hard data is worse than none"}
    said = f"{why.get(row['status'], format(row['sgr'], '.2f'))} ({gap})"
    axis.text(SHOWN[0] + 0.05, place, said, va="center", fontsize=7, color="#555555", backgroundcolor="white")


def _label(row: dict[str, Any]) -> str:
    source = "" if row["train_dataset"] == row["dataset"] else f" from {row['train_dataset']}"
    return f"{row['dataset']} by {name(row['variable'])}: {name(row['method'])}{source}"
