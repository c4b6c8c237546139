"""Accuracy on hard test items after training on nothing, easy, medium and hard data, by method.

A bar's whisker is its bootstrap interval; hatched bars are trained on data of another dataset.
"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.style import COLOURS, name
from uphill.schemas import UNSUPERVISED


def draw(table: pd.DataFrame) -> Figure:
    """One panel per (model, dataset, variable); `table` is tables/population.csv."""
    hard = table[table["test_on"] == "hard"]
    panels = list(hard.groupby(["model", "dataset", "variable"], sort=False))
    widths = [max(2, len(rows)) for _, rows in panels]
    figure = Figure(figsize=(max(5.5, 0.32 * sum(widths) + 1.5 * len(panels)), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False, width_ratios=widths)[0]
    for axis, ((model, dataset, variable), rows) in zip(axes, panels, strict=True):
        _panel(axis, rows, str(dataset))
        axis.set_title(f"{dataset}, by {name(variable)}\n{model}")
    axes[0].set_ylabel("accuracy on hard test items")
    levels = [level for level in COLOURS if level in set(hard["train_on"])]
    handles = [Patch(color=COLOURS[level], label=f"trained on {level}") for level in levels if level != UNSUPERVISED]
    handles.insert(0, Patch(color=COLOURS[UNSUPERVISED], label="no supervision"))
    if (hard["train_dataset"] != hard["dataset"]).any():
        handles.append(Patch(facecolor="white", edgecolor="black", hatch="///", label="data of another dataset"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _panel(axis, rows: pd.DataFrame, dataset: str) -> None:  # type: ignore[no-untyped-def]
    place, ticks, labels = 0.0, [], []
    for method, bars in rows.groupby("method", sort=False):
        first = place
        order = {level: number for number, level in enumerate(COLOURS)}
        bars = bars.assign(other=bars["train_dataset"] != dataset, order=bars["train_on"].map(order)).sort_values(
            ["other", "order"]
        )
        for bar in bars.itertuples():
            axis.bar(
                place,
                bar.accuracy,
                0.9,
                color=COLOURS[bar.train_on],
                hatch="///" if bar.other else None,
                edgecolor="white",
                linewidth=0.4,
            )
            whisker = [[max(0.0, bar.accuracy - bar.low)], [max(0.0, bar.high - bar.accuracy)]]
            axis.errorbar(place, bar.accuracy, whisker, color="black", linewidth=0.8)
            place += 1
        ticks.append((first + place - 1) / 2)
        labels.append(name(str(method)).replace(" ", "\n", 1))
        place += 0.8
    axis.set_xticks(ticks, labels)
    axis.tick_params(axis="x", length=0)
    axis.set_ylim(0, 1)
