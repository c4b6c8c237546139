"""Rows as the figures name them: methods, hardness variables, levels and values, so that both agree."""

from collections.abc import Mapping

import pandas as pd

from uphill.figures.plots import names
from uphill.figures.plots.inputs import with_sources
from uphill.schemas.names import ALL
from uphill.schemas.tables import BY_VALUE

METHODS = ("method", "teacher")
VARIABLES = ("variable", "variable_a", "variable_b", "teacher_variable")
LEVELS = ("train_on", "test_on", "teacher_on", "against", "easy_a", "hard_a", "easy_b", "hard_b")


def with_names(table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Rows with methods and variables called as in the figures; levels keep their names, by which rows are ordered.

    Two that would share a name keep their ids beside it, so that no two conditions become one.

    Args:
        table: a tidy table.
        kinds: by dataset, the kind of source that it is read from.
    """
    found = table.copy()
    said = names.methods(table) if "method" in table else {}
    for column in METHODS:
        if column in table:
            found[column] = [said.get(str(key)) or names.name(str(key)) for key in table[column]]
    if "dataset" in table:
        for column in VARIABLES:
            if column in table:
                found[column] = _variables(table, column, kinds)
    return found


def _variables(table: pd.DataFrame, column: str, kinds: Mapping[str, str]) -> list[str]:
    called: dict[tuple[str, str], str] = {}
    for dataset, rows in table.groupby("dataset", sort=False, observed=True):
        keys = [str(key) for key in rows[column].unique()]
        own = {key: names.variable_name(kinds.get(str(dataset), ""), key) if key != ALL else key for key in keys}
        shared = [label for label in own.values() if list(own.values()).count(label) > 1]
        called |= {(str(dataset), key): f"{label} ({key})" if label in shared else label for key, label in own.items()}
    return [called[str(dataset), str(key)] for dataset, key in zip(table["dataset"], table[column], strict=True)]


def with_level_names(table: pd.DataFrame, name: str, kinds: Mapping[str, str], variables: pd.Series) -> pd.DataFrame:
    """Rows with levels, and values that are no numbers to a reader, called as in the figures.

    Args:
        table: rows of `with_names`.
        name: the table's.
        kinds: by dataset, the kind of source.
        variables: the rows' variables by their ids, which values' names go by.
    """
    found = table.copy()
    for column in LEVELS:
        if column in table and not (name in BY_VALUE and column == "test_on"):
            found[column] = [names.name(str(level)) if level != "" else "" for level in table[column]]
    if name in BY_VALUE and "test_on" in table:
        found["test_on"] = _values(table.assign(variable=variables), kinds)
    return found


def _values(table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.Series:
    called = table["test_on"].astype(object)
    for _, rows in with_sources(table, kinds).groupby(["dataset", "variable"], sort=False, observed=True):
        labels = names.values(rows, [float(value) for value in rows["test_on"]])
        plain = [f"{float(value):g}" for value in rows["test_on"]]
        own = [
            label if label != number else value
            for label, number, value in zip(labels, plain, rows["test_on"], strict=True)
        ]
        called.loc[rows.index] = pd.Series(own, index=rows.index, dtype=object)
    return called
