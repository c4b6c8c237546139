"""The value of each mark of a drawn figure, read off what was drawn: for the page, where a reader points at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter
from matplotlib.transforms import Bbox

from uphill.figures.plots.fitting import panels_of, row_of

CAPS = ("None", "none", "", " ", "_", "|", None)
"""Markers of no mark, or of the ends of its interval."""
PERCENT = " (%)"
"""How the label of an axis ends whose unit is said behind the number."""
SHARES = 4
"""Digits of a place, as a share of the picture."""
SAME = 1e-6
Mark = tuple[float, float, float, float, str]
"""Left, top, right and bottom, as shares of the picture from its upper left corner, and what is told."""


@dataclass(frozen=True)
class Panel:
    """A panel's heading, and its marks in the order in which they were drawn."""

    title: str
    marks: list[Mark]


def marks(figure: Figure) -> list[Panel]:
    """What each panel of a figure that has been drawn tells at its bars, points and cells.

    Of each: its series by the legend, its place on the axis of places, and its value with its interval, where one is
    drawn; a value is said with the unit of its axis.
    """
    labels = {row_of(axis): axis.get_ylabel() for axis in reversed(panels_of(figure))}
    found = [_Reader(figure, axis, labels[row_of(axis)]).panel() for axis in panels_of(figure) if axis.get_visible()]
    return [panel for panel in found if panel.marks]


class _Reader:
    """Reads a panel."""

    def __init__(self, figure: Figure, axis: Axes, label: str) -> None:
        self._axis, self._label, self._looks = axis, label, _looks(figure, axis)
        self._size = figure.get_size_inches() * figure.dpi
        # Values are along the axis that has no names on it.
        self._across = _named(axis.yaxis) and not _named(axis.xaxis)

    def panel(self) -> Panel:
        heading = (self._axis.get_title(loc=loc) for loc in ("center", "left"))
        title = ", ".join(" ".join(text.split()) for text in heading if text.strip())
        return Panel(title, [*self._bars(), *self._points(), *self._cells()])

    def _bars(self) -> Iterator[Mark]:
        for container in self._axis.containers:
            for bar in container if isinstance(container, BarContainer) else ():
                at, value = bar.get_x() + bar.get_width() / 2, bar.get_height()
                box = Bbox.intersection(bar.get_window_extent(), self._axis.bbox) if np.isfinite(value) else None
                if box is not None and (value or self._interval(at, value, "")):
                    yield self._mark(box, at, value, _look(bar))

    def _points(self) -> Iterator[Mark]:
        for line in self._axis.lines:
            # What stands at a place of the frame, such as an arrow where an interval leaves it, is no value.
            if line.get_marker() in CAPS or line.get_transform() != self._axis.transData or not line.get_clip_on():
                continue
            half = line.get_markersize() / 144 * self._axis.figure.dpi  # points to half a width in pixels
            for x, y in np.column_stack(line.get_data()).astype(float):
                if not np.isfinite([x, y]).all():
                    continue
                across, up = self._axis.transData.transform((x, y))
                yield self._mark(Bbox([[across - half, up - half], [across + half, up + half]]), x, y, _look(line))

    def _cells(self) -> Iterator[Mark]:
        for image in self._axis.images:
            shown: np.ndarray[Any, Any] = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
            unit = image.colorbar.ax.get_ylabel() if image.colorbar else ""
            for (row, column), value in np.ndenumerate(shown):
                if not np.isfinite(value):
                    continue
                corners = self._axis.transData.transform([(column - 0.5, row - 0.5), (column + 0.5, row + 0.5)])
                places = [_said(self._axis.yaxis, row), _said(self._axis.xaxis, column)]
                yield self._at(Bbox(np.sort(corners, axis=0)), [*places, f"{unit or 'value'} {value:.3g}"])

    def _mark(self, box: Bbox, x: float, y: float, look: list[str]) -> Mark:
        along: Axis = self._axis.yaxis if self._across else self._axis.xaxis
        of: Axis = self._axis.xaxis if self._across else self._axis.yaxis
        place, value, label = (y, x, self._axis.get_xlabel()) if self._across else (x, y, self._label)
        told = _with_unit(label, _times(of), value, self._interval(place, value, look[0]))
        return self._at(box, [*self._series(look), _said(along, place), told])

    def _at(self, box: Bbox, parts: list[str]) -> Mark:
        width, height = self._size
        sides = box.x0 / width, 1 - box.y1 / height, box.x1 / width, 1 - box.y0 / height
        left, top, right, bottom = (round(min(1.0, max(0.0, float(side))), SHARES) for side in sides)
        return left, top, right, bottom, ", ".join(part for part in parts if part)

    def _series(self, look: list[str]) -> list[str]:
        """What the legend calls a mark: of a bar its filling and its hatch, of a line the closest entry."""
        found = [self._looks[one] for one in look if one in self._looks]
        return found if look[-1].startswith("hatch") else found[-1:]

    def _interval(self, place: float, value: float, colour: str) -> tuple[float, float] | None:
        """The ends of the line that stands at a place over a value, or of the band of that colour; if there is one."""
        own, other = (1, 0) if self._across else (0, 1)
        for drawn in self._axis.collections:
            faces: Any = drawn.get_facecolor()
            band = isinstance(drawn, PolyCollection) and [to_hex(face) for face in faces] == [colour]
            for path in drawn.get_paths() if band or isinstance(drawn, LineCollection) else ():
                points = np.asarray(path.vertices, dtype=float)
                at = points[np.abs(points[:, own] - place) < SAME, other]
                if len(at) > 1 and at.min() - SAME <= value <= at.max() + SAME:
                    return float(at.min()), float(at.max())
        return None


