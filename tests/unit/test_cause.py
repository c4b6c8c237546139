"""Attempts at the cause: gains with random labels, and items right with supervision alone, against counts."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from known_cells import answers

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.report.questions import questions
from uphill.stats.equivalence import as_good
from uphill.tables.cause import TABLES
from uphill.tables.predictions import answered
from uphill.tables.table import Analysis, Inputs
from uphill.workflow.study import Study

ITEMS = {level: [f"{level}{number:03d}" for number in range(200)] for level in ("easy", "hard")}
SLICE = [["population", "d", "v", "v"]]


def inputs(predictions: list[pd.DataFrame], **own: Any) -> Inputs:
    tested = pd.DataFrame(
        [(level, item) for level, items in ITEMS.items() for item in items], columns=["level", "item_id"]
    )
    return Inputs(
        predictions=pd.concat(predictions, ignore_index=True),
        tested=tested.assign(dataset="d", variable="v", split="v", value=0.0),
        levels={("d", "v"): ("easy", "hard")},
        study=Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0, margin=0.1),
        own={"splits": [], "noisy": [], **own},
    )


def trained(right: int, train_on: str = "easy", noise_p: float = 0.0, method: str = "icl") -> list[pd.DataFrame]:
    """The first `right` of each level's items right, in three draws."""
    same: dict[str, Any] = {"experiment": "population", "train_on": train_on, "method": method, "n_train": 8}
    return [answers(right, items, 3, noise_p=noise_p, **same) for items in ITEMS.values()]


def untrained(first: int, last: int) -> list[pd.DataFrame]:
    """Items from `first` up to `last` right."""
    same: dict[str, Any] = {"experiment": "population", "train_on": "none", "method": "zero_shot", "n_train": 0}
    found = [answers(last, items, 1, **same) for items in ITEMS.values()]
    return [rows.assign(correct=rows["correct"] & (rows["item_id"].str[-3:].astype(int) >= first)) for rows in found]


@pytest.mark.parametrize(("random", "said"), [(118, "yes"), (60, "no"), (98, "cannot tell")])
def test_a_gain_that_random_labels_give_too_is_format(random: int, said: str) -> None:
    given = [*untrained(0, 60), *trained(120), *trained(random, noise_p=1.0), *trained(90, noise_p=0.5)]
    table = TABLES["random_labels"].reduce(inputs(given, noisy=SLICE))
    assert table["test_on"].tolist() == ["all", "easy", "hard"]
    row = table.iloc[-1]
    assert (row["gain"], row["random_gain"]) == (pytest.approx(0.3), pytest.approx((random - 60) / 200))
    assert row["content"] == pytest.approx((120 - random) / 200)
    assert row["format"] == pytest.approx((random - 60) / 60)
    own, right = (answered(one, ITEMS["hard"]) for one in (trained(random)[1], trained(120)[1]))
    assert row["as_good_p"] == pytest.approx(as_good(own, right, 0.1).p_value)
    [asked] = questions({"random_labels": table})
    assert asked.answer == said
    assert asked.cases[0].where == "d by v, icl with m, 8 items, population, trained on easy, tested on hard"


def test_without_random_labels_there_is_no_row() -> None:
    given = inputs([*untrained(0, 60), *trained(120)], noisy=SLICE)
    assert TABLES["random_labels"].reduce(given).empty
    assert TABLES["unsaid"].reduce(given).empty


def counted(trained_rows: pd.DataFrame, untrained_rows: pd.DataFrame) -> tuple[float, float]:
    """Shares of answers that are right with supervision alone, and without it alone, one by one."""
    before = dict(zip(untrained_rows["item_id"], untrained_rows["correct"], strict=True))
    pairs = [(bool(row.correct), bool(before[row.item_id])) for row in trained_rows.itertuples()]
    return pairs.count((True, False)) / len(pairs), pairs.count((False, True)) / len(pairs)


def test_what_is_gained_and_lost_is_counted_item_by_item_and_adds_up() -> None:
    none, ways = untrained(30, 100), {"easy": trained(150, "easy"), "hard": trained(60, "hard")}
    table = TABLES["unsaid"].reduce(inputs([*none, *ways["easy"], *ways["hard"]], splits=SLICE))
    rows = table.set_index(["train_on", "test_on"])
    for train_on, answered_by in ways.items():
        row = rows.loc[(train_on, "hard")]
        gained, lost = counted(answered_by[1], none[1])
        assert (row["unsaid"], row["lost"]) == (pytest.approx(gained), pytest.approx(lost))
        assert row["gain"] == pytest.approx(row["unsaid"] - row["lost"])
        assert row["unsaid_low"] < row["unsaid"] < row["unsaid_high"]
    assert rows["best"].to_dict() == {(level, on): level == "easy" for level, on in rows.index}
    [asked] = questions({"unsaid": table})
    [case] = asked.cases
    assert case.answer == "yes"
    assert case.where == "d by v, icl with m, 8 items, population, trained on easy, tested on hard"


def test_guessing_anew_is_no_knowledge() -> None:
    """As many are lost as are found."""
    given = [*untrained(30, 100), *trained(70)]
    table = TABLES["unsaid"].reduce(inputs(given, splits=SLICE))
    assert (table["unsaid"] > 0.1).all()
    [asked] = questions({"unsaid": table})
    assert asked.answer == "no"


RAW = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text())


def study(**row: Any) -> Study:
    return Study(check({**RAW, "cause": [{"dataset": "dial", "variable": "num_steps", **row}]}))


def test_it_trains_nothing_and_reads_what_it_asks_for() -> None:
    found = study(methods=["icl", "probe"])
    table = found.job("table", {"table": "probe_angles"})
    assert table.inputs["responses"] == ["results/responses/demo/dial/shard-0-of-1.parquet"]
    assert set(table.settings["probes"]) == {"probe"}
    assert "responses" not in found.job("table", {"table": "unsaid"}).inputs
    assert {one[0] for one in table.settings["own"]["splits"]} == {"population", "learning_curves"}
    assert {one[0] for one in table.settings["own"]["noisy"]} == {"noisy_labels"}
    assert not [arm for arm in found.arms() if arm.kind == "cause"]


def test_what_nobody_trains_is_refused() -> None:
    with pytest.raises(UphillError, match=r"cause.0.variable is 'mdl_lora', expected what a row of .*num_steps"):
        study(variable="mdl_lora")
