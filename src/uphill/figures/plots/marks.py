"""Bars and lines with their intervals."""

from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from uphill.figures.plots.style import COLOURS, name
from uphill.schemas.names import UNSUPERVISED

OTHER_DATA = "////"
CHANCE = {"color": "black", "linestyle": ":", "linewidth": 0.9}
BASELINE = {"color": "#666666", "linestyle": "--", "linewidth": 1.0}


def whisker(value: float, low: float, high: float) -> list[list[float]]:
    """The interval as `errorbar` wants it; rounding may put a bound a hair inside the point."""
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def bar(axis: Any, place: float, row: Any, colour: Any, hatch: str | None = None, said: bool = False) -> None:
    """One accuracy as a bar with its interval, and with its number if `said`."""
    axis.bar(place, row.accuracy, 0.9, color=colour, hatch=hatch, edgecolor="white", lw=0.3)
    spread = whisker(row.accuracy, row.low, row.high)
    axis.errorbar(place, row.accuracy, spread, color="black", linewidth=0.8, capsize=1.5)
    if said:
        axis.annotate(
            f"{100 * row.accuracy:.0f}", (place, row.high), (0, 2), textcoords="offset points", ha="center", size=7
        )


def line(axis: Any, x: Any, rows: pd.DataFrame, look: dict[str, Any], **more: Any) -> None:
    """Accuracies as a line through points, with their intervals as a band."""
    axis.fill_between(x, rows["low"], rows["high"], color=look["color"], alpha=0.15, linewidth=0)
    axis.plot(x, rows["accuracy"], ms=3.5, **{"linestyle": "-", "linewidth": 1.3, **look, **more})


def baseline(axis: Any, rows: pd.DataFrame) -> None:
    """Accuracy without supervision, across the whole panel, with its interval."""
    for row in rows[rows["train_on"] == UNSUPERVISED].itertuples():
        axis.axhspan(row.low, row.high, color=BASELINE["color"], alpha=0.12, linewidth=0)
        axis.axhline(row.accuracy, **BASELINE)


def baseline_entry() -> Line2D:
    """The legend's entry for `baseline`."""
    return Line2D([], [], **BASELINE, label=name(UNSUPERVISED))  # type: ignore[arg-type] # a dict of its keywords


def chance(axis: Any, rows: pd.DataFrame) -> None:
    """A blind guess at the test items, across the whole panel; nothing where answers are written."""
    if "chance" in rows and rows["chance"].notna().any():
        axis.axhline(float(rows["chance"].mean()), **CHANCE)


def chance_entries(table: pd.DataFrame) -> list[Line2D]:
    """The legend's entry for `chance`, where a panel has it."""
    drawn = "chance" in table and table["chance"].notna().any()
    return [Line2D([], [], **CHANCE, label="chance")] if drawn else []  # type: ignore[arg-type] # as above


def line_entry(look: dict[str, Any], label: str) -> Line2D:
    """The legend's entry for `line`."""
    return Line2D([], [], ms=3.5, **look, label=label)


def level_entry(level: str, colour: Any) -> Patch:
    """The legend's entry for the bars of a train level."""
    return Patch(color=colour, label=name(level) if level == UNSUPERVISED else f"trained on {name(level)}")


def top(table: pd.DataFrame) -> float:
    """Where the axis of a figure of bars ends: the same for all its panels, which start at 0."""
    return min(1.04, float(table["high"].max()) * 1.12)


GREY = COLOURS[UNSUPERVISED]
