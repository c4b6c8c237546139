"""The questions that a study's tables answer: in words, each with its cases, their numbers, intervals and table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from uphill.schemas.names import AGREES, ALL, AT_PLACE, IMPOSSIBLE, UNSUPERVISED

YES, NO, UNTOLD, MIXED = "yes", "no", "cannot tell", "it depends"
WAY = ["model", "dataset", "variable", "experiment", "method", "n_train"]
PERCENT, PLAIN = 100.0, 1.0
TREND = "trend by {}"
WINDOW = "trend of what is short by position"
STRESS = {
    AGREES: "Does training follow a feature that agreed with the label in training?",
    AT_PLACE: "Does training follow the label that was frequent in training?",
    IMPOSSIBLE: "Is something gained on items whose answers are other items'?",
}
"""By column of stressed items, what a row of contamination with it as the flag asks."""


@dataclass(frozen=True)
class Case:
    """One row of a table that answers a question.

    Attributes:
        where: what the row is of.
        answer: yes, no, or cannot tell.
        number: what the answer rests on, with its interval.
    """

    where: str
    answer: str
    number: str


@dataclass(frozen=True)
class Question:
    """A question with its cases.

    Attributes:
        text: the question.
        table: in which the cases stand.
        cases: one or more.
    """

    text: str
    table: str
    cases: Sequence[Case]

    @property
    def answer(self) -> str:
        """Of all cases that tell, if they agree."""
        told = {case.answer for case in self.cases} - {UNTOLD}
        return MIXED if len(told) > 1 else next(iter(told), UNTOLD)

    @property
    def count(self) -> str:
        """How many cases say what."""
        counts = {answer: sum(case.answer == answer for case in self.cases) for answer in (YES, NO, UNTOLD)}
        said = [f"{answer} in {count}" for answer, count in counts.items() if count]
        return f"{', '.join(said)} of {len(self.cases)}"


def questions(tables: Mapping[str, pd.DataFrame]) -> list[Question]:
    """Those that some row answers.

    Args:
        tables: tidy tables by name.
    """
    found = [
        *_easy_as_good(tables),
        *_of(tables, "reconcile", "Does what is learned on easy data not carry to hard items?", _not_carried),
        *_of(tables, "gap", "Is there a gap so wide that easy data stops being enough?", _stops),
        *_of(tables, "gap", "Does a gain fade with each level between training and test?", _fades),
        *_of(tables, "gap", "Does easy data fall further short as the window moves up the scale?", _window),
        *_of(tables, "reconcile", "Is hard data better than easy data by more where the budget is larger?", _budget),
        *_of(tables, "scales", "Do scales of difficulty rank items alike?", _agree),
        *_of(tables, "scale_sgr", "Does what easy data is short of depend on the scale of difficulty?", _depends),
        *_of(tables, "contamination", "Does the model without supervision get more of flagged items right?", _known),
        *_of(tables, "contamination", "Does what easy data is short of move without flagged items?", _moves),
        *_of(tables, "domains", "Is easy data of another domain as good as the domain's own?", _across_domains),
        *_of(tables, "probe_angles", "Do probes find one direction on easy items and on hard ones?", _one_direction),
        *_of(tables, "random_labels", "Are random labels as good as right ones?", _by_format),
        *_of(tables, "unsaid", "Does the model know what it does not say without supervision?", _unsaid),
        *(one for flag, text in STRESS.items() for one in _of(tables, "contamination", text, partial(_led, flag))),
    ]
    return [one for one in found if one.cases]


def _easy_as_good(tables: Mapping[str, pd.DataFrame]) -> Iterator[Question]:
    text = "Is easy data as good as hard data on hard items?"
    if "reconcile" in tables:
        yield from _of(tables, "reconcile", text, _as_good)
    else:
        yield from _of(tables, "sgr", text, _by_sgr)


def _of(tables: Mapping[str, pd.DataFrame], name: str, text: str, cases: Any) -> Iterator[Question]:
    if name in tables and len(tables[name]):
        yield Question(text, name, list(cases(tables[name])))


def _easiest(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The easiest level of each way to train, which stands before the others, if it is held against a harder one."""
    return list(table[table["against"] != ""].drop_duplicates(WAY).to_dict("records"))


def _as_good(table: pd.DataFrame) -> Iterator[Case]:
    for row in _easiest(table):
        yield Case(_way(row), row["as_good"], f"hard - easy {_interval(row, 'short')}")


