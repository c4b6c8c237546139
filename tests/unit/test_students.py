"""The table of students: who is held against whom, and its numbers against those of the statistics alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from alice_studies import raw

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.figures.plots import students as drawing
from uphill.stats.conditions import Condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.recovery import gap_recovered
from uphill.tables.students import TABLES
from uphill.tables.table import Analysis, Inputs
from uphill.tables.wide import wide

LEVELS = {("road", "num_steps"): ("easy", "hard")}
ROLES = {
    **{"weak": ["small"], "weak_gold": ["small.gold"], "untrained": ["big"], "ceiling": ["big.gold", "big.gold.1"]},
    "alice": ["big.a", "big.a.1"],
    "naive": ["big.n", "big.n.1"],
}
CHANCE = {"small": 0.5, "small.gold": 0.55, "big": 0.3, "big.gold": 0.9, "big.a": 0.75, "big.n": 0.6}


def answers(n_items: int = 80, seed: int = 0) -> pd.DataFrame:
    """Grades of all models on items of two levels."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in dict.fromkeys(model for models in ROLES.values() for model in models):
        right = rng.random(n_items) < CHANCE[model.removesuffix(".1")]
        rows += [
            {
                **{"model": model, "dataset": "road", "variable": "num_steps", "method": "zero_shot_cot", "boot": 0},
                **{"item_id": f"i{item:03}", "correct": bool(right[item]), "train_on": "unsupervised"},
                **{
                    "status": "ok" if item % 10 else "unparsed",
                    "ended": True,
                    "f1": None,
                    "shares": None,
                    "source": "grades",
                },
            }
            for item in range(n_items)
        ]
    return pd.DataFrame(rows)


def inputs(graded: pd.DataFrame, roles: dict[str, list[str]] = ROLES) -> Inputs:
    items = sorted(set(graded["item_id"]))
    half = len(items) // 2
    tested = pd.DataFrame(
        {
            **{"dataset": "road", "variable": "num_steps", "item_id": items},
            **{"level": ["easy"] * half + ["hard"] * (len(items) - half), "value": 1.0},
        }
    )
    asked = {"dataset": "road", "variable": "num_steps", "method": "zero_shot_cot", "roles": roles}
    study = Analysis({"road": "zero_shot_cot"}, draws=100, coverage=0.95, seed=0)
    return Inputs(graded, tested, LEVELS, study, own={"rows": [asked]})


def matrix(graded: pd.DataFrame, models: list[str], items: list[str]) -> Condition:
    own = graded.set_index(["model", "item_id"])["correct"].astype(float)
    return Condition(np.array([[own[model, item] for model in models] for item in items]), len(models) > 1)


def test_numbers_are_those_of_the_roles_on_the_same_items() -> None:
    graded = answers()
    table = TABLES["students"].reduce(inputs(graded))
    assert list(zip(table["labels"], table["test_on"], strict=True)) == [
        (labels, level) for level in ("all", "easy", "hard") for labels in ("alice", "naive")
    ]
    items = {"all": range(80), "easy": range(40), "hard": range(40, 80)}
    for row in table.to_dict("records"):
        own = [f"i{item:03}" for item in items[row["test_on"]]]
        roles = {role: matrix(graded, models, own) for role, models in ROLES.items()}
        student = roles[row["labels"]]
        found = gap_recovered(student, roles["ceiling"], roles["weak"], 0.95)
        assert row["n_test"] == len(own)
        assert row["seeds"] == 2
        for role, of in {
            "student": student,
            **{name: roles[name] for name in ("weak", "ceiling", "untrained")},
        }.items():
            interval = accuracy_interval(of, 0.95)
            assert row[f"{role}_accuracy"] == pytest.approx(of.correct.mean())
            assert (row[f"{role}_accuracy_low"], row[f"{role}_accuracy_high"]) == (interval.low, interval.high)
        assert row["status"] == found.status
        if found.status == "defined":
            accuracies = [of.correct.mean() for of in (student, roles["ceiling"], roles["weak"])]
            assert row["pgr"] == pytest.approx((accuracies[0] - accuracies[2]) / (accuracies[1] - accuracies[2]))
            assert (row["pgr_low"], row["pgr_high"]) == (found.ratios.low, found.ratios.high)
        gain = difference(roles["untrained"], student, 0.95)
        assert (row["gain"], row["gain_low"]) == pytest.approx((gain.point, gain.low))
        assert row["parse_rate"] == pytest.approx(0.9)


def test_the_order_of_answers_changes_nothing() -> None:
    graded = answers()
    one = TABLES["students"].reduce(inputs(graded))
    other = TABLES["students"].reduce(inputs(graded.sample(frac=1, random_state=3).reset_index(drop=True)))
    pd.testing.assert_frame_equal(one, other)


def test_a_model_against_itself_has_no_gap() -> None:
    roles = {**ROLES, "ceiling": ["small"], "alice": ["big.a"], "naive": ["big.n"]}
    table = TABLES["students"].reduce(inputs(answers(), roles))
    assert set(table["status"]) <= {"undefined", "unbounded"}
    assert table["pgr"].isna().all()


def test_open_questions_have_exact_match_and_f1() -> None:
    graded = answers().assign(f1=0.25)
    table = TABLES["students"].reduce(inputs(graded))
    assert (table["f1"] == 0.25).all()
    assert table["em"].to_numpy() == pytest.approx(table["student_accuracy"].to_numpy())
    assert TABLES["students"].reduce(inputs(answers()))["f1"].isna().all()


def test_it_is_printed_on_the_hardest_items_and_drawn_on_all_levels() -> None:
    table = TABLES["students"].reduce(inputs(answers()))
    layout = TABLES["students"].layout
    assert layout is not None
    printed = wide(table, layout, {}, LEVELS)
    assert len(printed) == 2
    figure = drawing.plot(table, LEVELS)
    [axis] = figure.get_axes()
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["all items", "easy", "hard"]
    assert len(axis.containers) == 3 * 6
    said = [text.get_text() for text in axis.texts]
    assert len(said) == (table["status"] == "defined").sum()


def with_row(**changes: Any) -> dict[str, Any]:
    found = raw({})
    row = {
        **{"dataset": "road", "variable": "num_steps", "method": "zero_shot_cot", "weak": ["340k"]},
        **{"students": {"naive": ["614k"]}, "ceiling": ["1280k"]},
        **changes,
    }
    return {**found, "students": [row]}


WRONG = [
    ({"students": {"weak": ["614k"]}}, "students.weak is called as a role is"),
    ({"students": {"naive": []}}, r"students.naive is \[\]"),
    ({"students": {"naive": ["614k", "340k"]}}, "students.naive has 2 models and ceiling 1"),
    ({"weak": ["340k", "614k"]}, "weak"),
    ({"students": {"naive": ["615k"]}}, "'615k'"),
    ({"method": "icl"}, "method is 'icl', which is trained, expected one that trains on nothing"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_rows_that_say_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    found = with_row(**changes)
    found["methods"]["icl"] = {"kind": "icl", "k": 2, "cot": True}
    with pytest.raises(UphillError, match=message):
        check(found)
    check(with_row())
