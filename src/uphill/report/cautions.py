"""What a reader should know before leaning on a number: grouped, each group with its cases."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from uphill.report.cells import ADJUSTED, TITLES
from uphill.running.noting import AGAIN, CUT, FLAGS, LOOK, LOST, SCALE, STRESS
from uphill.schemas.names import UNSUPERVISED
from uphill.schemas.tables import BY_VALUE
from uphill.stats.random_effects import FEWEST_BOOTS

WHY = {
    "undefined": "accuracy after training on hard data cannot be told from accuracy without supervision",
    "unbounded": "accuracy after training on hard data cannot be told from accuracy without supervision, and the "
    "data bound no ratio, though they exclude some",
    "negative gap": "training on hard data is worse than no supervision, so there is no gap to recover",
}
MOST_READ = 0.95
"""Where no answer is found in more texts than this leaves, the page says so."""
CONDITION = ["model", "dataset", "variable", "method", "train_on", "n_train"]
OF_DATA = (AGAIN, CUT, FLAGS, LOOK, LOST, SCALE, STRESS)
"""How notes begin that are not of how a model was run."""
SMALL_TEST = 50
"""Fewer test items than this make an interval too wide to lean on; the page says so."""


@dataclass(frozen=True)
class Caution:
    """One kind of caution with its cases."""

    title: str
    why: str
    cases: list[str]


def cautions(tables: Mapping[str, pd.DataFrame], notes: Iterable[str] = ()) -> list[Caution]:
    """Every kind that has cases.

    Args:
        tables: tidy tables by name.
        notes: what the jobs behind them noted of how they made their numbers.
    """
    notes = list(notes)
    kinds = [
        Caution(
            "A look at some of the items",
            "The config's `limit` left the others out: these numbers are no results of the sets.",
            [f"{note.removeprefix(LOOK)}." for note in notes if note.startswith(LOOK)],
        ),
        Caution(
            "Supervision Gap Recovered is undefined",
            "There is no ratio to report where the gap itself is not there.",
            list(_undefined(tables.get("sgr", pd.DataFrame()))),
        ),
        Caution(
            "Performance Gap Recovered is undefined",
            "There is no ratio to report where a strong model with right answers is not better than its teacher.",
            list(_untaught(tables.get("weak_to_strong", pd.DataFrame()))),
        ),
        Caution(
            "Students of confident labels alone",
            "Their teacher was sure of fewer items than were drawn for them: they learned from fewer than the others.",
            list(_few_sure(tables.get("weak_to_strong", pd.DataFrame()))),
        ),
        Caution(
            "Examples left out of prompts",
            "The model's window did not hold them, so that these conditions had less supervision than their name says.",
            list(dict.fromkeys(case for name in tables for case in _dropped(tables[name]))),
        ),
        Caution(
            "Texts that gave no answer",
            "No answer was found in them, and they count as wrong: the accuracy is that of how the model writes, too. "
            "Where many were cut off, a larger max_new_tokens may help; else another grader of the dataset.",
            list(dict.fromkeys(case for name in tables if name not in BY_VALUE for case in _unread(tables[name]))),
        ),
        Caution(
            f"Fewer than {SMALL_TEST} test items",
            "Intervals of these rows are too wide to lean on.",
            list(_few(tables)),
        ),
        Caution(
            "Models that took a slower way",
            "The fastest way to compute their numbers was not right for them, or not wide enough; the one that was "
            "taken is, and takes longer.",
            [f"{note}." for note in notes if not note.startswith(OF_DATA)],
        ),
        Caution(
            "Labels that leave items out, or cut texts",
            "Nobody is taught by what is not there, or not whole.",
            [f"{note.removeprefix(LOST)}." for note in notes if note.startswith(LOST)],
        ),
        Caution(
            "Texts that were cut",
            "What a model was trained on, was shown or told apart ends before its end, where it did not fit.",
            [f"{note.removeprefix(CUT)}." for note in notes if note.startswith(CUT)],
        ),
        Caution(
            "Items of two pools that ask the same",
            "What is trained on in one may be tested, or measured, in the other.",
            [f"{note.removeprefix(AGAIN)}." for note in notes if note.startswith(AGAIN)],
        ),
        Caution(
            "Items that a file of flags does not name",
            "They count as not flagged, as the config's `others` says, whether or not anybody looked at them.",
            [f"{note.removeprefix(FLAGS)}." for note in notes if note.startswith(FLAGS)],
        ),
        Caution(
            "Items whose labels are not skewed",
            "Their choices name others, or have no such place: they are tested and trained on as they are published.",
            [f"{note.removeprefix(STRESS)}." for note in notes if note.startswith(STRESS)],
        ),
        Caution(
            "Scales of difficulty that are coarse or do not hold",
            "Few models, or models that answer alike, tell few difficulties apart; what they cannot tell apart falls "
            "into bins by a draw, and other models would have made other bins.",
            [f"{note.removeprefix(SCALE)}." for note in notes if note.startswith(SCALE)],
        ),
        Caution(
            "Scales that the tested model made itself",
            "What is hard for a model is then found hard by it, most of all where the measure asked it as the tested "
            "method does: no difference between its levels stands for what another model finds hard.",
            list(dict.fromkeys(case for name in tables for case in _circular(tables[name]))),
        ),
        Caution(
            f"Fewer than {FEWEST_BOOTS} training draws",
            "Their intervals speak of these training sets alone, or are too wide to lean on, and no test is made.",
            list(dict.fromkeys(case for name in tables for case in _few_draws(tables[name]))),
        ),
        Caution(
            "Many comparisons",
            "Where many differences are looked at, some lie beyond any threshold by chance. p-values in brackets are "
            "adjusted for their number by Benjamini and Hochberg's procedure, within each table and column.",
            list(_many(tables)),
        ),
    ]
    return [kind for kind in kinds if kind.cases]


def _undefined(sgr: pd.DataFrame) -> Iterator[str]:
    for row in sgr.to_dict("records"):
        if row["status"] != "defined":
            where = f"{row['method']} with {row['model']} on {row['dataset']} by {row['variable']}"
            yield f"{where}, easy data of {row['train_dataset']}: {WHY.get(str(row['status']), row['status'])}."


def _untaught(table: pd.DataFrame) -> Iterator[str]:
    for row in table.to_dict("records"):
        if row["status"] in ("undefined", "unbounded", "negative gap"):
            who = f"{row['method']} with {row['strong']} taught by {row['weak']} ({row['labels']})"
            where = f"on {row['dataset']} by {row['variable']}, {row['train_on']} data, tested on {row['test_on']}"
            yield f"{who} {where}: {row['status']}."


def _few_sure(table: pd.DataFrame) -> Iterator[str]:
    """A line a student; its rows by group of test items say the same of it."""
    told: dict[str, None] = {}
    chosen = table[table["confident"].notna()] if "confident" in table else table.head(0)
    for row in chosen.to_dict("records"):
        learned = row["n_labels"] / row["boots"]
        if learned < row["n_train"]:
            who = (
                f"{row['method']} with {row['strong']} on {row['dataset']} by {row['variable']}, {row['train_on']} data"
            )
            told |= {f"{who} ({row['labels']}): {learned:.1f} of {row['n_train']} items on average.": None}
    yield from told


def _of_conditions(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows of a table that says these things of conditions; of any other table none, whatever it calls the same."""
    return table if {*CONDITION, *columns} <= set(table) else pd.DataFrame(columns=[*CONDITION, *columns], dtype=float)


