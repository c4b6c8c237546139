"""Accuracy against the hardness value of the test items, with and without supervision on easy data."""

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.style import COLOURS, SERIES, name
from uphill.schemas import UNSUPERVISED


def draw(table: pd.DataFrame) -> Figure:
    """One panel per (model, dataset, variable); `table` is tables/accuracy_by_hardness.csv."""
    own = table[(table["train_dataset"] == table["dataset"]) & table["train_on"].isin([UNSUPERVISED, "easy"])]
    methods = [method for method in own["method"].unique() if (own["method"] == method).any()]
    supervised = [method for method in methods if (own.loc[own["method"] == method, "train_on"] == "easy").any()]
    colours = dict(zip(supervised, SERIES, strict=False))
    panels = list(own.groupby(["model", "dataset", "variable"], sort=False))
    figure = Figure(figsize=(max(5.5, 2.6 * len(panels) + 0.6), 3.4), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, ((model, dataset, variable), rows) in zip(axes, panels, strict=True):
        for (method, train_on), line in rows.groupby(["method", "train_on"], sort=False):
            line = line.sort_values("test_on")
            easy = train_on == "easy"
            axis.errorbar(
                line["test_on"],
                line["accuracy"],
                [line["accuracy"] - line["low"], line["high"] - line["accuracy"]],
                color=colours[method] if easy else COLOURS[UNSUPERVISED],
                marker="o" if easy else "s",
                markersize=3,
                linewidth=1.2,
                elinewidth=0.7,
                label=f"{name(str(method))}, easy data" if easy else "no supervision",
            )
        axis.set_title(f"{dataset}\n{model}")
        axis.set_xlabel(name(str(variable)))
        axis.set_ylim(0, 1.02)
    axes[0].set_ylabel("accuracy")
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(5, len(entries)))
    return figure
