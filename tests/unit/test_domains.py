"""The matrix of domain and level: against differences of the same answers, and every pair of a list from one row."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from known_cells import answers

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.experiments.arms import Arm
from uphill.figures.plots import domain_grid
from uphill.report.questions import questions
from uphill.stats.equivalence import as_good
from uphill.stats.estimates import difference
from uphill.tables.domains import TABLES
from uphill.tables.predictions import answered
from uphill.tables.table import Analysis, Inputs

LEVELS = ("easy", "hard")
ITEMS = {level: [f"{level}{number:03d}" for number in range(200)] for level in LEVELS}
RIGHT = {("d", "easy"): 120, ("d", "hard"): 140, ("e", "easy"): 118, ("e", "hard"): 90}
"""Right answers to a level's items of a dataset after training on a level of it, or, crossed over, of the other."""


def graded() -> dict[tuple[str, str, str], list[pd.DataFrame]]:
    found = {}
    for tested in ("d", "e"):
        for (source, level), right in RIGHT.items():
            own: dict[str, Any] = {"dataset": tested, "train_dataset": source, "train_on": level, "n_train": 8}
            found[tested, source, level] = [answers(right, ITEMS[on], 3, experiment="domains", **own) for on in LEVELS]
        none: dict[str, Any] = {"dataset": tested, "train_dataset": tested, "train_on": "none", "method": "zero_shot"}
        found[tested, tested, "none"] = [
            answers(60, ITEMS[on], 1, experiment="domains", n_train=0, **none) for on in LEVELS
        ]
    return found


@functools.cache
def table() -> pd.DataFrame:
    tested = [{"dataset": one, "item_id": item, "level": on} for one in "de" for on in LEVELS for item in ITEMS[on]]
    given = Inputs(
        predictions=pd.concat([rows for each in graded().values() for rows in each], ignore_index=True),
        tested=pd.DataFrame(tested).assign(variable="v", split="v", value=0.0),
        levels={(one, "v"): LEVELS for one in "de"},
        study=Analysis(dict.fromkeys("de", "zero_shot"), draws=200, coverage=0.95, seed=0, margin=0.1),
    )
    return TABLES["domains"].reduce(given).assign(circular="", source_kind="file")


def test_another_domain_is_held_against_the_same_level_of_ones_own() -> None:
    found, rows = table().set_index(["dataset", "train_dataset", "train_on", "test_on"]), graded()
    assert len(found) == 2 * (4 + 1) * 3
    for level in LEVELS:
        other, own = (answered(rows["d", source, level][1], ITEMS["hard"]) for source in ("e", "d"))
        expected, row = difference(other, own), found.loc[("d", "e", level, "hard")]
        assert (row["short"], row["short_low"]) == (pytest.approx(expected.point), pytest.approx(expected.low))
        assert row["as_good_p"] == pytest.approx(as_good(other, own, 0.1).p_value)
        assert row["gain"] == pytest.approx((RIGHT["e", level] - 60) / 200)
    assert found.loc[("d", "e", "easy", "hard"), "as_good"] == "yes"
    assert found.loc[("d", "e", "hard", "hard"), "as_good"] == "no"
    assert found.xs("d", level="dataset").xs("d", level="train_dataset")["short"].isna().all()


def test_the_question_is_of_easy_data_of_the_other_on_hard_items() -> None:
    [asked] = questions({"domains": table()})
    assert [case.answer for case in asked.cases] == ["yes", "yes"]
    assert asked.cases[0].where == "d by v, probe with m, 8 items, trained on easy of e, tested on hard"
    assert asked.cases[0].number.startswith("own - other +1.0 points [")


def test_the_figure_has_a_cell_for_each_pair_and_frames_its_own() -> None:
    [axis, _] = domain_grid.plot(table(), {(one, "v"): LEVELS for one in "de"}).axes
    sides = [[label.get_text() for label in labels] for labels in (axis.get_xticklabels(), axis.get_yticklabels())]
    assert sides == [["d, easy", "d, hard", "e, easy", "e, hard"]] * 2
    image = axis.images[0].get_array()
    expected = [[100 * (RIGHT[source] - 60) / 200] * 4 for source in RIGHT]
    assert image.tolist() == [pytest.approx(row) for row in expected]
    assert sorted(patch.get_xy() for patch in axis.patches) == [(place - 0.5, place - 0.5) for place in range(4)]
    assert len(axis.texts) == 16


RAW = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text())


def arms(**change: Any) -> list[Arm]:
    row = {"datasets": ["dial", "road"], "variable": "num_steps", "methods": ["icl"], **change}
    return [arm for arm in check({**RAW, "domains": [row]}).arms() if arm.kind == "domains"]


def test_a_row_is_every_pair_of_its_datasets() -> None:
    found = arms()
    assert [(arm.dataset, arm.train_from, arm.slice, arm.split) for arm in found] == [
        ("dial", ("dial", "road"), "domains/num_steps", "num_steps"),
        ("road", ("dial", "road"), "domains/num_steps", "num_steps"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"datasets": ["dial"]}, r"domains.0.datasets"),
        ({"datasets": ["dial", "dial"]}, r"domains.0.datasets: 'dial' is given twice, expected each once"),
        ({"datasets": ["dial", "rode"]}, r"domains.0.*'rode', expected one of dial"),
        ({"variable": "all"}, r"domains.0.variable: is 'all', expected a hardness variable"),
    ],
)
def test_what_is_no_matrix_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UphillError, match=said):
        arms(**change)
