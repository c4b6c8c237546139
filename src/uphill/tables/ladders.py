"""Accuracy after training on data of growing difficulty, from any datasets."""

from collections.abc import Mapping

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.tables.accuracy import accuracy_rows, by_level
from uphill.tables.layouts import ACCURACY, named, spread, with_supervision
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "method", "n_train")  # rungs are of several datasets, which name no row


def _climbing(inputs: Inputs) -> pd.DataFrame:
    """Rungs from easy to hard, whichever dataset each is of."""
    groups = by_level(inputs.tested, inputs.levels)
    within = ("train_on", "train_dataset")
    return accuracy_rows(inputs.predictions, groups, inputs.study, inputs.levels, within)


def _printed(table: pd.DataFrame, unsupervised: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    return spread(with_supervision(named(table), levels, ends=False), ROWS, unsupervised)


TABLES = {
    "ladders": Table(
        _climbing,
        "Ladder",
        f"Training on bands of growing difficulty, tested on one band. {INTERVAL}",
        WideLayout(ROWS, (Part("{supervision}", ACCURACY, ("rank",)),), _printed),
    )
}
