"""Accuracy after training on each level, what of the gap easy data recovers, and accuracy by hardness value."""

from collections.abc import Mapping

import pandas as pd

from uphill.schemas.level_names import Levels, hardest
from uphill.tables.accuracy import of_levels, of_values
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
from uphill.tables.recovered import SGR, SGR_CAPTION, sgr, with_status
from uphill.tables.table import INTERVAL, Table
from uphill.tables.wide import Estimate, Part, WideLayout

SGR_AND_P = Estimate("sgr", "sgr_low", "sgr_high", "sgr_p", percent=False, instead="instead")


def _printed(table: pd.DataFrame, unsupervised: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    shown = with_supervision(named(with_easiest(hardest(table, levels), levels)), levels)
    return with_tested(spread(shown, TRAINED_ROWS, unsupervised), TRAINED_ROWS)


def _of_easiest(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["easiest"].astype(bool)]


POPULATION = WideLayout(
    TRAINED_ROWS,
    (Part("{supervision}", ACCURACY, ("rank",)), Part("Easy - Unsupervised", GAIN, keep=_of_easiest), N_TEST),
    _printed,
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
    with_status,
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
    "sgr": Table(sgr, "Supervision Gap Recovered", SGR_CAPTION, SGR, also={"comparisons": COMPARISONS}),
    "accuracy_by_hardness": Table(
        of_values,
        "Accuracy by hardness value",
        "One row per training condition and hardness value; where a variable takes many values, the middle of each of "
        "four equally wide ranges stands for its items.",
    ),
}
