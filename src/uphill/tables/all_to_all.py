"""Accuracy after training on items of any difficulty, on all items and by every hardness variable."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.schemas.names import ALL
from uphill.tables.accuracy import accuracy_rows, by_value, of_levels
from uphill.tables.layouts import ACCURACY, N_TEST, named, with_tested
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "dataset", "variable")


def _by_every_variable(inputs: Inputs) -> pd.DataFrame:
    """Predictions that no variable was cut for, grouped by the values of each."""
    assert inputs.hardness is not None, "the plan names its hardness tables"
    tested = inputs.hardness.merge(inputs.tested[["dataset", "item_id"]].drop_duplicates())
    trained = inputs.study.trained
    parts = [
        accuracy_rows(
            own.assign(variable=variable),
            by_value(rows),
            replace(inputs.study, trained=None if trained is None else trained.assign(variable=variable)),
            inputs.levels,
        )
        for (dataset, variable), rows in tested.groupby(["dataset", "variable"], sort=True)
        if len(own := inputs.predictions[inputs.predictions["dataset"] == dataset])
    ]
    return pd.concat(parts, ignore_index=True)


def _printed(table: pd.DataFrame, _: Mapping[str, str], __: Levels) -> pd.DataFrame:
    return with_tested(named(table[table["test_on"] == ALL]), ROWS)


TABLES = {
    "all_to_all": Table(
        of_levels,
        "Accuracy after training on items of any difficulty",
        f"Training and test items of any difficulty. {INTERVAL}",
        # The paper's table 4; section 8.8, T1.
        WideLayout(
            ROWS,
            (Part("{method} n={n_train}", ACCURACY, ("n_train", "method")), N_TEST),
            _printed,
            incidental=("variable",),
        ),
    ),
    "all_to_all_by_hardness": Table(
        _by_every_variable,
        "Accuracy by every hardness variable, trained on items of any difficulty",
        "Training items of any difficulty; test items grouped by each hardness variable in turn. Where it takes many "
        "values, the middle of each of four equally wide ranges stands for its items.",
        reads_hardness=True,
    ),
}
