"""Tables as a reader sees them: an interval in one cell with its value, percent with one decimal, no paths."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

TITLES: Mapping[str, str] = {
    "k": "shots",
    "n_test": "test items",
    "n_train": "training items",
    "n_items": "items",
    "train_dataset": "trained on data of",
    "train_on": "trained on",
    "test_on": "tested on",
    "sgr": "SGR",
    "pgr": "PGR",
    "teacher_on": "teacher trained on",
    "teacher_variable": "by",
    "error_kappa": "errors together (kappa)",
    "capa": "same answers (CAPA)",
    "capa_choice": "same choices (CAPA)",
    "ceiling_supervisor_accuracy": "ceiling on the teacher's items",
    "weak_gold_accuracy": "weak on right answers of the student's items",
    "rho": "Spearman",
    "cot": "reasoning",
    "noise_p": "random labels",
    "easy_noise_p": "random labels of easy data",
    "hard_easy": "hard - easy",
    "easy_unsupervised": "easy - unsupervised",
    "hard_unsupervised": "hard - unsupervised",
    "gap": "generalization gap",
    "more": "flagged - others",
    "more_gain": "gain of flagged - of others",
    "moved": "hard - easy without flagged, less with them",
    "moves": "the answer moves",
    "boots_sd": "sd over boots",
    "df": "df of boots",
    "sgr_set": "ratios that the data allow",
    "as_good": "easy as good as hard",
    "equivalent_p": "equivalent, p",
    "circular": "scale made by the tested",
    "parsed_accuracy": "accuracy where an answer was found",
    "parse_rate": "answers found",
    "ended_rate": "texts not cut off",
}
PLAIN_BOUNDS = ("accuracy", "difference", "rho")
"""Values whose bounds are called `low` and `high`."""
NUMBERS = frozenset({"sgr", "pgr", "rho"})
"""Values with an interval that are no share of anything; the others are shown as percent."""
PERCENTS = frozenset(
    {"a", "b", "easy", "hard", "unsupervised", "chance", "margin", "boots_sd", "label_accuracy", "agreement"}
)
SHARES = frozenset({"noise_p", "easy_noise_p"})
NOTHING = ("cot", "k", "soft")
"""Columns that say nothing where they are 0 or false in all rows."""
OF_SOME = frozenset({"parsed_accuracy", "parse_rate", "ended_rate", "confident"})
"""Shares of texts, and of labels that are chosen, that many tables have none of."""
HIDDEN = frozenset({"source", "dropped"})
ADJUSTED = "_adjusted"
DETECTABLE = "_mde"
SEVERAL = 3


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A tidy table with one column for a value, its interval and its p-value, adjusted in brackets; all text."""
    bounds = _bounds(table)
    used = {bound for pair in bounds.values() for bound in pair} | {f"{name}_p" for name in bounds}
    used |= {f"{name}{ADJUSTED}" for name in table.columns}
    found = {}
    for name in table.columns:
        if name in used or name in HIDDEN or (name in SHARES and not table[name].any()):
            continue
        if name in OF_SOME and table[name].isna().all():
            continue
        if name in NOTHING and not table[name].astype(bool).any():
            continue
        title = heading(str(name))
        if name in bounds:
            found[title] = [_estimate(name, row, bounds[name]) for row in table.to_dict("records")]
        elif name in PERCENTS or name in SHARES or name in OF_SOME or name.endswith(DETECTABLE):
            found[title] = [percent(value) for value in table[name]]
        elif name == "k":
            found[title] = [value or "" for value in table[name]]
        elif name == "p" or name.endswith("_p"):
            found[title] = [_p_value(name, row) for row in table.to_dict("records")]
        else:
            found[title] = [plain(value) for value in table[name]]
    return pd.DataFrame(found)


def heading(name: str) -> str:
    """What a column of a table is called on the page."""
    if name.endswith(DETECTABLE):
        return f"{heading(name.removesuffix(DETECTABLE))}, smallest found"
    return TITLES.get(name, name.replace("_", " "))


def in_all_rows(table: pd.DataFrame) -> dict[str, Any]:
    """What is the same in all of several rows: said once, it leaves room for the numbers that differ."""
    if len(table) < SEVERAL:
        return {}
    return {str(name): table[name].iloc[0] for name in table.columns if table[name].nunique(dropna=False) == 1}


def _bounds(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The columns that hold a value's interval, by the column that holds the value."""
    own = {name: (f"{name}_low", f"{name}_high") for name in table.columns if f"{name}_low" in table}
    plain_bounds = {name: ("low", "high") for name in PLAIN_BOUNDS if name in table and "low" in table}
    return own | plain_bounds


def _estimate(name: str, row: Mapping[Any, Any], bounds: tuple[str, str]) -> str:
    said = interval(row, name, bounds, percents=not (name in NUMBERS or name.startswith("sgr_")))
    return ", ".join(filter(None, (said, _p_value(f"{name}_p", row)))) if said else ""


def interval(
    row: Mapping[Any, Any],
    name: str,
    bounds: tuple[str, str],
    *,
    percents: bool = True,
    unit: str = " %",
    signed: bool = False,
) -> str:
    """A value with both bounds of its interval, whose sides differ; empty where there is no value.

    Args:
        row: of a tidy table.
        name: the column of the value.
        bounds: the columns of its bounds; where they hold no number the value stands alone.
        percents: say a share as percent with one decimal; else the number with two.
        unit: after a percent.
        signed: with a plus where it is above 0.
    """
    value, *ends = (row[column] for column in (name, *bounds))
    if missing(value):
        return ""
    scale, digits, after = (100, 1, unit) if percents else (1, 2, "")
    sign = "+" if signed else ""
    # Adding 0 makes a rounded -0.0 a 0.0.
    first, *sides = (f"{round(scale * one, digits) + 0.0:{sign}.{digits}f}" for one in (value, *ends))
    return f"{first}{after}" if any(map(missing, ends)) else f"{first}{after} [{', '.join(sides)}]"


def _p_value(name: str, row: Mapping[Any, Any]) -> str:
    value, adjusted = row.get(name), row.get(f"{name}{ADJUSTED}")
    if missing(value):
        return ""
    return f"p {_small(value)}" + ("" if missing(adjusted) else f" ({_small(adjusted)})")


def _small(value: Any) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(value: Any) -> str:
    """A share as percent; empty where there is none."""
    return "" if missing(value) else f"{100 * value:.1f} %"


def missing(value: Any) -> bool:
    """Whether there is no number."""
    return not isinstance(value, int | float) or math.isnan(value)


def plain(value: Any) -> Any:
    """A value of any kind for readers."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else _short(value)
    return value


def _short(value: float) -> str:
    """A number of no unit, with three digits: 0.115, 11.8, 1586."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
