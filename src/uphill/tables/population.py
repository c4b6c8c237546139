"""Accuracy after training on each level, what of the gap easy data recovers, and accuracy by hardness value."""

from collections.abc import Mapping

import pandas as pd

from uphill.schemas.level_names import Levels, hardest
from uphill.tables.accuracy import by_level, of_levels, of_values
from uphill.tables.comparisons import sgr_rows
from uphill.tables.layouts import (
    ACCURACY,
    GAIN,
    N_TEST,
    TRAINED_ROWS,
    accuracy,
    compared,
    named,
    spread,
    with_easiest,
    with_supervision,
    with_tested,
)
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Estimate, Part, WideLayout

SGR_ONLY = Estimate("sgr", "sgr_low", "sgr_high", percent=False, instead="instead")
SGR_AND_P = Estimate("sgr", "sgr_low", "sgr_high", "sgr_p", percent=False, instead="instead")


def _sgr(inputs: Inputs) -> pd.DataFrame:
    return sgr_rows(inputs.predictions, by_level(inputs.tested, inputs.levels), inputs.study, inputs.levels)


def _printed(table: pd.DataFrame, unsupervised: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    shown = with_supervision(named(with_easiest(hardest(table, levels), levels)), levels)
    return with_tested(spread(shown, TRAINED_ROWS, unsupervised), TRAINED_ROWS)


def _of_easiest(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["easiest"].astype(bool)]


def _with_status(table: pd.DataFrame, _: Mapping[str, str], __: Levels) -> pd.DataFrame:
    """An SGR that is not defined, or of a negative gap, is its status."""
    shown = table["status"].where(table["status"] != "defined", "")
    return with_tested(named(table.assign(instead=shown)), TRAINED_ROWS)


POPULATION = WideLayout(
    TRAINED_ROWS,
    (Part("{supervision}", ACCURACY, ("rank",)), Part("Easy - Unsupervised", GAIN, keep=_of_easiest), N_TEST),
    _printed,
)
SGR = WideLayout(
    ("model", "dataset", "variable", "train_dataset"), (Part("{method} n={n_train}", SGR_ONLY),), _with_status
)
# Section 8.8, T2.
COMPARISONS = WideLayout(
    TRAINED_ROWS,
    (
        Part("Unsupervised", accuracy("unsupervised")),
        Part("Easy", accuracy("easy")),
        Part("Hard", accuracy("hard")),
        Part("Hard - Easy", compared("hard_easy")),
        Part("Easy - Unsupervised", compared("easy_unsupervised")),
        Part("SGR", SGR_AND_P),
        N_TEST,
    ),
    _with_status,
)

TABLES = {
    "population": Table(
        of_levels,
        "Accuracy by training level and test level",
        f"One row per training condition and test level. {INTERVAL} The gain is over no supervision, paired on the "
        "same items; the generalization gap is accuracy on hard items less that on items of the level trained on. Of "
        "written answers it is said in how many texts one was found; a text without one counts as wrong.",
        POPULATION,
    ),
    "sgr": Table(
        _sgr,
        "Supervision Gap Recovered",
        "(Easy - Unsupervised) / (Hard - Unsupervised), all on hard test items: 1 where easy data serves as well as "
        "hard data, 0 where it serves no better than none, undefined where hard data itself does not help.",
        SGR,
        also={"comparisons": COMPARISONS},
    ),
    "accuracy_by_hardness": Table(
        of_values,
        "Accuracy by hardness value",
        "One row per training condition and hardness value; where a variable takes many values, the middle of each of "
        "four equally wide ranges stands for its items.",
    ),
}
