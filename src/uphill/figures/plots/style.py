"""One look for all figures: colours that colour-blind readers can tell apart, intervals always drawn."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FuncFormatter

from uphill.figures.plots import names
from uphill.figures.plots.boxes import boxes, with_texts
from uphill.figures.plots.fitting import (
    break_lines,
    broken,
    columns_of,
    panel_height,
    panel_size,
    panels_of,
    raise_panels,
    row_of,
)
from uphill.figures.plots.told import marks
from uphill.schemas.files import written_whole
from uphill.schemas.names import ALL, UNSUPERVISED

# Okabe and Ito's palette.
COLOURS = {UNSUPERVISED: "#999999", "easy": "#0072B2", "medium": "#E69F00", "hard": "#D55E00"}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"
ROW_WIDTH = 11.0
"""Inches that a row of panels fills at most."""
NARROWEST = 0.1
"""The least range of accuracies that an axis shows: ten points, so that a set at 0 is seen to be there."""


def level_colours(levels: Iterable[str]) -> dict[str, Any]:
    """A colour for each of some levels that are in order; those that have none of their own run from dark to bright."""
    seen = list(dict.fromkeys(levels))
    bins = [level for level in seen if level not in COLOURS]
    shades = mpl.colormaps["cividis"].resampled(len(bins) + 1) if bins else None
    return {
        level: COLOURS[level] if shades is None or level in COLOURS else shades(bins.index(level)) for level in seen
    }


def series_looks(keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each of some series, such as methods; the markers tell them apart without colour,
    and those of one colour where there are more series than colours.
    """
    return {
        key: {"color": SERIES[place % len(SERIES)], "marker": MARKERS[(place + place // len(SERIES)) % len(MARKERS)]}
        for place, key in enumerate(dict.fromkeys(keys))
    }


def level_looks(levels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each train level; they are in order."""
    return {
        level: {"color": colour, "marker": MARKERS[place % len(MARKERS)]}
        for place, (level, colour) in enumerate(level_colours(levels).items())
    }


def title(rows: pd.DataFrame, method: str = "") -> str:
    """What a panel shows, of rows of one dataset and variable; with the name of their method, if it is one."""
    dataset, variable = str(rows["dataset"].iloc[0]), rows["variable"].iloc[0]
    first = f"{dataset}, {method}" if method else dataset
    return first if variable == ALL else f"{first}\nby {scale(rows)}"


def scale(rows: pd.DataFrame) -> str:
    """The variable of rows of one panel; a scale that the tested model or method made is said to be its own."""
    own = " (the tested model's own scale)" if "circular" in rows and (rows["circular"] != "").any() else ""
    return f"{names.variable(rows)}{own}"


def grid(sections: Sequence[tuple[str, int]], width: float, height: float) -> tuple[Figure, list[Any]]:
    """A figure of panels in sections: each begins a row of its own.

    Args:
        sections: a heading and a number of panels each; the headings are drawn where there are several.
        width, height: of a panel, in inches.

    Returns:
        The figure and its panels in order.
    """
    most = max((count for _, count in sections), default=1)
    columns = max(1, min(most, int(ROW_WIDTH / width)))
    rows = [-(-count // columns) for _, count in sections]
    figure = Figure(figsize=(max(width * columns, 3.6), height * sum(rows) + 0.5), layout="constrained")
    spec = figure.add_gridspec(sum(rows), columns)
    panels = []
    for section, (heading, count) in enumerate(sections):
        for place in range(count):
            axis = figure.add_subplot(spec[sum(rows[:section]) + place // columns, place % columns])
            panels.append(axis)
            # The heading; `finish` draws it, once the panel has its title.
            axis.set_label(heading if place == 0 and len(sections) > 1 else "")
    return figure, panels


def by_section(table: pd.DataFrame, section: str, keys: Sequence[str]) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    """Rows of each panel, by section, all in the table's order.

    Args:
        table: rows.
        section: the column that cuts sections, such as model.
        keys: the columns that cut panels.
    """
    for heading, rows in table.groupby(section, sort=False, observed=True):
        yield str(heading), [panel for _, panel in rows.groupby(list(keys), sort=False, observed=True)]


def panels(
    table: pd.DataFrame, section: str, keys: Sequence[str], width: float, height: float
) -> tuple[Figure, list[tuple[Any, pd.DataFrame]]]:
    """A figure with a panel for each value of `keys`, in sections; and each panel's axis and rows.

    Without any rows the figure says that there is nothing to draw.
    """
    if table.empty:
        figure = Figure(figsize=(4.5, 1.2), layout="constrained")
        figure.text(0.5, 0.6, "Nothing to draw: no condition of this study is of this kind.", ha="center")
        return figure, []
    cut = list(by_section(table, section, keys))
    said = names.methods(table) if section == "method" else {}
    figure, axes = grid([(said.get(heading, heading), len(own)) for heading, own in cut], width, height)
    return figure, list(zip(axes, [rows for _, own in cut for rows in own], strict=True))


def percent_axis(axis: Any, label: str, which: str = "y") -> None:
    """Show fractions as percent, with a label that ends in the unit, and light lines to read them by."""
    one = axis.yaxis if which == "y" else axis.xaxis
    one.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 2):g}"))
    one.set_label_text(f"{label} (%)")
    one.grid(True, color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)


def accuracy_frame(axis: Any) -> None:
    """What an axis of accuracies shows: at least `NARROWEST` of them, and hardly anything that none can be."""
    low, high = axis.get_ylim()
    lacking = max(0.0, NARROWEST - (high - low)) / 2
    low, high = (low - lacking, high + lacking) if low > lacking else (0.0, max(high, NARROWEST))
    edge = 0.03 * (high - low)  # which a mark at 0 or 1 needs
    axis.set_ylim(low or -edge, min(high, 1 + edge))


def finish(figure: Figure, handles: Iterable[Any] = ()) -> Figure:
    """Head each section, put one legend under all panels, label the vertical axis of each row once, and make it fit."""
    entries = list(handles)
    if entries:
        font, room = FontProperties(size=mpl.rcParams["font.size"]), figure.get_figwidth() - 0.4
        for entry in entries:
            entry.set_label(broken(str(entry.get_label()), room - 0.6, font))
        fits = columns_of([str(entry.get_label()) for entry in entries], room, font)
        figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), fits), columnspacing=1.2)
    said: dict[int, str] = {}
    for axis in panels_of(figure):
        if said.setdefault(row_of(axis), axis.get_ylabel()) == axis.get_ylabel():
            axis.set_ylabel(axis.get_ylabel() if axis.get_subplotspec().is_first_col() else "")
    asked = panel_height(figure)
    break_lines(figure, asked)
    _head(figure)
    raise_panels(figure, asked)
    return figure


def _head(figure: Figure) -> None:
    """Headings of sections stand above the titles of their first panels.

    A title, of which each panel may have three, counts in the layout by its height and its middle alone.
    """
    font = FontProperties(size=11, weight="bold")
    for axis in panels_of(figure):
        if axis.get_label():
            room = min(2 * panel_size(axis)[0], figure.get_figwidth() - 0.8)
            beside = (other for other in panels_of(figure) if row_of(other) == row_of(axis))
            under = "\n" * max(len(other.get_title(loc="left").splitlines()) for other in beside)
            heading = broken(str(axis.get_label()), room, font)
            axis.set_title(f"{heading}{under}", loc="center", x=0, ha="left", fontproperties=font)


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house's style."""
    look: dict[str, Any] = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "figure.dpi": 150,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "errorbar.capsize": 2,
    }
    with mpl.rc_context(look):  # type: ignore[arg-type] # its keys are a closed list of literals
        yield


def save(figure: Figure, path: str) -> None:
    """Write a figure whole; a picture says where its panels stand, and what its marks tell.

    No date goes into a PDF, so that the same figure is the same bytes.
    """
    with written_whole(path) as temporary:
        if Path(path).suffix == ".pdf":
            figure.savefig(temporary, metadata={"CreationDate": None})
            return
        picture = io.BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        told = [[panel.title, panel.marks] for panel in marks(figure)]
        temporary.write_bytes(with_texts(picture.getvalue(), Panels=boxes(figure), Marks=told))
