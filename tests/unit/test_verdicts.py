"""The study's question answered in words, row by row."""

from typing import Any

import pandas as pd
import pytest

from uphill.report.verdicts import question, verdicts


def row(**columns: Any) -> pd.DataFrame:
    same = {"model": "m", "dataset": "arc", "variable": "grade", "method": "icl", "train_dataset": "arc", "boots": 5}
    found = {"hard_easy": 0.012, "hard_easy_low": -0.004, "hard_easy_high": 0.028, "hard_easy_mde": 0.0234}
    found |= {"easy_unsupervised_low": 0.01, "hard_unsupervised_low": 0.02}
    return pd.DataFrame([{**same, **found, "margin": 0.03, "as_good": "yes", "circular": "", **columns}])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "arc by grade, icl with m: yes (hard - easy +1.2 points, from -0.4 to +2.8)."),
        ({"as_good": "no", "train_dataset": "mmlu"}, "arc by grade, icl with m, easy data of mmlu: no (hard - easy"),
        ({"as_good": "cannot tell"}, "the data cannot tell (hard - easy +1.2 points, from -0.4 to +2.8; such a study "),
        ({"as_good": "cannot tell", "boots": 2}, "; 2 training draws, expected 3 or more)."),
        ({"easy_unsupervised_low": -0.01}, "to +2.8; easy data is not clearly better than no supervision)."),
        ({"hard_unsupervised_low": 0.0}, "to +2.8; hard data is not clearly better than no supervision)."),
        (
            {"easy_unsupervised_low": -0.01, "hard_unsupervised_low": -0.02},
            "yes (hard - easy +1.2 points, from -0.4 to +2.8; neither is clearly better than no supervision).",
        ),
        ({"easy_unsupervised_low": float("nan"), "hard_unsupervised_low": float("nan")}, "to +2.8)."),
        ({"as_good": "no", "easy_unsupervised_low": -0.01}, "no (hard - easy +1.2 points, from -0.4 to +2.8)."),
        ({"circular": "model and method"}, "arc by grade (a scale of the tested model and method itself), icl with m"),
    ],
)
def test_a_row_is_a_sentence(columns: dict[str, Any], said: str) -> None:
    (line,) = verdicts(row(**columns))
    assert said in line


def test_the_question_names_its_margin() -> None:
    assert question(row()) == "Is easy data as good as hard data on hard items, within 3 points?"
