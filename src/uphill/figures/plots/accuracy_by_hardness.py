"""Accuracy against the hardness value of the test items, with and without supervision.

A variable of few, whole values has bars with whiskers; ranges of one with many are joined by lines with bands.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uphill.figures.plots.marks import (
    CHANCE,
    GREY,
    UNSEEN,
    above,
    chance,
    chance_entries,
    known_chance,
    line,
    line_entry,
    number,
    whisker,
)
from uphill.figures.plots.names import methods, name, values
from uphill.figures.plots.style import finish, panels, percent_axis, scale, series_looks
from uphill.schemas.level_names import PANEL, Levels, from_easiest
from uphill.schemas.names import ALL, UNSUPERVISED

FEW_ITEMS = 50
"""A value with fewer test items says how many they are."""
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
        axis.set_title(f"{rows['dataset'].iloc[0]}")
        axis.set_xlabel(scale(rows))
        percent_axis(axis, "accuracy")
    said = {UNSUPERVISED: name(UNSUPERVISED), **methods(trained)}
    keys = shown["method"].where(shown["train_on"] != UNSUPERVISED, UNSUPERVISED)
    marks = [_entry(look, said[key], shown[keys == key]) for key, look in looks.items()]
    guesses = [_guesses(axis, rows) for axis, rows in drawn]
    return finish(figure, [*marks, *(chance(drawn) or chance_entries(any(guesses)))])


def _entry(look: dict[str, Any], label: str, rows: pd.DataFrame) -> Any:
    """The legend's entry for a series: a line where some panel has one, and else a bar."""
    bars = all(_few(own["test_on"].astype(float)) for _, own in rows.groupby(["model", *PANEL], sort=False))
    return Patch(color=look["color"], label=label) if bars else line_entry(look, label)


def _guesses(axis: Any, rows: pd.DataFrame) -> bool:
    """Chance that differs between the values, above each; whether there is any."""
    if known_chance(rows) is not None or "chance" not in rows or rows["chance"].isna().all():
        return False
    by_value = rows.assign(value=rows["test_on"].astype(float)).groupby("value")["chance"].mean()
    if _few(by_value.index):
        places = np.arange(len(by_value))
        axis.hlines(by_value, places - WIDE / 2, places + WIDE / 2, **CHANCE)
    else:
        axis.plot(by_value.index, by_value, **CHANCE)
    return True


def _few(found: Iterable[float]) -> bool:
    """Whether the values of a panel have bars."""
    return all(float(value).is_integer() for value in found)


def _panel(axis: Any, rows: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    rows = rows.assign(value=rows["test_on"].astype(float))
    keys = rows["method"].where(rows["train_on"] != UNSUPERVISED, UNSUPERVISED)
    series = [key for key in looks if key in set(keys)]
    found = sorted(rows["value"].unique())
    few = _few(found)
    for place, key in enumerate(series):
        own = rows[keys == key].sort_values("value")
        if few:
            _bars(axis, own, found, place, len(series), looks[key])
        else:
            line(axis, own["value"], own, looks[key])
    if few:
        axis.set_xticks(range(len(found)), values(rows, found))
    axis.set_ylim(0, 1.03)
    _few_items(axis, rows, found, range(len(found)) if few else found)


def _few_items(axis: Any, rows: pd.DataFrame, found: list[float], places: Iterable[float]) -> None:
    """How many items a value has, where they are too few to lean on."""
    if "n_test" in rows:
        items = rows.groupby("value")["n_test"].min()
        few = {place: items[value] for place, value in zip(places, found, strict=True) if items[value] < FEW_ITEMS}
        above(axis, {place: f"n={count:.0f}" for place, count in few.items()})


def _bars(axis: Any, rows: pd.DataFrame, found: list[float], side: int, of: int, look: dict[str, Any]) -> None:
    width = WIDE / of
    for one in rows.itertuples():
        place = found.index(one.value) + (side - (of - 1) / 2) * width
        axis.bar(place, one.accuracy, width * 0.94, color=look["color"])
        spread = whisker(one.accuracy, one.low, one.high)
        axis.errorbar(place, one.accuracy, spread, color="black", linewidth=0.8, capsize=1.2)
        if one.accuracy < UNSEEN:
            number(axis, place, one, size=6)
