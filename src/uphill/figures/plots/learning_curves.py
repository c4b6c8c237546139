"""Accuracy on hard test items against the number of training items, and against what their labels cost."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from uphill.figures.plots.marks import baseline, baseline_entry, chance, line, line_entry
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import accuracy_frame, finish, grid, level_looks, percent_axis, title
from uphill.schemas.level_names import PANEL, Levels, extremes, occurring
from uphill.schemas.names import UNSUPERVISED

HARD_COST = 2.0
"""The label of a hard item costs as much as that of so many easy ones (Hase et al. 2024, section 5.3)."""
KEYS = ["model", "method", "dataset", "variable", "test_on"]


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """Two panels per (model, method, dataset, variable): by number of items, and by cost of labels.

    `table` is tables/learning_curves.csv.
    """
    trained, nothing = table[table["train_on"] != UNSUPERVISED], table[table["train_on"] == UNSUPERVISED]
    looks = level_looks(occurring(trained, "train_on", levels))
    models = [
        (model, [panel for _, panel in rows.groupby(KEYS, sort=False)])
        for model, rows in trained.groupby("model", sort=False)
    ]
    figure, axes = grid([(str(model), 2 * len(panels)) for model, panels in models], 2.7, 2.5)
    drawn = [panel for _, panels in models for panel in panels]
    for number, rows in enumerate(drawn):
        untrained = nothing.merge(rows[["model", "dataset", "variable", "test_on"]].drop_duplicates())
        for axis, costly in zip(axes[2 * number : 2 * number + 2], (False, True), strict=True):
            baseline(axis, untrained)
            _curves(axis, rows, looks, costly, levels)
            axis.set_title(title(rows, methods(trained)[rows["method"].iloc[0]]))
            percent_axis(axis, f"accuracy on {name(rows['test_on'].iloc[0])} items")
    guesses = chance(zip(axes, [rows for rows in drawn for _ in range(2)], strict=True))
    for axis in axes:
        accuracy_frame(axis)
    entries = [line_entry(look, f"trained on {name(level)}") for level, look in looks.items()]
    return finish(figure, [baseline_entry(), *guesses, *entries])


def _curves(axis: Any, rows: pd.DataFrame, looks: dict[str, dict[str, Any]], costly: bool, levels: Levels) -> None:
    [panel] = rows[PANEL].drop_duplicates().itertuples(index=False, name=None)
    hardest = extremes(rows["train_on"], levels.get(panel, ()))[1]
    rows = rows.sort_values("n_train")
    for level, look in looks.items():
        own = rows[rows["train_on"] == level]
        line(axis, own["n_train"] * (HARD_COST if costly and level == hardest else 1.0), own, look)
    axis.set_xscale("log", base=2)
    sizes = sorted(set(rows["n_train"]) | ({HARD_COST * size for size in rows["n_train"]} if costly else set()))
    axis.set_xticks(sizes[:: -(-len(sizes) // 7)], [f"{size:g}" for size in sizes[:: -(-len(sizes) // 7)]])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(f"label cost (easy 1, hard {HARD_COST:g})" if costly else "training items")
