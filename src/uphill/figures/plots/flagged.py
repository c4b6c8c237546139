"""Accuracy with and without flagged items, by test level: without supervision and after training on easy data."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uphill.figures.plots.marks import above, whisker
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.style import accuracy_frame, finish, panels, percent_axis, title
from uphill.schemas.level_names import NO_LEVELS, Levels, extremes, occurring
from uphill.schemas.names import ALL, UNSUPERVISED

GROUPS: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("all items", {"color": "black", "marker": "o"}),
    "flagged": ("flagged", {"color": "#D55E00", "marker": "s"}),
    "unflagged": ("not flagged", {"color": "#0072B2", "marker": "D"}),
}
"""By what the table calls a group: its name for readers, and how it looks."""
APART, ASIDE = 0.16, 0.035
"""How far beside each other the groups of one level stand, of the distance between levels; and how far to each side of
a group's place its untrained and its trained marks.
"""
MANY_LEVELS = 4
"""With more levels there is no room above them for the number of all items beside that of flagged ones."""
WAY = ["dataset", "variable", "experiment", "flag", "method", "n_train"]
UNTRAINED: dict[str, Any] = {"linestyle": "--", "mfc": "white"}
TRAINED: dict[str, Any] = {"linestyle": "-"}


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per dataset, variable, experiment, flag, method and budget, a section per model; of its table."""
    trained = table[~table["train_on"].isin(NO_LEVELS)]
    figure, drawn = panels(trained, "model", WAY, 2.9, 2.4)
    for axis, rows in drawn:
        one = rows.iloc[0]
        same = ["model", *WAY[:4]]
        beside = table[(table[same] == one[same]).all(axis=1)]
        order = levels.get((one["dataset"], one["variable"]), ())
        easiest = extremes(rows["train_on"], order)[0] or str(one["train_on"])
        tested = [level for level in occurring(rows, "test_on", levels) if level != ALL] or [ALL]
        shown = (beside[beside["train_on"] == UNSUPERVISED], rows[rows["train_on"] == easiest])
        for look, side, own in zip((UNTRAINED, TRAINED), (-ASIDE, ASIDE), shown, strict=True):
            _lines(axis, own, tested, look, side)
        _flagged(axis, shown[1], tested)
        said = f"{methods(table)[one['method']]}, {one['n_train']} items of {name(easiest)}"
        axis.set_title(f"{title(rows)}\n{said}\nflag: {one['flag']}, {name(one['experiment'])}")
        axis.set_xticks(range(len(tested)), [name(level) for level in tested])
        axis.set_xlim(-0.4, len(tested) - 0.6)
        axis.set_xlabel("tested on")
        percent_axis(axis, "accuracy")
        accuracy_frame(axis)
    return finish(figure, _legend() if drawn else [])


def _flagged(axis: Any, rows: pd.DataFrame, tested: list[str]) -> None:
    """How many items of each level are flagged, above it."""
    count = rows.set_index(["items", "test_on"])["n_test"]
    said: dict[float, str] = {}
    for place, level in enumerate(tested):
        few, every = (f"{count.get((group, level), 0):.0f}" for group in ("flagged", "all"))
        said[place] = few if len(tested) > MANY_LEVELS else f"{few} of {every}"
    above(axis, {**said, 0: f"{said[0]} flagged"})


def _lines(axis: Any, rows: pd.DataFrame, tested: list[str], look: dict[str, Any], side: float) -> None:
    for place, (group, (_, own)) in enumerate(GROUPS.items()):
        found = rows[rows["items"] == group].set_index("test_on")
        there = [(number, level) for number, level in enumerate(tested) if level in found.index]
        x = [number + APART * (place - 1) + side for number, _ in there]
        of = [found.loc[level] for _, level in there]
        axis.plot(x, [one["accuracy"] for one in of], ms=4, linewidth=1.2, **{**own, **look})
        for at, one in zip(x, of, strict=True):
            spread = whisker(one["accuracy"], one["low"], one["high"])
            axis.errorbar(at, one["accuracy"], spread, color=own["color"], linewidth=0.7, capsize=1.5)


def _legend() -> list[Line2D]:
    groups = [Line2D([], [], linestyle="none", ms=4, label=label, **look) for label, look in GROUPS.values()]
    black: dict[str, Any] = {"color": "black", "marker": "o", "ms": 4}
    return [
        *groups,
        Line2D([], [], label=name(UNSUPERVISED), **black, **UNTRAINED),
        Line2D([], [], label="trained on easy data", **black, **TRAINED),
    ]
