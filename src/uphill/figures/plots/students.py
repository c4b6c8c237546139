"""Accuracy of students between the model that gave their labels and their ceiling, by test level."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uphill.experiments.students import ROLES, UNTRAINED, WEAK, WEAK_GOLD
from uphill.figures.plots.marks import whisker
from uphill.figures.plots.names import name
from uphill.figures.plots.style import (
    accuracy_frame,
    finish,
    panels,
    percent_axis,
    series_looks,
    title,
)
from uphill.schemas.level_names import Levels

CALLED = {WEAK: "weak", WEAK_GOLD: "weak, on right answers", UNTRAINED: "student untrained", ROLES[-1]: "ceiling"}
WIDTH = 0.7
"""Of a level's series, side by side, where levels are 1 apart."""


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One panel per (dataset, variable), a section per weak model; `table` is tables/students.csv.

    Over a student stands the gap that it recovered, where there is one.
    """
    labels = list(dict.fromkeys(table["labels"]))
    before = [role for role in (UNTRAINED, WEAK, WEAK_GOLD) if table[f"{role}_accuracy"].notna().any()]
    series = [*before, *(f"student: {one}" for one in labels), ROLES[-1]]
    figure, drawn = panels(table, "weak", ["dataset", "variable"], max(3.6, 0.5 * len(series)), 2.6)
    looks = series_looks(series)
    for axis, rows in drawn:
        _panel(axis, rows, looks)
        axis.set_title(title(rows))
    legend = [Line2D([], [], **look, linestyle="none", label=CALLED.get(one, one)) for one, look in looks.items()]
    return finish(figure, legend if drawn else [])


def _panel(axis: Any, rows: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    levels = list(dict.fromkeys(rows["test_on"]))
    step = WIDTH / max(1, len(looks) - 1)
    for place, level in enumerate(levels):
        own = rows[rows["test_on"] == level]
        for number, (one, look) in enumerate(looks.items()):
            at = place - WIDTH / 2 + number * step
            row = _row(own, one)
            if row is None:
                continue
            column = "student_accuracy" if one.startswith("student: ") else f"{one}_accuracy"
            value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
            axis.errorbar(at, value, whisker(value, low, high), **look, ms=4.5, linestyle="none", elinewidth=0.9)
            if column == "student_accuracy" and row["status"] == "defined":
                said = f"PGR {row['pgr']:.2f}".replace("-", "\N{MINUS SIGN}")
                axis.annotate(said, (at, high), (0, 3), textcoords="offset points", ha="center", size=6.5)
    axis.set_xticks(range(len(levels)), [name(level) for level in levels])
    axis.tick_params(axis="x", length=0)
    axis.set_xlim(-0.6, len(levels) - 0.4)
    percent_axis(axis, "accuracy")
    accuracy_frame(axis)


def _row(rows: pd.DataFrame, series: str) -> Any:
    """The row that has a series at a level: that of the student, or the first, for roles that all rows share."""
    if series.startswith("student: "):
        rows = rows[rows["labels"] == series.removeprefix("student: ")]
        return None if rows.empty else rows.iloc[0]
    return None if rows.empty or pd.isna(rows.iloc[0][f"{series}_accuracy"]) else rows.iloc[0]
