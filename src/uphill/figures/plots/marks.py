"""Bars and lines with their intervals."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from uphill.figures.plots.names import name
from uphill.figures.plots.style import COLOURS, NARROWEST
from uphill.schemas.names import UNSUPERVISED

OTHER_DATA = "////"
CHANCE = {"color": "black", "linestyle": ":", "linewidth": 0.9}
BASELINE = {"color": "#666666", "linestyle": "--", "linewidth": 1.0}
UNSEEN = 0.005
"""A bar of less accuracy has its number beside it: none is seen."""
SAME_CHANCE = 1e-3
"""Guesses that differ by less are drawn as one."""


def whisker(value: float, low: float, high: float) -> list[list[float]]:
    """The interval as `errorbar` wants it; rounding may put a bound a hair inside the point."""
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def bar(axis: Any, place: float, row: Any, colour: Any, hatch: str | None = None, said: bool = False) -> None:
    """One accuracy as a bar with its interval, and with its number if `said`, or if it is too low to be seen."""
    axis.bar(place, row.accuracy, 0.9, color=colour, hatch=hatch, edgecolor="white", lw=0.3)
    spread = whisker(row.accuracy, row.low, row.high)
    axis.errorbar(place, row.accuracy, spread, color="black", linewidth=0.8, capsize=1.5)
    if said or row.accuracy < UNSEEN:
        number(axis, place, row)


def number(axis: Any, place: float, row: Any, size: float = 7) -> None:
    """An accuracy in percent, above its interval."""
    digits = ".0f" if not 0 < row.accuracy < UNSEEN else ".1g"
    axis.annotate(
        f"{100 * row.accuracy:{digits}}", (place, row.high), (0, 2), textcoords="offset points", ha="center", size=size
    )


def above(axis: Any, said: Mapping[float, str]) -> None:
    """Something said of some places of the axis below, such as how many items stand there: above the frame, where no
    interval reaches.
    """
    # As ticks, for which the title makes room; those of the axis below stand at the same places.
    axis.xaxis.remove_overlapping_locs = False
    axis.set_xticks(list(said), list(said.values()), minor=True)
    axis.tick_params(axis="x", which="minor", length=0, pad=1, labelsize=6, labelbottom=False, labeltop=True)


def interval(axis: Any, place: float, value: float, low: float, high: float, shown: tuple[float, float]) -> None:
    """The interval of a bar in a frame that it may leave: an arrow stands where it does, and a cap where it ends.

    A bar that itself leaves the frame has its number where it does.
    """
    inside = np.clip([low, high], *shown)
    axis.vlines(place, *inside, color="black", linewidth=0.9)
    for bound, arrow in ((low, "v"), (high, "^")):
        if shown[0] <= bound <= shown[1]:
            axis.plot(place, bound, marker="_", color="black", ms=4, linestyle="none")
        elif (arrow == "v") == (bound < shown[0]):
            axis.plot(place, shown[arrow == "^"], marker=arrow, color="black", ms=4, clip_on=False, linestyle="none")
    for edge, side, beyond in ((shown[0], 1, value < shown[0]), (shown[1], -1, value > shown[1])):
        if beyond:
            said = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
            box = {"color": "white", "pad": 0.6, "linewidth": 0}
            axis.annotate(
                *(said, (place, edge), (0, 6 * side)), textcoords="offset points", size=6, ha="center",
                va="bottom" if side > 0 else "top", bbox=box,
            )  # fmt: skip


def unbounded(axis: Any, place: float, why: str, colour: Any) -> None:
    """Why no bar stands where one would, above its colour, which stands under the frame, where no value is."""
    under = {"transform": axis.get_xaxis_transform(), "clip_on": False}
    axis.plot(place, -0.04, marker="s", color=colour, ms=5, linestyle="none", **under)
    axis.text(place, 0.05, why, rotation=90, ha="center", va="bottom", size=7, color="#444444")


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


def known_chance(rows: pd.DataFrame) -> float | None:
    """A blind guess at the test items, if it is one for all rows that have any: of written answers there is none."""
    known = rows["chance"].dropna() if "chance" in rows else pd.Series(dtype=float)
    one = len(known) and known.max() - known.min() < SAME_CHANCE
    return float(known.mean()) if one else None


def chance(drawn: Iterable[tuple[Any, pd.DataFrame]]) -> list[Line2D]:
    """Chance across each of some panels where it is one, and the legend's entry if it is drawn anywhere."""
    found = [(axis, known_chance(rows)) for axis, rows in drawn]
    for axis, guess in found:
        if guess is not None:
            axis.axhline(guess, **CHANCE)
    return chance_entries(any(guess is not None for _, guess in found))


def chance_entries(drawn: bool) -> list[Line2D]:
    """The legend's entry for chance, if it is drawn."""
    return [Line2D([], [], **CHANCE, label="chance")] if drawn else []  # type: ignore[arg-type] # as above


def line_entry(look: dict[str, Any], label: str) -> Line2D:
    """The legend's entry for `line`."""
    return Line2D([], [], ms=3.5, **look, label=label)


def level_entry(level: str, colour: Any) -> Patch:
    """The legend's entry for the bars of a train level."""
    return Patch(color=colour, label=name(level) if level == UNSUPERVISED else f"trained on {name(level)}")


def top(table: pd.DataFrame) -> float:
    """Where the axis of a figure of bars ends: the same for all its panels, which start at 0; above chance, too."""
    known = table["chance"].dropna() if "chance" in table else pd.Series(dtype=float)
    highest = max([float(table["high"].max()), *known])
    return min(1.04, max(highest * 1.12, NARROWEST))


GREY = COLOURS[UNSUPERVISED]
