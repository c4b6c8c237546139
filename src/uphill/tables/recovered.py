"""The table of SGR, which each experiment has whose rows train on the easiest level and on the hardest."""

from collections.abc import Mapping

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.tables.accuracy import by_level
from uphill.tables.comparisons import sgr_rows
from uphill.tables.layouts import TRAINED_ROWS, named, with_tested
from uphill.tables.table import Inputs
from uphill.tables.wide import Estimate, Part, WideLayout

SGR_CAPTION = (
    "(Easy - Unsupervised) / (Hard - Unsupervised), all on hard test items: 1 where easy data serves as well as hard "
    "data, 0 where it serves no better than none, undefined where hard data itself does not help."
)


def sgr(inputs: Inputs) -> pd.DataFrame:
    """A row a way to train: the easiest level that is trained on against the hardest."""
    return sgr_rows(inputs.predictions, by_level(inputs.tested, inputs.levels), inputs.study, inputs.levels)


def with_status(table: pd.DataFrame, _: Mapping[str, str], __: Levels) -> pd.DataFrame:
    """An SGR that is not defined, or of a negative gap, is its status."""
    shown = table["status"].where(table["status"] != "defined", "")
    return with_tested(named(table.assign(instead=shown)), TRAINED_ROWS)


SGR = WideLayout(
    ("model", "dataset", "variable", "train_dataset"),
    (Part("{method} n={n_train}", Estimate("sgr", "sgr_low", "sgr_high", percent=False, instead="instead")),),
    with_status,
)
