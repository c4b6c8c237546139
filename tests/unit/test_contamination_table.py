"""Tables with and without flagged items: against counts, closed forms and the jackknife, and where it is planted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from known_cells import answers
from scipy import stats

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.report.questions import questions
from uphill.stats.conditions import Condition, condition
from uphill.stats.flagged import apart
from uphill.tables import contamination
from uphill.tables.table import Analysis, Inputs
from uphill.workflow.study import Study

ITEMS, MARGIN = 400, 0.1


def alone(right: float, seed: int) -> Condition:
    rng = np.random.default_rng(seed)
    return condition((rng.random((ITEMS, 1)) < right).astype(float), trained=False)


def test_a_difference_between_two_groups_of_items_is_that_of_independent_means() -> None:
    """Of groups without a common item: the variances of their paired differences add up."""
    a, b, target = alone(0.3, 1), alone(0.6, 2), np.arange(ITEMS) < 120
    found = apart(a, b, target, ~target, MARGIN)
    each = (b.correct - a.correct)[:, 0]
    variance = sum(each[group].var() / group.sum() for group in (target, ~target)) * ITEMS / (ITEMS - 1)
    point = each[target].mean() - each[~target].mean()
    half = stats.t.ppf(0.975, ITEMS - 1) * np.sqrt(variance)
    assert found.difference.point == pytest.approx(point)
    assert found.difference.high - point == pytest.approx(half)
    alike = max(stats.t.sf((MARGIN + sign * point) / np.sqrt(variance), ITEMS - 1) for sign in (1, -1))
    assert found.alike_p == pytest.approx(alike, rel=1e-6)


def test_what_leaving_out_a_group_moves_has_the_variance_of_the_jackknife() -> None:
    """Items of both groups enter twice, with other signs."""
    a, b, kept = alone(0.3, 3), alone(0.6, 4), np.arange(ITEMS) >= 80
    every = np.ones(ITEMS, dtype=bool)
    each = (b.correct - a.correct)[:, 0]
    without = []
    for left in range(ITEMS):
        rest = np.arange(ITEMS) != left
        without.append(each[rest & kept].mean() - each[rest].mean())
    variance = (ITEMS - 1) / ITEMS * np.square(np.array(without) - np.mean(without)).sum()
    found = apart(a, b, kept, every, MARGIN).difference
    half = stats.t.ppf(0.975, ITEMS - 1) * np.sqrt(variance)
    # The jackknife takes an item out of a group of 320, whose mean then weighs others by 1/319.
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.01)


def test_a_difference_of_differences_may_be_more_than_one() -> None:
    """All that is gained on the flagged items is lost on the others."""
    flagged = np.arange(ITEMS) < 120
    before, after = (condition(right.astype(float)[:, None], trained=False) for right in (~flagged, flagged))
    found = apart(before, after, flagged, ~flagged, MARGIN)
    assert (found.difference.point, found.difference.high, found.depends) == (2.0, 2.0, "yes")
    assert 1.9 < found.difference.low < 2.0


SEEN = {level: [f"{level}.seen{number:02d}" for number in range(60)] for level in ("easy", "hard")}
OTHER = {level: [f"{level}.other{number:03d}" for number in range(240)] for level in ("easy", "hard")}
RIGHT = {"none": (54, 60), "easy": (57, 120), "hard": (57, 216)}
"""Right answers to the 60 flagged and 240 other items of each level, by what is trained on."""


def inputs(**changes: Any) -> Inputs:
    parts = []
    for trained, counts in RIGHT.items():
        more = {"method": "probe", "n_train": 8} if trained != "none" else {"method": "zero_shot", "n_train": 0}
        for level in ("easy", "hard"):
            for right, items in zip(counts, (SEEN[level], OTHER[level]), strict=True):
                boots = 3 if trained != "none" else 1
                parts.append(answers(right, items, boots, experiment="population", train_on=trained, **more))
    tested = [(level, item) for level in ("easy", "hard") for item in (*SEEN[level], *OTHER[level])]
    names = [item for _, item in tested]
    flags = pd.DataFrame({"seen": [".seen" in item for item in names]}, index=pd.Index(names, name="item_id"))
    given = {
        "predictions": pd.concat(parts, ignore_index=True),
        "tested": pd.DataFrame(tested, columns=["level", "item_id"]).assign(
            dataset="d", variable="v", split="v", value=0.0
        ),
        "levels": {("d", "v"): ("easy", "hard")},
        "study": Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0, margin=MARGIN),
        "hardness": pd.DataFrame({"item_id": names, "variable": "v", "value": 1.0, "dataset": "d"}),
        "columns": {"d": flags.assign(kind=np.where(flags["seen"], "recall", "reason"), score=0.4)},
        "own": {"slices": [asked("seen")]},
    }
    return Inputs(**{**given, **changes})


def asked(flag: str, above: float | None = 0.5, equals: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"flag": flag, "above": above, "equals": equals, "methods": ["probe", "zero_shot"], "models": ["m"]}
    return {"splits": ["population", "d", "v", "v"], **row, **more}


def reduced(**changes: Any) -> pd.DataFrame:
    table = contamination.TABLES["contamination"].reduce(inputs(**changes))
    return table.set_index(["train_on", "test_on", "items"], drop=False)


def test_numbers_of_each_group_are_those_of_its_items() -> None:
    table = reduced()
    assert len(table) == 3 * 3 * 3
    for trained, (seen, other) in RIGHT.items():
        for group, right, size in (("flagged", seen, 60), ("unflagged", other, 240), ("all", seen + other, 300)):
            row = table.loc[(trained, "hard", group)]
            assert (row["n_test"], row["accuracy"]) == (size, pytest.approx(right / size))
    easy = table.xs("hard", level="test_on").loc["easy"]
    assert easy.loc["unflagged", "gain"] == pytest.approx(60 / 240)
    assert easy.loc["unflagged", "sgr"] == pytest.approx(60 / 156)
    assert easy.loc["all", "sgr"] == pytest.approx(63 / 159)
    assert easy.loc["flagged", "short"] == pytest.approx(0.0)
    assert set(easy["against"]) == {"hard"}
    assert easy.loc["flagged", "more"] == pytest.approx(57 / 60 - 120 / 240)
    assert easy.loc["flagged", "more_gain"] == pytest.approx(3 / 60 - 60 / 240)
    assert easy.loc["unflagged", "moved"] == pytest.approx(96 / 240 - 96 / 300)


def test_the_questions_are_answered_where_it_is_planted() -> None:
    table = reduced().reset_index(drop=True)
    known, moves = questions({"contamination": table})
    [case] = known.cases
    assert (case.answer, case.where) == ("yes", "d, seen, zero_shot with m")
    assert case.number.startswith("flagged - others +65.0 points [")
    [moved] = moves.cases
    assert moved.number.startswith("without - with +8.0 points [")
    assert moved.where == "d by v, probe with m, 8 items, population, seen, tested on hard"


def test_a_flag_that_says_nothing_moves_nothing() -> None:
    rng = np.random.default_rng(0)
    given = inputs()
    drawn = {"d": given.columns["d"].assign(seen=rng.random(600) < 0.2)}
    table = reduced(columns=drawn)
    assert table.loc[("easy", "hard", "unflagged"), "moves"] == "no"
    assert abs(table.loc[("none", "all", "flagged"), "more"]) < 0.12
    low, high = (table.loc[("none", "all", "flagged"), f"more_{end}"] for end in ("low", "high"))
    assert low < 0 < high


def test_a_flag_may_be_a_text_or_a_measure_and_of_no_item() -> None:
    by_text = reduced(own={"slices": [asked("kind", None, "recall")]})
    assert set(by_text["flag"]) == {"kind = recall"}
    numbers = ["n_test", "accuracy", "gain", "more", "moved"]
    pd.testing.assert_frame_equal(by_text[numbers], reduced()[numbers])
    measured = reduced(own={"slices": [asked("v", 1.0)]})
    assert set(measured["items"]) == {"all", "unflagged"}
    assert measured["moved"].isna().all()


def test_order_of_rows_moves_nothing() -> None:
    mixed = inputs().predictions.sample(frac=1, random_state=0, ignore_index=True)
    pd.testing.assert_frame_equal(reduced(predictions=mixed), reduced())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (asked("sene"), "flag is 'sene', expected a column of the items of dataset 'd', or one of its variables: v"),
        (
            asked("kind"),
            "kind of item 'easy.seen00' is 'recall', expected true, false or a number; or say equals: TEXT",
        ),
        (asked("kind", None, "Recall"), "kind is 'Recall' of no test item, expected one of 'reason', 'recall'"),
        (asked("gone"), "test item 'easy.seen00' has no gone, expected one of each"),
    ],
)
def test_what_is_no_flag_is_refused(row: dict[str, Any], said: str) -> None:
    columns = {"d": inputs().columns["d"].assign(gone=None)}
    with pytest.raises(UphillError, match=said):
        reduced(own={"slices": [row]}, columns=columns)


RAW = yaml.safe_load((Path(__file__).parents[2] / "config/demo-all.yaml").read_text())


def study(*rows: dict[str, Any]) -> Study:
    return Study(check({**RAW, "contamination": list(rows)}))


def test_it_trains_nothing_and_reads_what_it_asks_for() -> None:
    row = {"dataset": "dial", "variable": "num_steps", "flag": "in_training_text", "methods": ["icl"]}
    found, without = study(row, {**row, "flag": "num_steps", "above": 4}), study()
    assert {job.title for job in found.jobs} - {job.title for job in without.jobs} == {
        "Table contamination",
        "Figure contamination",
    }
    own = found.job("table", {"table": "contamination"}).settings["own"]
    assert own["columns"] == {"dial": ["in_training_text", "num_steps"]}
    assert {(one["flag"], one["above"], *one["splits"][:1]) for one in own["slices"]} == {
        (flag, above, experiment)
        for flag, above in (("in_training_text", 0.5), ("num_steps", 4.0))
        for experiment in ("population", "learning_curves")
    }
    assert all(set(one["methods"]) == {"icl", "zero_shot"} for one in own["slices"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variable": "mdl_lora"}, r"contamination.0.variable is 'mdl_lora', expected what a row of .*num_steps"),
        ({"methods": ["zero_shot"]}, r"contamination.0.methods is 'zero_shot', expected what"),
        ({"above": 0.5, "equals": "yes"}, r"contamination.0: above is 0.5 and equals 'yes', expected one of them"),
    ],
)
def test_what_nobody_trains_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UphillError, match=said):
        study({"dataset": "dial", "variable": "num_steps", "flag": "domain", **change})
