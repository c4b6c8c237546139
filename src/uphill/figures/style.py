"""One look for all figures: colours that colour-blind readers can tell apart, intervals always drawn."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from uphill.level_names import BIN, in_order
from uphill.schemas import UNSUPERVISED, written_whole

# Okabe and Ito's palette.
COLOURS = {UNSUPERVISED: "#999999", "easy": "#0072B2", "medium": "#E69F00", "hard": "#D55E00"}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"
NAMES = {
    UNSUPERVISED: "no supervision",
    "all": "all items",
    "icl": "ICL",
    "icl_cot": "ICL with reasoning",
    "probe": "linear probe",
    "lora": "LoRA",
    "lora_cot": "LoRA with reasoning",
    "zero_shot": "zero-shot",
    "zero_shot_cot": "zero-shot with reasoning",
    "num_steps": "true steps",
    "question_num_words": "question words",
    "answer_num_words": "answer words",
    "answer_num_chars": "answer characters",
    "reasoning_num_words": "reasoning words",
    "mdl_zero_shot": "MDL (zero-shot)",
    "mdl_probe": "MDL (linear probe)",
    "mdl_lora": "MDL (LoRA)",
    "human_grade": "grade",
    "human_difficulty": "difficulty",
    "human_bloom": "Bloom skill",
    "human_depth_of_knowledge": "depth of knowledge",
    "human_hardness": "high school or college",
}
BITS = "_bits"
ROW_WIDTH = 11.0
"""Inches that a row of panels fills at most."""


def name(key: str) -> str:
    """A name for readers."""
    if key not in NAMES and key.endswith(BITS):
        return f"{name(key.removesuffix(BITS))}, bits"
    if key.startswith(BIN):
        return f"bin {int(key.removeprefix(BIN))}"
    return NAMES.get(key, key.replace("_", " "))


def level_colours(levels: Iterable[str]) -> dict[str, Any]:
    """A colour for each level that occurs, from easy to hard; bins run from dark to bright."""
    seen = in_order(levels)
    bins = [level for level in seen if level not in COLOURS]
    shades = mpl.colormaps["cividis"].resampled(len(bins) + 1) if bins else None
    return {
        level: COLOURS[level] if shades is None or level in COLOURS else shades(bins.index(level)) for level in seen
    }


def series_looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each of some series, such as methods; the markers tell them apart without colour."""
    return {
        key: {"color": SERIES[place % len(SERIES)], "marker": MARKERS[place % len(MARKERS)]}
        for place, key in enumerate(dict.fromkeys(names))
    }


def level_looks(levels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each train level."""
    return {
        level: {"color": colour, "marker": MARKERS[place % len(MARKERS)]}
        for place, (level, colour) in enumerate(level_colours(levels).items())
    }


def title(dataset: str, variable: str, method: str | None = None) -> str:
    """What a panel shows."""
    graded = dataset if variable == "all" else f"{dataset} by {name(variable)}"
    return f"{graded}\n{name(method)}" if method else graded


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
            if place == 0 and len(sections) > 1:
                axis.annotate(
                    heading, (0, 1), (0, 30), "axes fraction", "offset points", weight="bold", size=11, clip_on=False
                )
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
    """A figure with a panel for each value of `keys`, in sections; and each panel's axis and rows."""
    cut = list(by_section(table, section, keys))
    figure, axes = grid([(name(heading), len(own)) for heading, own in cut], width, height)
    return figure, list(zip(axes, [rows for _, own in cut for rows in own], strict=True))


def percent_axis(axis: Any, label: str, which: str = "y") -> None:
    """Show fractions as percent, with a label that ends in the unit, and light lines to read them by."""
    one = getattr(axis, f"{which}axis")
    one.set_major_formatter(PercentFormatter(xmax=1, symbol="", decimals=None))
    one.set_label_text(f"{label} (%)")
    one.grid(True, color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)


def below(figure: Figure, handles: Iterable[Any], columns: int = 5) -> None:
    """One legend for all panels, under them, as wide as the figure holds."""
    entries = list(handles)
    fits = max(1, int(figure.get_figwidth() / 1.9))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(columns, fits), columnspacing=1.2)


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
    """Write a figure whole. No date goes into a PDF, so that the same figure is the same bytes."""
    metadata = {"CreationDate": None} if Path(path).suffix == ".pdf" else {"Software": None}
    with written_whole(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
