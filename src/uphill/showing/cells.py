"""What stands behind a row of a table: which answers, of which items and boots, by which model, from which key."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from uphill.config.complaints import guess
from uphill.errors import UphillError
from uphill.running import provenance
from uphill.running.places import within
from uphill.schemas.files import made_by, read
from uphill.schemas.names import GOLD, UNSUPERVISED
from uphill.schemas.splits import SPLITS
from uphill.tables.predictions import CONDITION, LABELS, read_grades
from uphill.workflow.paths import predictions_path, splits_path, table_path, taught_by

MOST_IDS = 8
"""Ids that are named of many."""


def cell_lines(table: str, wanted: Mapping[str, str]) -> Iterator[str]:
    """A row, and everything that it was made from.

    Args:
        table: its name.
        wanted: by column, what the row says there.

    Raises:
        UphillError: there is no such table, column or row, or more than one; or a file behind it is not what it was.
    """
    path = table_path(table)
    rows, record = provenance.read_table(path), provenance.read(provenance.beside(path))
    row = _row(rows, wanted, path)
    yield f"{path}, made by {record['spec']['id']}\n"
    yield from (f"  {name:16} {value}" for name, value in row.items() if not pd.isna(value))
    row.setdefault(LABELS, GOLD)
    missing = [name for name in ("source", *CONDITION) if name not in row]
    if missing:
        yield f"\nA row of several conditions (it has no {missing[0]!r}): see the table that shows each"
        return
    slices = record["spec"]["upstream"][within(str(row["source"]))]
    yield from _behind(row, slices, record["spec"])


def _row(rows: pd.DataFrame, wanted: Mapping[str, str], path: str) -> dict[str, Any]:
    found = rows
    for column, value in wanted.items():
        if column not in rows:
            raise UphillError(f"{path}: no column {column!r}, expected one of {', '.join(rows)}")
        known = found[column].astype(str)
        if not (known == value).any():
            there = ", ".join(dict.fromkeys(known))
            raise UphillError(f"{path}: no row with {column} {value!r}, expected {there}{guess(value, known)}")
        found = found[known == value]
    if len(found) > 1:
        names = [name for name in [*CONDITION, "test_on"] if name in found and found[name].nunique() > 1]
        said = ", ".join(f"{name}={'|'.join(dict.fromkeys(found[name].astype(str)))}" for name in names)
        raise UphillError(f"{path}: {len(found)} rows, expected one; say which: {said}")
    return {str(name): value for name, value in found.iloc[0].items()}


def _behind(row: Mapping[str, Any], slices: Mapping[str, str], spec: Mapping[str, Any]) -> Iterator[str]:
    source = str(row["source"])
    taught = taught_by(str(row[LABELS]))
    answers = predictions_path(str(row["method"]), str(row["model"]), str(row["dataset"]), taught)
    name = next(slice for slice in slices if slice.split("/", 1)[1] == row["variable"] or len(slices) == 1)
    graded, made = (made_by(path)["settings"]["slices"][name] for path in (source, answers))
    settings = made["settings"]
    own = read_grades({source: {name: slices[name]}})
    for column in CONDITION:
        if column != "variable":
            own = own[own[column] == row[column]]
    model = {key: value for key, value in settings["model"].items() if value not in (None, False)}
    path = splits_path(str(row["dataset"]), settings["split"])
    yield f"\nanswers    {answers}, {name}, made by {made['id']}"
    yield f"grades     {source}, made by {slices[name]}, by {graded['settings']['grader']}"
    yield f"model      {', '.join(f'{key} {value}' for key, value in model.items())}"
    yield f"method     {settings['kind']} {settings['settings']}"
    yield f"seed       {settings['seed']}"
    yield f"splits     {path}"
    yield from _boots(own, row, read(path, SPLITS, spec["upstream"][within(path)]))


def _boots(own: pd.DataFrame, row: Mapping[str, Any], splits: pd.DataFrame) -> Iterator[str]:
    tested = splits[splits["role"] == "test"]
    if row["test_on"] in set(tested["level"]):
        own = own[own["item_id"].isin(set(tested.loc[tested["level"] == row["test_on"], "item_id"]))]
    for boot, answers in own.groupby("boot"):
        right = int(answers["correct"].sum())
        yield f"\nboot {boot}: {right} of {len(answers)} right ({100 * right / len(answers):.1f} %)"
        yield f"  tested   {_ids(answers['item_id'].tolist())}"
        trained = splits[
            (splits["role"] == "train") & (splits["train_on"] == row["train_on"]) & (splits["boot"] == boot)
        ]
        shown = trained.sort_values("rank").head(int(row["n_train"]))["item_id"].tolist()
        if row["train_on"] != UNSUPERVISED and row["train_dataset"] == row["dataset"]:
            yield f"  trained  {_ids(shown)}"


def _ids(ids: list[str]) -> str:
    more = f", ... ({len(ids)})" if len(ids) > MOST_IDS else ""
    return ", ".join(ids[:MOST_IDS]) + more
