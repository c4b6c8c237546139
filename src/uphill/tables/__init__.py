"""Reductions of predictions to tidy CSV tables: one row a cell, every row traceable to its predictions."""

import pandas as pd

from uphill.job import Job
from uphill.schemas import ALL
from uphill.tables.accuracy import Study, accuracy_rows, by_level, by_value, sgr_rows
from uphill.tables.predictions import read_hardness, read_predictions, write_provenance, write_table


def write(job: Job) -> None:
    """Make one table, and beside it the record of what it was made from.

    Raises:
        UphillError: a file of predictions was made by another config or other code.
    """
    settings = job.settings
    predictions = read_predictions(settings["shares"])
    hardness = read_hardness({_dataset(path): path for path in job.input.hardness})
    study = Study(settings["unsupervised"], settings["draws"], settings["level"], settings["seed"])
    write_table(_reduce(settings["table"], predictions, hardness, study), job.output.table)
    write_provenance(job.output.provenance, job.made_by, settings["shares"])


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