def _by_sgr(table: pd.DataFrame) -> Iterator[Case]:
    for row in table.to_dict("records"):
        other = "" if row["train_dataset"] == row["dataset"] else f", easy data of {row['train_dataset']}"
        yield Case(f"{_way(row)}{other}", row["as_good"], f"hard - easy {_interval(row, 'hard_easy')}")


def _not_carried(table: pd.DataFrame) -> Iterator[Case]:
    for row in _easiest(table):
        yield Case(_way(row), row["not_carried"], f"easy - none {_interval(row, 'gain')}")


def _stops(table: pd.DataFrame) -> Iterator[Case]:
    wide = table[(table["statistic"] == "width") & (table["width"] > 0)].dropna(subset=["short"])
    for _, rows in wide.sort_values("width", kind="stable").groupby(WAY, sort=False):
        stops = rows[rows["as_good"] == NO]
        row = (stops if len(stops) else rows.tail(1)).iloc[0].to_dict()
        answer = YES if len(stops) else NO if (rows["as_good"] == YES).all() else UNTOLD
        at = f"{row['width']:.0f} level{'s' if row['width'] > 1 else ''} apart, own - easier"
        yield Case(_way(row), answer, f"{at} {_interval(row, 'short')}")


def _fades(table: pd.DataFrame) -> Iterator[Case]:
    for row in table[table["statistic"] == TREND.format("width, trained on easier")].to_dict("records"):
        answer = YES if row["slope_high"] < 0 else NO if row["slope_low"] >= 0 else UNTOLD
        yield Case(_way(row), answer, f"gain a level {_interval(row, 'slope')}")


def _window(table: pd.DataFrame) -> Iterator[Case]:
    for row in table[table["statistic"] == WINDOW].to_dict("records"):
        answer = YES if row["slope_low"] > 0 else NO if row["slope_high"] <= 0 else UNTOLD
        yield Case(_way(row), answer, f"own - easier, a level up {_interval(row, 'slope')}")


def _budget(table: pd.DataFrame) -> Iterator[Case]:
    """Of the easiest level, at the smallest and at the largest budget: a yes or no where their intervals part."""
    rows = pd.DataFrame(_easiest(table), columns=table.columns).dropna(subset=["short"])
    for _, own in rows.groupby([name for name in WAY if name != "n_train"], sort=False):
        budgets = own.sort_values("n_train")
        small, large = budgets.iloc[0].to_dict(), budgets.iloc[-1].to_dict()
        if small["n_train"] == large["n_train"]:
            continue
        parted = large["short_low"] > small["short_high"], large["short_high"] < small["short_low"]
        answer = YES if parted[0] else NO if parted[1] else UNTOLD
        before = f"{small['n_train']} items {_interval(small, 'short')}"
        yield Case(_way(large), answer, f"hard - easy, {before}, {large['n_train']} {_interval(large, 'short')}")


def _agree(table: pd.DataFrame) -> Iterator[Case]:
    for row in table.dropna(subset=["rho"]).to_dict("records"):
        answer = YES if row["rho_low"] > 0 else NO if row["rho_high"] <= 0 else UNTOLD
        yield Case(_pair(row), answer, f"Spearman {_interval(row, 'rho', PLAIN)}")


def _depends(table: pd.DataFrame) -> Iterator[Case]:
    for row in table.to_dict("records"):
        yield Case(f"{_pair(row)}, {_how(row)}", row["depends"], f"difference {_interval(row, 'difference')}")


def _known(table: pd.DataFrame) -> Iterator[Case]:
    rows = table[(table["train_on"] == UNSUPERVISED) & (table["test_on"] == ALL) & ~table["flag"].isin(STRESS)]
    rows = rows.dropna(subset=["more"])
    for row in rows.drop_duplicates(["model", "dataset", "flag", "method", "more"]).to_dict("records"):
        answer = YES if row["more_low"] > 0 else NO if row["more_high"] <= 0 else UNTOLD
        where = f"{row['dataset']}, {row['flag']}, {row['method']} with {row['model']}"
        yield Case(where, answer, f"flagged - others {_interval(row, 'more')}")


def _moves(table: pd.DataFrame) -> Iterator[Case]:
    """Of the easiest level trained on, on the hardest tested, which stand first and last in a way's rows."""
    rows = table[(table["test_on"] != ALL) & ~table["flag"].isin(STRESS)].dropna(subset=["moved"])
    for _, own in rows.groupby([*WAY, "flag"], sort=False):
        easiest = own[own["train_on"] == own["train_on"].iloc[0]]
        row = easiest.iloc[-1].to_dict()
        where = f"{_way(row)}, {row['flag']}, tested on {row['test_on']}"
        yield Case(where, row["moves"], f"without - with {_interval(row, 'moved')}")


