"""Performance gap recovered, by teacher and method and by the level that students trained on."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.marks import interval, level_entry, unbounded
from uphill.figures.plots.names import methods, name
from uphill.figures.plots.sgr import SHOWN, TICKS
from uphill.figures.plots.style import finish, level_colours, panels, title
from uphill.schemas.level_names import Levels, hardest, occurring
from uphill.schemas.names import ALL

GAP = 0.8
WHY = {
    "undefined": "undefined:\nno gap",
    "unbounded": "unbounded:\nno clear gap",
    "negative gap": "undefined:\nceiling < weak",
    "no ceiling": "no ceiling",
}
ITSELF = "same model"


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (dataset, variable, method), a section per strong model; `table` is tables/weak_to_strong.csv.

    Models that teach themselves are not shown, as they have no gap.
    """
    others = table[table["status"] != ITSELF]
    # Of no variable, all items are one level.
    shown = others[(others["variable"] == ALL) | others.index.isin(hardest(others, levels).index)]
    order = occurring(shown, "train_on", levels)
    keys = ["dataset", "variable", "method"]
    bars = shown.groupby([*keys, "strong"]).size().max() if len(shown) else 0
    figure, drawn = panels(shown, "strong", keys, min(10.8, max(2.9, 0.3 * bars + 1.2)), 2.6)
    colours = level_colours(order)
    for axis, rows in drawn:
        _panel(axis, rows, colours)
        axis.set_title(title(rows, methods(shown)[rows["method"].iloc[0]]))
    return finish(figure, [level_entry(level, colour) for level, colour in colours.items()] if drawn else [])


def _panel(axis: Any, rows: pd.DataFrame, colours: dict[str, Any]) -> None:
    axis.axhline(1.0, color="black", linewidth=0.7, linestyle="--")
    axis.axhline(0.0, color="black", linewidth=0.7)
    place, ticks, said = 0.0, [], []
    for _, own in rows.groupby("labels", sort=False):
        first = place
        by_level = own.assign(order=own["train_on"].map(list(colours).index)).sort_values("order", kind="stable")
        for row in by_level.to_dict("records"):
            colour = colours[row["train_on"]]
            if row["status"] == "defined":
                axis.bar(place, row["pgr"], 0.9, color=colour, edgecolor="white", lw=0.3)
                interval(axis, place, row["pgr"], row["pgr_low"], row["pgr_high"], SHOWN)
            else:
                unbounded(axis, place, WHY.get(row["status"], str(row["status"])), colour)
            place += 1
        ticks.append((first + place - 1) / 2)
        said.append(_taught_by(own.iloc[0]))
        place += GAP
    axis.set_xticks(ticks, said)
    axis.tick_params(axis="x", length=0)
    axis.set_ylim(*SHOWN)
    axis.set_yticks(TICKS)
    axis.set_ylabel("gap recovered (PGR)")


def _taught_by(row: Any) -> str:
    """Who taught, how, and on what; and whether labels are shares of belief (soft) or answers (hard)."""
    level = "" if row["teacher_on"] == ALL else f", on {name(row['teacher_on'])}"
    return f"by {row['weak']},\n{name(row['teacher'])}{level},\n{'soft' if row['soft'] else 'hard'} labels"
