"""Wide tables: a tidy table's cells as text, laid out as a paper prints them, for CSV and LaTeX."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from uphill.errors import UphillError
from uphill.schemas.files import written_whole
from uphill.schemas.level_names import Levels

DASH = "–"
"""A cell that was not run."""


@dataclass(frozen=True)
class Estimate:
    """The columns of a tidy table that hold a number, its interval and its p-value, and how to print them.

    Attributes:
        value, low, high: columns. Bounds are printed, not half a width as published: near 0 and 1 the sides differ.
        p_value: column of the p-value; None prints none.
        percent: print 100 times the number, with one decimal; else the number with two.
        signed: print a plus where the number is not below 0.
        instead: column of a text that is printed instead of the number where it is not empty.
    """

    value: str
    low: str
    high: str
    p_value: str | None = None
    percent: bool = True
    signed: bool = False
    instead: str | None = None

    @property
    def columns(self) -> list[str]:
        """Those that a table must have."""
        return [name for name in (self.value, self.low, self.high, self.p_value, self.instead) if name]

    def text(self, table: pd.DataFrame) -> list[str]:
        """Each row's cell."""
        names = [self.value, self.low, self.high, self.p_value or self.value]
        numbers = table[names].to_numpy(dtype=float).tolist()
        instead = table[self.instead].tolist() if self.instead else [""] * len(table)
        return [other or self._cell(*row) for other, row in zip(instead, numbers, strict=True)]

    def _cell(self, value: float, low: float, high: float, p_value: float) -> str:
        if math.isnan(value):
            return DASH
        factor, digits = (100.0, 1) if self.percent else (1.0, 2)
        # Adding 0 makes a rounded -0.0 a 0.0.
        text = f"{round(factor * value, digits) + 0.0:{'+' if self.signed else ''}.{digits}f}"
        if not math.isnan(high - low):
            text += f" [{', '.join(f'{round(factor * bound, digits) + 0.0:.{digits}f}' for bound in (low, high))}]"
        return text + (_p_text(p_value) if self.p_value else "")


def _p_text(p_value: float) -> str:
    if math.isnan(p_value):
        return ""
    return " (p < 0.001)" if p_value < 0.001 else f" (p = {p_value:.3f})"


@dataclass(frozen=True)
class Part:
    """Columns of a wide table: one for each heading that the kept rows give.

    Attributes:
        heading: format string over a tidy row's columns.
        cell: what stands below it: an estimate, or a column of text that is the same in all of a wide row's cells.
        order: columns by which the headings are ordered.
        keep: chooses rows of the tidy table.
    """

    heading: str
    cell: Estimate | str
    order: tuple[str, ...] = ()
    keep: Callable[[pd.DataFrame], pd.DataFrame] = pd.DataFrame.copy


@dataclass(frozen=True)
class WideLayout:
    """What a wide table's rows and columns are.

    Attributes:
        rows: tidy columns that together name a wide row; they must be the same names after `prepare`.
        parts: its columns, from left to right.
        prepare: adds what `rows` and `parts` speak of, given each dataset's unsupervised method and the levels.
        incidental: columns of `rows` that are left out where they say nothing: `train_dataset` where it is the tested
            dataset throughout, any other where it has one value.
    """

    rows: tuple[str, ...]
    parts: tuple[Part, ...]
    prepare: Callable[[pd.DataFrame, Mapping[str, str], Levels], pd.DataFrame]
    incidental: tuple[str, ...] = ("train_dataset",)


def wide(table: pd.DataFrame, layout: WideLayout, unsupervised: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    """A tidy table as a wide one of text, its rows and headings in the order of the tidy rows.

    Args:
        table: one row a cell; accuracies are fractions.
        layout: of a `Table`.
        unsupervised: by dataset, the method whose accuracy is Unsupervised.
        levels: by dataset and variable, in order.

    Returns:
        Strings, indexed by the layout's rows; a cell that the tidy table lacks is a dash.

    Raises:
        UphillError: the table lacks a column, or two of its rows fall on one cell.
    """
    needed = {name for part in layout.parts if isinstance(part.cell, Estimate) for name in part.cell.columns}
    frame = layout.prepare(table, unsupervised, levels)
    missing = sorted(needed - set(frame.columns))
    if missing:
        raise UphillError(f"wide table: columns {missing} are missing, expected one column for each number printed")
    rows = [name for name in layout.rows if name not in layout.incidental or _says_something(frame, name)]
    keys = pd.MultiIndex.from_frame(frame[rows].drop_duplicates())
    parts = [_columns(part, frame, rows).reindex(keys) for part in layout.parts]
    return pd.concat(parts, axis=1).astype(object).fillna(DASH).rename_axis(columns=None)


def _says_something(frame: pd.DataFrame, name: str) -> bool:
    if name == "train_dataset":
        return bool((frame[name] != frame["dataset"]).any())
    return bool(frame[name].nunique() > 1)


def _columns(part: Part, frame: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    kept = part.keep(frame)
    if part.order:
        kept = kept.sort_values(list(part.order), kind="stable")
    headings = [part.heading.format(**row) for row in kept.to_dict("records")]
    cells = kept[list(rows)].assign(heading=headings)
    if isinstance(part.cell, Estimate):
        cells["text"] = part.cell.text(kept)
    else:
        cells = cells.assign(text=kept[part.cell].astype(str)).drop_duplicates()
    twice = cells[cells.duplicated([*rows, "heading"])]
    if len(twice):
        raise UphillError(f"wide table: {dict(twice.iloc[0].drop('text'))} occurs twice, expected one number a cell")
    order = list(dict.fromkeys(headings)) if "{" in part.heading else [part.heading]
    return cells.set_index([*rows, "heading"])["text"].unstack("heading").reindex(columns=order)


def to_latex(table: pd.DataFrame) -> str:
    """A table of `wide` as a LaTeX tabular with the rules of booktabs, special characters escaped."""
    flat = table.reset_index().astype(str)
    styled = flat.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    text = styled.to_latex(hrules=True, column_format="l" * table.index.nlevels + "c" * table.shape[1])
    text = re.sub(r"(?<![\w.])-(?=\d+\.\d)", "$-$", text)
    for plain, command in {DASH: "--", "<": "$<$", ">": "$>$", " - ": " $-$ "}.items():
        text = text.replace(plain, command)
    return text


def write_wide(table: pd.DataFrame, csv: Path | str, latex: Path | str) -> None:
    """Write a table of `wide` whole, as CSV and as LaTeX, both UTF-8."""
    with written_whole(csv) as temporary:
        table.to_csv(temporary, encoding="utf-8")
    with written_whole(latex) as temporary:
        temporary.write_text(to_latex(table), encoding="utf-8")