def _across_domains(table: pd.DataFrame) -> Iterator[Case]:
    """Of the easiest level, on the hardest that is tested, which stand first and last in a way's rows."""
    way = ["model", "dataset", "variable", "method", "n_train", "train_dataset"]
    for _, rows in table.dropna(subset=["short"]).groupby(way, sort=False):
        row = rows[rows["train_on"] == rows["train_on"].iloc[0]].iloc[-1].to_dict()
        where = f"{_way(row)}, trained on {row['train_on']} of {row['train_dataset']}, tested on {row['test_on']}"
        yield Case(where, row["as_good"], f"own - other {_interval(row, 'short')}")


def _one_direction(table: pd.DataFrame) -> Iterator[Case]:
    """Of the easiest level and the hardest, which stand in the last row of the first level's pairs."""
    for _, rows in table.groupby([*WAY, "layer"], sort=False):
        row = rows[rows["level_a"] == rows["level_a"].iloc[0]].iloc[-1].to_dict()
        where = f"{_way(row)}, state {row['layer']}, {row['level_a']} and {row['level_b']}"
        number = f"cosine {row['across']:.2f}, of draws of one level {row['same']:.2f}"
        alike = f", ratio {_interval(row, 'alike', PLAIN)}" if pd.notna(row["alike"]) else ""
        yield Case(where, row["one_direction"], f"{number}{alike}")


def _by_format(table: pd.DataFrame) -> Iterator[Case]:
    """On the hardest level that is tested, which stands last among a condition's rows."""
    for row in table.drop_duplicates([*WAY, "train_on"], keep="last").to_dict("records"):
        where = f"{_way(row)}, trained on {row['train_on']}, tested on {row['test_on']}"
        yield Case(where, row["as_good"], f"right - random {_interval(row, 'content')}")


def _unsaid(table: pd.DataFrame) -> Iterator[Case]:
    """Of the best supervision for the hardest level, which stands last among a condition's rows."""
    last = table.drop_duplicates([*WAY, "train_on"], keep="last")
    for row in last[last["best"].astype(bool)].to_dict("records"):
        answer = YES if row["gain_low"] > 0 else NO if row["gain_high"] < row["margin"] else UNTOLD
        where = f"{_way(row)}, trained on {row['train_on']}, tested on {row['test_on']}"
        said = f"right with it alone {_interval(row, 'unsaid')}, without it alone {_interval(row, 'lost')}"
        yield Case(where, answer, said)


def _led(flag: str, table: pd.DataFrame) -> Iterator[Case]:
    """Of the easiest level trained on, over all tested levels: what is gained more where the flag says yes.

    Of impossible items the gain itself, as there is nothing that it could rightly be.
    """
    value, said = ("gain", "gain on them") if flag == IMPOSSIBLE else ("more_gain", "gain, flagged - others")
    rows = table[(table["flag"] == flag) & (table["items"] == "flagged") & (table["test_on"] == ALL)]
    for row in rows.dropna(subset=[value]).drop_duplicates(WAY).to_dict("records"):
        answer = YES if row[f"{value}_low"] > 0 else NO if row[f"{value}_high"] < row["margin"] else UNTOLD
        yield Case(f"{_way(row)}, trained on {row['train_on']}", answer, f"{said} {_interval(row, value)}")


def _way(row: Mapping[Any, Any]) -> str:
    own = f" (a scale of the tested {row['circular']} itself)" if row["circular"] else ""
    of = f", {row['experiment'].replace('_', ' ')}" if "experiment" in row else ""
    return f"{row['dataset']} by {row['variable']}{own}, {_how(row)}{of}"


def _how(row: Mapping[Any, Any]) -> str:
    return f"{row['method']} with {row['model']}, {row['n_train']} items"


def _pair(row: Mapping[Any, Any]) -> str:
    return f"{row['dataset']}, {row['variable_a']} and {row['variable_b']}"


def _interval(row: Mapping[Any, Any], name: str, scale: float = PERCENT) -> str:
    """A number with its interval: percentage points, or as it is."""
    digits, unit = (1, " points") if scale == PERCENT else (2, "")
    point, low, high = (round(scale * row[f"{name}{end}"], digits) + 0.0 for end in ("", "_low", "_high"))
    return f"{point:+.{digits}f}{unit} [{low:+.{digits}f}, {high:+.{digits}f}]"
