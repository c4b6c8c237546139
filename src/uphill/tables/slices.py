"""Several slices of predictions in one table: each with its own splits."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from uphill.schemas.level_names import is_mix
from uphill.tables.table import Inputs


def apart(inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Each slice that is read, experiment and variable by itself, as items are split otherwise in each.

    Mixes of levels are left out: they have no place on the scale. So is what is trained on another dataset.
    """
    study, predictions = inputs.study, inputs.predictions
    plain = ~predictions["train_on"].astype(str).map(is_mix).astype(bool)
    predictions = predictions[plain & (predictions["train_dataset"] == predictions["dataset"])]
    levels = {panel: [name for name in names if not is_mix(name)] for panel, names in inputs.levels.items()}
    for experiment, dataset, variable, split in inputs.own["splits"]:
        of = _of(predictions, dataset=dataset, variable=variable, experiment=experiment)
        split_by = {"dataset": dataset, "variable": variable, "split": split}
        trained = None if study.trained is None else _of(study.trained, **split_by)
        tested = _of(inputs.tested, **split_by)
        yield (
            experiment,
            replace(inputs, predictions=of, tested=tested, levels=levels, study=replace(study, trained=trained)),
        )


def _of(rows: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows
