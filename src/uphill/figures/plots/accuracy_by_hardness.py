"""Accuracy against the hardness value of the test items, with and without supervision.

A variable of few, whole values has bars with whiskers; ranges of one with many are joined by lines with bands.
"""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import GREY, chance, chance_entries, line, line_entry, whisker
from uphill.figures.plots.style import finish, name, panels, percent_axis, series_looks
from uphill.schemas.level_names import Levels, from_easiest
from uphill.schemas.names import ALL, UNSUPERVISED

WIDE = 0.8
"""Of the space between two values, the part that bars fill."""


def plot(table: pd.DataFrame, levels: Levels, train_on: str = "easy") -> Figure:
    """One panel per (dataset, variable), a section per model.

    Args:
        table: tables/accuracy_by_hardness.csv, or all_to_all_by_hardness.csv.
        levels: in order.
        train_on: the level that supervised accuracies are trained on: `all`, or `easy` for the easiest.
    """
    own = table[table["train_dataset"] == table["dataset"]].reset_index(drop=True)
    trained = own[own["train_on"] == ALL] if train_on == ALL else from_easiest(own, levels)
    shown = own[(own["train_on"] == UNSUPERVISED) | own.index.isin(trained.index)]
    # A variable that is the same for all items orders nothing.
    shown = shown[shown.groupby(["model", "dataset", "variable"])["test_on"].transform("nunique") > 1]
    looks: dict[str, dict[str, Any]] = {UNSUPERVISED: {"color": GREY, "marker": "s"}}
    looks |= series_looks(trained["method"])
    figure, drawn = panels(shown, "model", ["dataset", "variable"], 2.7, 2.4)
    for axis, rows in drawn:
        _panel(axis, rows, looks)
        chance(axis, rows)
        axis.set_title(f"{rows['dataset'].iloc[0]}")
        axis.set_xlabel(name(rows["variable"].iloc[0]))
        percent_axis(axis, "accuracy")
    entries = [line_entry(look, name(key)) for key, look in looks.items()]
    return finish(figure, [*entries, *chance_entries(shown)])


def _panel(axis: Any, rows: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    rows = rows.assign(value=rows["test_on"].astype(float))
    keys = rows["method"].where(rows["train_on"] != UNSUPERVISED, UNSUPERVISED)
    series = [key for key in looks if key in set(keys)]
    values = sorted(rows["value"].unique())
    few = all(float(value).is_integer() for value in values)
    for number, key in enumerate(series):
        own = rows[keys == key].sort_values("value")
        if few:
            _bars(axis, own, values, number, len(series), looks[key])
        else:
            line(axis, own["value"], own, looks[key])
    if few:
        axis.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axis.set_ylim(0, 1.03)


def _bars(axis: Any, rows: pd.DataFrame, values: list[float], number: int, of: int, look: dict[str, Any]) -> None:
    width = WIDE / of
    for one in rows.itertuples():
        place = values.index(one.value) + (number - (of - 1) / 2) * width
        axis.bar(place, one.accuracy, width * 0.94, color=look["color"])
        spread = whisker(one.accuracy, one.low, one.high)
        axis.errorbar(place, one.accuracy, spread, color="black", linewidth=0.8, capsize=1.2)