def _dropped(table: pd.DataFrame) -> Iterator[str]:
    table = _of_conditions(table, "dropped")
    for row in table[table["dropped"] > 0].drop_duplicates(CONDITION).to_dict("records"):
        yield f"{_condition(row)}: {row['dropped']:.1f} of {row['n_train']} examples left out on average."


def _condition(row: Mapping[Any, Any]) -> str:
    data = "no" if row["train_on"] == UNSUPERVISED else row["train_on"]
    return f"{row['method']} with {row['model']} on {row['dataset']} by {row['variable']}, {data} data"


def _unread(table: pd.DataFrame) -> Iterator[str]:
    # Of each condition the first row, which is that of all its test items.
    first = _of_conditions(table, "parse_rate", "ended_rate").drop_duplicates(CONDITION)
    for row in first[first["parse_rate"] < MOST_READ].to_dict("records"):
        yield _told(_condition(row), row["parse_rate"], 1 - row["ended_rate"])
    if {"student", "labels", "parse_rate"} <= set(table):
        first = table.drop_duplicates(["dataset", "method", "student", "labels"])
        for row in first[first["parse_rate"] < MOST_READ].to_dict("records"):
            who = f"{row['method']} with {row['student']} on {row['dataset']}, taught by {row['labels']}"
            yield _told(who, row["parse_rate"], 1 - row["ended_rate"])
    if {"generation", "parse_rate"} <= set(table):
        for row in table[table["parse_rate"] < MOST_READ].to_dict("records"):
            yield _told(f"generation {row['generation']} on {row['dataset']}", row["parse_rate"], row["cut_rate"])


def _told(who: str, read: float, cut: float) -> str:
    return f"{who}: {100 * (1 - read):.1f} % of the texts; {100 * cut:.1f} % were cut off."


def _of_tested(table: pd.DataFrame) -> pd.DataFrame:
    """With the tested model in `model`: of a weak and a strong one, the strong one."""
    return table.rename(columns={"strong": "model"})


def _circular(table: pd.DataFrame) -> Iterator[str]:
    if "circular" not in table:
        return
    names = ["model", "dataset", "variable", "method", "circular"]
    table = _of_tested(table)
    for row in table.loc[table["circular"] != "", names].drop_duplicates().to_dict("records"):
        where = f"{row['method']} with {row['model']} on {row['dataset']} by {row['variable']}"
        yield f"{where}: the same {row['circular']}."


def _few_draws(table: pd.DataFrame) -> Iterator[str]:
    table = _of_conditions(_of_tested(table), "boots")
    few = table[(table["boots"] < FEWEST_BOOTS) & (table["train_on"] != UNSUPERVISED)]
    for row in few.drop_duplicates(CONDITION).to_dict("records"):
        yield f"{_condition(row)}: {row['boots']}."


def _few(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    for name, table in tables.items():
        few = int((table["n_test"] < SMALL_TEST).sum()) if "n_test" in table else 0
        if few:
            yield f"Table {name}: {few} of {len(table)} rows."


def _many(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    for name, table in tables.items():
        made = {column: int(table[column].notna().sum()) for column in _tests(table)}
        if sum(made.values()) > 1:
            by_column = ", ".join(f"{count} of {_reads(column)}" for column, count in made.items() if count)
            expected = 0.05 * sum(made.values())
            yield (
                f"Table {name} makes {sum(made.values())} comparisons ({by_column}); if no difference were real, some "
                f"{expected:.1f} would still have p < 0.05."
            )


def _reads(column: str) -> str:
    """What a column of p-values tests."""
    of = column.removesuffix("p").removesuffix("_") or "difference"
    return TITLES.get(of, of.replace("_", " "))


def _tests(table: pd.DataFrame) -> Iterable[str]:
    """Columns of p-values: those that have an adjusted one beside, or are called p."""
    return [column for column in table.columns if column == "p" or f"{column}{ADJUSTED}" in table]
