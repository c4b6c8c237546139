"""Reductions of predictions to tidy CSV tables: one row a cell, every row traceable to its predictions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from uphill.schemas import ALL
from uphill.tables.accuracy import Study, accuracy_rows, by_level, by_value, sgr_rows
from uphill.tables.predictions import read_hardness, read_predictions, write_provenance, write_table

HARDNESS_FOLDER = "/hardness/"


def write(settings: Mapping[str, Any], spec: Mapping[str, Any], table: str, provenance: str) -> None:
    """Make one table and the record of what it was made from.

    Args:
        settings: the job's settings: which table, and how intervals are made.
        spec: the job's identity; its `upstream` names every file to read and the identity that it must record.
        table: the CSV to write.
        provenance: the JSON to write.

    Raises:
        UphillError: a file of predictions was made by another config or other code.
    """
    upstream = spec["upstream"]
    hardness = read_hardness({_dataset(path): path for path in upstream if HARDNESS_FOLDER in path})
    sources = {path: identity for path, identity in upstream.items() if HARDNESS_FOLDER not in path}
    predictions = read_predictions(sources)
    study = Study(settings["unsupervised"], settings["draws"], settings["level"], settings["seed"])
    write_table(_reduce(settings["table"], predictions, hardness, study), table)
    write_provenance(provenance, spec, sources)


def _dataset(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".parquet")


def _reduce(name: str, predictions: pd.DataFrame, hardness: pd.DataFrame, study: Study) -> pd.DataFrame:
    if name == "sgr":
        return sgr_rows(predictions, by_level(hardness), study)
    if name == "accuracy_by_hardness":
        return accuracy_rows(predictions, by_value(hardness), study)
    if name == "all_to_all":
        tested = predictions[["dataset", "variable", "item_id"]].drop_duplicates()
        return accuracy_rows(predictions, tested.assign(test_on=ALL), study)
    return accuracy_rows(predictions, by_level(hardness), study)
