"""The question in numbers: hard test items after no supervision, easy data and hard data, with SGR and the verdict."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from uphill.report.cells import interval, percent
from uphill.report.named import with_names
from uphill.report.verdicts import ANSWERS
from uphill.schemas.level_names import Levels, from_easiest, hardest, main_table

SGR_OF: Mapping[str, str] = {
    "population": "sgr",
    "learning_curves": "learning_curves_sgr",
    "cross_difficulty": "cross_difficulty_sgr",
}
"""The table of Supervision Gap Recovered beside a table of levels."""
CONDITION = ["model", "dataset", "variable", "method", "cot", "k", "n_train", "train_dataset"]
OF_HARD = ["hard", "hard_low", "hard_high", "sgr", "sgr_low", "sgr_high", "sgr_set", "status", "as_good"]


def answer(tables: Mapping[str, pd.DataFrame], order: Levels, kinds: Mapping[str, str]) -> pd.DataFrame:
    """A row, as text, for each condition that is trained on easy items of the tested dataset.

    Empty where no level is both trained on and easier than another. Labels that are drawn at random are left out.

    Args:
        tables: tidy tables by name.
        order: levels of the main table, by dataset and variable.
        kinds: by dataset, the kind of source that it is read from.
    """
    name = main_table(tables)
    if name is None:
        return pd.DataFrame()
    rows = _rows(tables[name], tables.get(SGR_OF.get(name, ""), pd.DataFrame()), order)
    called = with_names(rows, kinds)
    return pd.DataFrame([_said(row) for row in called.to_dict("records")])


def _rows(table: pd.DataFrame, recovered: pd.DataFrame, order: Levels) -> pd.DataFrame:
    """The easiest level's rows with what hard data reached beside, where there is any; joined by condition."""
    hard = hardest(table[table["noise_p"] == 0], order)
    easy = from_easiest(hard[hard["train_dataset"] == hard["dataset"]], order)
    # Less the gain, whose baseline is the dataset's Unsupervised whichever zero-shot methods were run beside it.
    # A difference of two shares is off by some 1e-17, which would print half a tenth as the tenth below.
    easy = easy.assign(unsupervised=(easy["accuracy"] - easy["gain"]).round(12))
    if recovered.empty:
        return easy
    return easy.merge(recovered[[*CONDITION, *OF_HARD]], how="left", on=CONDITION, validate="many_to_one")


def _said(row: Mapping[Any, Any]) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "model": row["model"],
        "dataset": row["dataset"],
        "hardness by": row["variable"],
        "method": row["method"],
        "training items": row["n_train"],
        "test items": row["n_test"],
        "chance": percent(row.get("chance")),
        "no supervision": percent(row["unsupervised"]),
        "easy data": interval(row, "accuracy", ("low", "high")),
    }
    if "hard" in row:
        found["hard data"] = interval(row, "hard", ("hard_low", "hard_high"))
    found["gain of easy data, points"] = interval(row, "gain", ("gain_low", "gain_high"), unit="", signed=True)
    if "sgr" in row:
        ratio = interval(row, "sgr", ("sgr_low", "sgr_high"), percents=False)
        found["SGR"] = ratio or ("" if pd.isna(row["status"]) else row["status"])
        found["easy as good as hard"] = "" if pd.isna(row["as_good"]) else ANSWERS[row["as_good"]]
    return found
