"""Accuracy on hard test items against the share of training labels that are drawn at random."""

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import baseline, baseline_entry, chance, line, line_entry
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import accuracy_frame, finish, level_looks, panels, percent_axis, title
from uphill.schemas.level_names import PANEL, Levels, extremes, occurring
from uphill.schemas.names import UNSUPERVISED


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (method, dataset, variable), a section per model; `table` is tables/noisy_labels.csv."""
    trained, nothing = table[table["train_on"] != UNSUPERVISED], table[table["train_on"] == UNSUPERVISED]
    looks = level_looks(occurring(trained, "train_on", levels))
    figure, drawn = panels(trained, "model", ["method", "dataset", "variable", "test_on"], 2.9, 2.6)
    for axis, rows in drawn:
        baseline(axis, nothing.merge(rows[["model", "dataset", "variable", "test_on"]].drop_duplicates()))
        for level, look in looks.items():
            own = rows[rows["train_on"] == level].sort_values("easy_noise_p")
            line(axis, own["easy_noise_p"], own, look)
        axis.set_title(title(rows, methods(trained)[rows["method"].iloc[0]]))
        percent_axis(axis, f"accuracy on {name(rows['test_on'].iloc[0])} items")
        percent_axis(axis, "", "x")
        axis.set_xlabel(f"random labels of easy data (%)\n{_hard(rows, levels)}")
    guesses = chance(drawn)
    for axis, _ in drawn:
        accuracy_frame(axis)
    entries = [line_entry(look, f"trained on {name(level)}") for level, look in looks.items()]
    return finish(figure, [baseline_entry(), *guesses, *entries])


def _hard(rows: pd.DataFrame, levels: Levels) -> str:
    """How many times as noisy hard data is."""
    [panel] = rows[PANEL].drop_duplicates().itertuples(index=False, name=None)
    hard = extremes(rows["train_on"], levels.get(panel, ()))[1]
    noisy = rows[(rows["train_on"] == hard) & (rows["easy_noise_p"] > 0)]
    if noisy.empty:
        return ""
    return f"hard data: {(noisy['noise_p'] / noisy['easy_noise_p']).mean():.3g} times as many"
