"""Supervision Gap Recovered by easy data, with its interval; an undefined one says so instead of showing a number."""

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.style import SERIES, name

SHOWN = (-0.5, 1.75)


def draw(table: pd.DataFrame) -> Figure:
    """One row per (model, dataset, variable, method, source of easy data); `table` is tables/sgr.csv."""
    rows = table.reset_index(drop=True)
    figure = Figure(figsize=(6.5, 0.34 * len(rows) + 1.3), layout="constrained")
    axis = figure.subplots()
    methods = list(dict.fromkeys(rows["method"]))
    for place, row in rows.iterrows():
        colour = SERIES[methods.index(row["method"]) % len(SERIES)]
        if row["status"] == "undefined":
            axis.text(
                1.0, place, "undefined: hard data helps no more than chance", va="center", ha="center", fontsize=7
            )
            continue
        whisker = [[row["sgr"] - row["sgr_low"]], [row["sgr_high"] - row["sgr"]]]
        axis.errorbar(row["sgr"], place, xerr=whisker, fmt="o", markersize=4, color=colour)
    axis.axvline(1.0, color="black", linewidth=0.6, linestyle="--")
    axis.axvline(0.0, color="black", linewidth=0.6)
    labels = [_label(row) for _, row in rows.iterrows()]
    axis.set_yticks(range(len(rows)), labels)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(*SHOWN)
    axis.set_xlabel("Supervision Gap Recovered by easy data (0: as no supervision, 1: as hard data)")
    return figure


def _label(row: pd.Series) -> str:
    source = "" if row["train_dataset"] == row["dataset"] else f" from {row['train_dataset']}"
    return f"{row['dataset']}, {name(row['variable'])}: {name(row['method'])}{source}"
