"""What `reconcile` reads, and what its table and figure say of cells that are known."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from figure_tables import ticks
from known_cells import answers

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.figures.plots import readings
from uphill.tables import reconcile
from uphill.tables.table import Analysis, Inputs
from uphill.tables.wide import wide
from uphill.workflow.study import Study

LEVELS = ("easy", "medium", "hard")
PER_LEVEL = 600
OF = {level: [f"{level}{number:03d}" for number in range(PER_LEVEL)] for level in LEVELS}
NONE = {"easy": 300, "medium": 240, "hard": 180}
POPULATION = {"easy": 420, "medium": 300, "hard": 420}
"""How many of 600 hard items are right after training on each level, with 8 items; none has 180."""
CURVES = {2: {"easy": 90, "hard": 90}, 8: {"easy": 100, "hard": 200}}
"""The same of learning curves by size, on its own half of the hard items, of which no training has 90."""


def inputs(**changes: Any) -> Inputs:
    half = OF["hard"][: PER_LEVEL // 2]
    untrained = {"method": "zero_shot", "train_on": "none", "n_train": 0}
    parts = [answers(NONE[level], OF[level], 1, experiment="population", **untrained) for level in LEVELS]
    parts.append(answers(90, half, 1, experiment="learning_curves", **untrained))
    for level, right in POPULATION.items():
        parts.append(answers(right, OF["hard"], experiment="population", train_on=level, n_train=8))
    mix = {"train_on": "easy+hard", "n_train": 8}
    parts.append(answers(600, OF["hard"], experiment="population", **mix))
    other = {"train_on": "easy", "n_train": 8, "train_dataset": "e"}
    parts.append(answers(0, OF["hard"], experiment="population", **other))
    for size, found in CURVES.items():
        for level, right in found.items():
            more = {"train_on": level, "n_train": size}
            parts.append(answers(right, half, experiment="learning_curves", **more))
    tested = [(level, item, "v") for level in LEVELS for item in OF[level]]
    tested += [("hard", item, "v.learning_curves") for item in half]
    given = {
        "predictions": pd.concat(parts, ignore_index=True),
        "tested": pd.DataFrame(tested, columns=["level", "item_id", "split"]).assign(
            dataset="d", variable="v", value=0.0
        ),
        "levels": {("d", "v"): ("easy", "medium", "hard", "easy+hard")},
        "study": Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0, margin=0.1),
        "own": {"splits": [["population", "d", "v", "v"], ["learning_curves", "d", "v", "v.learning_curves"]]},
    }
    return Inputs(**{**given, **changes})


@cache
def table() -> pd.DataFrame:
    """Not to be changed."""
    return reconcile.TABLES["reconcile"].reduce(inputs())


def row(found: pd.DataFrame, experiment: str, size: int, level: str) -> pd.Series:
    keys = (found["experiment"] == experiment) & (found["n_train"] == size) & (found["train_on"] == level)
    [one] = found[keys].to_dict("records")
    return pd.Series(one)


def test_gains_and_ratios_are_those_of_each_slice_and_its_own_items() -> None:
    found = table()
    assert len(found) == 3 + 4  # neither the mix nor the other dataset's
    for level, right in POPULATION.items():
        one = row(found, "population", 8, level)
        assert (one["n_test"], one["gain"]) == (600, pytest.approx((right - 180) / 600))
        assert one["test_on"] == "hard"
    for size, by_level in CURVES.items():
        for level, right in by_level.items():
            one = row(found, "learning_curves", size, level)
            assert (one["n_test"], one["gain"]) == (300, pytest.approx((right - 90) / 300))
    easy = row(found, "population", 8, "easy")
    assert (easy["sgr"], easy["status"], easy["against"]) == (pytest.approx(1.0), "defined", "hard")
    assert row(found, "population", 8, "medium")["sgr"] == pytest.approx(0.5)
    assert row(found, "population", 8, "medium")["short"] == pytest.approx(0.2)


def test_both_readings_are_found_where_they_are_planted_and_nowhere_else() -> None:
    found = table().set_index(["experiment", "n_train", "train_on"])[["as_good", "not_carried"]]
    said = {key: tuple(value) for key, value in found.fillna("").iterrows()}
    assert said["population", 8, "easy"] == ("yes", "no")
    assert said["population", 8, "medium"][0] == "no"
    assert said["learning_curves", 8, "easy"] == ("no", "yes")
    assert said["learning_curves", 2, "easy"] == ("cannot tell", "cannot tell")  # nobody learned anything
    assert {said[key] for key in said if key[2] == "hard"} == {("", "")}


def test_order_of_rows_moves_nothing_and_a_paper_prints_it() -> None:
    whole = inputs()
    mixed = inputs(predictions=whole.predictions.sample(frac=1, random_state=0, ignore_index=True))
    made = reconcile.TABLES["reconcile"]
    pd.testing.assert_frame_equal(made.reduce(whole), made.reduce(mixed))
    assert made.layout is not None
    printed = wide(made.reduce(whole), made.layout, {"d": "zero_shot"}, whole.levels)
    assert list(printed.columns) == ["Easy", "Medium", "Hard", "n test"]
    assert len(printed) == 3


def test_the_figure_has_a_line_a_budget_and_marks_the_readings() -> None:
    figure = readings.plot(table(), inputs().levels)
    [axis] = figure.axes
    assert ticks(axis) == ["easy", "medium", "hard"]
    drawn = [
        line for line in axis.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == len(line.get_ydata())
    ]
    gains = sorted([round(60 * y) for y in line.get_ydata()] for line in drawn if len(line.get_ydata()) > 1)
    assert [0, 0] in gains  # with two items, beside the rule at 0
    assert [2, 22] in gains
    assert [24, 12, 24] in gains
    crosses = [line for line in axis.lines if line.get_marker() == "x"]
    assert len(crosses) == 1
    assert crosses[0].get_ydata()[0] == pytest.approx(10 / 300)
    filled = [line for line in axis.lines if line.get_marker() in "os" and line.get_mfc() == line.get_color()]
    assert [line.get_ydata()[0] for line in filled] == [pytest.approx(0.4)]


RAW = yaml.safe_load((Path(__file__).parents[2] / "config/demo-all.yaml").read_text())


def study(**change: Any) -> Study:
    return Study(check({**RAW, **change}))


def test_it_trains_nothing() -> None:
    with_it, without = study(), study(reconcile=[])
    more = {job.title for job in with_it.jobs} - {job.title for job in without.jobs}
    tables = {f"Table {name}" for name in reconcile.TABLES}
    assert more == {*tables, "Figure reconcile", "Figure gap"}
    changed = {"table", "figure", "wide", "report"}
    known = {job.title: job.id for job in without.jobs}
    assert {job.rule for job in with_it.jobs if known.get(job.title) != job.id} <= changed


def test_a_row_reads_what_it_asks_for_and_the_baseline() -> None:
    row = {"dataset": "dial", "variables": ["num_steps"], "methods": ["icl"]}
    arms = study(reconcile=[row]).shown()["reconcile"]
    assert {arm.experiment for arm in arms} == {"population", "learning_curves"}
    assert {method for arm in arms for method in arm.methods} == {"icl", "zero_shot"}
    every = study(reconcile=[{"dataset": "dial", "variables": ["num_steps"]}]).shown()["reconcile"]
    assert {"icl", "probe", "lora", "ccs"} <= {method for arm in every for method in arm.methods}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "road_nowhere"}, r"reconcile.0.dataset is 'road_nowhere', expected what a row of .*: .*dial"),
        ({"variables": ["mdl_lora"]}, r"reconcile.0.variables is 'mdl_lora', expected .*: mdl_probe, mdl_zero_shot"),
        ({"methods": ["zero_shot"]}, r"reconcile.0.methods is 'zero_shot', expected what .*: .*icl"),
        ({"models": ["demo-8bit"]}, r"reconcile.0.models is 'demo-8bit', expected what .*: demo"),
        ({"variables": []}, r"reconcile.0.variables"),
    ],
)
def test_what_nobody_trains_is_refused(change: dict[str, Any], said: str) -> None:
    row = {"dataset": "dial", "variables": ["num_steps"], **change}
    with pytest.raises(UphillError, match=said):
        study(reconcile=[row])