def _named(axis: Axis) -> bool:
    """Whether its ticks are places with names, as `set_xticks(places, names)` leaves them."""
    fixed = isinstance(axis.get_major_locator(), FixedLocator)
    return fixed and isinstance(axis.get_major_formatter(), FuncFormatter) and _times(axis) == 1


def _times(axis: Axis) -> int:
    """100 where an axis shows fractions as percent or points, else 1."""
    form = axis.get_major_formatter()
    return 100 if isinstance(form, FuncFormatter) and form(0.25, 0) in ("25", "+25") else 1


def _said(axis: Axis, place: float) -> str:
    """A place on an axis: the nearest name, or its label with the number."""
    if _named(axis):
        ticks = np.asarray(axis.get_majorticklocs(), dtype=float)
        names = [text.get_text() for text in axis.get_ticklabels()]
        name = names[int(np.argmin(np.abs(ticks - place)))] if names else ""
        return " ".join(f"{axis.get_label_text()} {name}".split())
    return _with_unit(axis.get_label_text(), _times(axis), place)


def _with_unit(label: str, times: int, value: float, interval: tuple[float, float] | None = None) -> str:
    """`accuracy on hard items 83.5 % [73.4, 91.0]`."""
    percent = label.endswith(PERCENT)

    def number(one: float) -> str:
        return f"{times * one:.1f}" if times != 1 else f"{one:.3g}"

    said = " ".join(label.removesuffix(PERCENT).split())
    bounds = "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"
    return f"{said} {number(value)}{' %' if percent else ''}{bounds}".strip()


def _look(artist: Any) -> list[str]:
    """What a mark and its entries in a legend share: a bar's filling and hatch; a line's colour, then marker."""
    if hasattr(artist, "get_hatch"):
        hatch = artist.get_hatch()
        return [to_hex(artist.get_facecolor()), *([f"hatch {hatch}"] if hatch else [])]
    colour = to_hex(artist.get_color())
    return [colour, f"{colour} {artist.get_marker()}"]


def _looks(figure: Figure, axis: Axes) -> dict[str, str]:
    """Labels of the legends, by look."""
    own = axis.get_legend()
    found: dict[str, str] = {}
    for legend in [*figure.legends, *([own] if own else [])]:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            # An entry of a hatch is of that alone, in whatever colour it is shown.
            for look in _look(handle)[-1:] if isinstance(handle, Patch) else _look(handle):
                found.setdefault(look, " ".join(text.get_text().split()))
    return found
