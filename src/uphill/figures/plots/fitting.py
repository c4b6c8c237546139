"""What is written on a figure, made to fit: broken into lines, never cut, and the figure as high as they make it."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedLocator

POINTS = 72.0
"""An inch."""
PIECES = re.compile(r"\s+|\S+?(?:(?<=[-_/+])(?=\S{3})|(?=\s)|$)")
"""What stays together in a line: up to a space, or to a mark inside of a name that goes on for some letters."""
LEAST = 0.66
"""Of the height that a plot gives a row of panels, the part that the panels themselves have at least."""
TALLEST_LABEL = 0.8
"""The name of a vertical axis may be so much longer than it: its least height is this part of what the name has."""
SMALL, SLANT = 7, 30
"""The size in points, and the degrees by which they are turned, of names that do not fit beside each other."""
LONGEST_SLANT = 1.5
"""Inches; what is longer is broken wherever it must be."""


@lru_cache(maxsize=10_000)
def wide(text: str, font: FontProperties) -> float:
    """How wide a line is, in inches."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / POINTS


def broken(text: str, inches: float, font: FontProperties, anywhere: bool = True) -> str:
    """A text in lines no wider than that; its own line breaks stay, and nothing is left out but spaces at their ends.

    Args:
        text: of any length.
        inches: that a line has.
        font: in which it is written.
        anywhere: break a piece that alone is wider, letter by letter; else it is a line, and wider.
    """
    return "\n".join(line for paragraph in text.split("\n") for line in _lines(paragraph, inches, font, anywhere))


def _lines(text: str, inches: float, font: FontProperties, anywhere: bool) -> list[str]:
    pieces = PIECES.findall(text)
    if anywhere:
        pieces = [part for piece in pieces for part in (piece if wide(piece, font) > inches else [piece])]
    lines = [""]
    for piece in pieces:
        if lines[-1] and wide(lines[-1] + piece.rstrip(), font) > inches:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def panel_height(figure: Figure) -> float:
    """What the panels of a figure of rows of panels have at least, in inches, by the height that it was made with."""
    rows = rows_of(figure)
    return LEAST * (figure.get_figheight() - 0.5) / rows if rows else 0.0


def panel_size(axis: Any) -> tuple[float, float]:
    """Width and height of a panel, in inches."""
    place, (width, height) = axis.get_position(original=True), axis.figure.get_size_inches()
    return place.width * width, place.height * height


def break_lines(figure: Figure, asked: float) -> None:
    """Break titles and names of axes into as many lines as they need.

    How wide a panel is, is known once the figure is laid out, and does not depend on what is said above and below it:
    names under ticks are put there afterwards.
    """
    named = [(axis, _take_names(axis)) for axis in panels_of(figure)]
    figure.draw_without_rendering()  # lays it out
    for axis, names in named:
        inches = panel_size(axis)[0]
        _title(axis, inches)
        if names:
            _under_ticks(axis, names, inches)
        for label, room in ((axis.xaxis.label, inches), (axis.yaxis.label, asked / TALLEST_LABEL)):
            label.set_text(broken(label.get_text(), room, label.get_fontproperties()))


def raise_panels(figure: Figure, asked: float) -> None:
    """Make a figure so high that its panels are, whatever is said around them."""
    figure.draw_without_rendering()
    lacking = asked - min((panel_size(axis)[1] for axis in panels_of(figure)), default=asked)
    if lacking > 0:
        figure.set_figheight(figure.get_figheight() + rows_of(figure) * lacking)


def panels_of(figure: Figure) -> list[Any]:
    """The panels of a figure, without what stands beside them, such as a bar of colours."""
    return [axis for axis in figure.axes if axis.get_subplotspec() is not None]


def row_of(axis: Any) -> int:
    """The row of a panel, from above."""
    return int(axis.get_subplotspec().rowspan.start)


def rows_of(figure: Figure) -> int:
    """How many rows of panels a figure has."""
    return max((axis.get_subplotspec().get_gridspec().nrows for axis in panels_of(figure)), default=0)


def _title(axis: Any, inches: float) -> None:
    font = FontProperties(size=mpl.rcParams["axes.titlesize"])
    axis.set_title(broken(axis.get_title(loc="left"), inches, font), loc="left")


def _take_names(axis: Any) -> list[str]:
    """Names under the ticks of an axis, which has none any more; if they are numbers, or turned, they stay there."""
    labels = axis.get_xticklabels() if isinstance(axis.xaxis.get_major_locator(), FixedLocator) else []
    if not any(re.search("[A-Za-z]", label.get_text()) and not label.get_rotation() for label in labels):
        return []
    names = [label.get_text() for label in labels]
    axis.set_xticks(axis.get_xticks(), [""] * len(names))
    return names


def _under_ticks(axis: Any, texts: Sequence[str], inches: float) -> None:
    """Names under ticks, side by side in as many lines as they need.

    Where a piece of one has no room they are smaller, and where it has none then, they slant, if they are short.
    """
    room = _room(axis.get_xticks(), axis.get_xlim(), inches)
    for size in (mpl.rcParams["font.size"], SMALL):
        font = FontProperties(size=size)
        shown = [broken(text, space, font, anywhere=False) for text, space in zip(texts, room, strict=True)]
        if all(wide(line, font) <= space for text, space in zip(shown, room, strict=True) for line in text.split("\n")):
            axis.set_xticks(axis.get_xticks(), shown, size=size)
            return
    if max(wide(text, font) for text in texts) > LONGEST_SLANT:
        axis.set_xticks(axis.get_xticks(), [broken(*one, font) for one in zip(texts, room, strict=True)], size=SMALL)
    else:
        axis.set_xticks(axis.get_xticks(), texts, size=SMALL, rotation=SLANT, ha="right", rotation_mode="anchor")


def _room(ticks: Sequence[float], shown: tuple[float, float], inches: float) -> list[float]:
    """How wide what stands under each tick may be, in inches, to leave its neighbours theirs."""
    per = inches / (shown[1] - shown[0])
    between = [0.94 * per * (after - before) for before, after in pairwise(ticks)]
    return [min(pair) for pair in zip([inches, *between], [*between, inches], strict=True)]


def columns_of(labels: Iterable[str], inches: float, font: FontProperties) -> int:
    """How many entries of a legend stand side by side in so much room."""
    widest = max(wide(label, font) for label in labels)
    return max(1, int(inches / (widest + 0.6)))
