"""The weak-to-strong experiment: who teaches whom, what is refused, and its table against accuracies that are known."""

import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from changed_studies import ROOT

from uphill.config import placing
from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.figures.plots import gap_recovered as drawing
from uphill.stats.agreement import error_consistency
from uphill.stats.conditions import Condition
from uphill.stats.recovery import gap_recovered
from uphill.tables.table import Analysis, Inputs, Teaching
from uphill.tables.weak_to_strong import TABLES
from uphill.tables.wide import wide
from uphill.workflow.study import Study

MODELS = {name: {"path": "resources/demo-models/1280k", "dtype": "float32"} for name in ("tiny", "small", "demo")}
ROW = {"dataset": "dial", "variable": "num_steps", "methods": ["probe"], "weak": "small", "strong": "demo"}


def raw(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    found["datasets"]["dial"]["pools"] = {"hardness": 600, "supervisor": 400}
    return {**found, "models": MODELS, "ladders": {}, "weak_to_strong": [row], **changes}


def runs(study: Study) -> set[tuple[str, str, str, tuple[str, ...] | None]]:
    """(model, labels, pool, levels) of each training that the row makes the workflow run."""
    return {
        (model, arm.labels, arm.train_pool, arm.train_on)
        for arm in study.arms()
        if arm.kind in ("weak_to_strong", "labels")
        for model in arm.models
    }


def test_a_pair_is_a_teacher_two_ceilings_and_a_student() -> None:
    study = Study(check(raw(ROW)))
    assert runs(study) == {
        ("small", "gold", "supervisor", ("all",)),  # weak, the teacher
        ("demo", "gold", "supervisor", ("all",)),  # the ceiling on the teacher's items
        ("small", "gold", "experiment", None),
        ("demo", "gold", "experiment", None),  # the ceiling on the student's items
        ("demo", "dial.small.probe", "experiment", None),
    }
    assert placing.used_labels(study.config) == ["dial.small.probe"]
    assert [job.wildcards["labels"] for job in study.of("label")] == ["dial.small.probe"]


def test_all_pairs_are_each_model_with_itself_and_those_after_it() -> None:
    row = {key: value for key, value in ROW.items() if key not in ("weak", "strong")}
    study = Study(check(raw(row | {"pairs": "all", "models": ["tiny", "small", "demo"], "soft": [False, True]})))
    students = {(labels, model) for model, labels, *_ in runs(study) if labels != "gold"}
    pairs = [("tiny", "tiny"), ("tiny", "small"), ("tiny", "demo"), ("small", "small"), ("small", "demo")]
    assert students == {
        (f"dial.{weak}.probe{soft}", strong) for weak, strong in [*pairs, ("demo", "demo")] for soft in ("", ".soft")
    }
    teachers = [arm for arm in study.arms() if arm.kind == "labels"]
    assert sorted(arm.models for arm in teachers) == [("demo",), ("small",), ("tiny",)]  # soft or not, one training


def test_ceiling_and_student_differ_in_their_labels_alone() -> None:
    study = Study(check(raw(ROW)))
    mine = study.job(
        "predictions_from_responses",
        {"method": "probe", "model": "demo", "dataset": "dial", "taught": "@dial.small.probe"},
    )
    gold = study.job(
        "predictions_from_responses", {"method": "probe", "model": "demo", "dataset": "dial", "taught": ""}
    )
    [student], [ceiling] = (
        [part for part in job.parts if part.part == "weak_to_strong/num_steps"] for job in (mine, gold)
    )
    assert {**student.settings, "labels": "gold"} == ceiling.settings
    assert student.settings["labels"] == "dial.small.probe"
    assert student.spec["code"] == ceiling.spec["code"]
    assert {k: v for k, v in student.inputs.items() if k != "labels"} == ceiling.inputs


def test_the_floor_is_the_teacher_that_labelled() -> None:
    study = Study(check(raw(ROW)))
    [label] = study.of("label")
    table = study.job("table", {"table": "weak_to_strong"})
    told = table.settings["teachers"]["dial.small.probe"]
    [read] = label.reads["predictions"]
    assert (read.part, read.wildcards["model"]) == (told["slice"], told["model"])
    graded = [
        part for part in table.reads["grades"] if part.part == told["slice"] and part.wildcards["model"] == "small"
    ]
    assert [part.upstream[0] for part in graded] == [read]


def test_a_teacher_of_one_level_is_trained_on_it_and_answers_all() -> None:
    study = Study(check(raw(ROW | {"teach_on": ["easy"]})))
    split = study.job("splits", {"dataset": "dial", "split": "num_steps.teacher.probe.easy"}).settings
    assert split["pools"] == {"train": "supervisor", "test": ["experiment", "test"]}
    assert split["sizes"]["train_on"] == ["easy"]
    assert split["sizes"]["n_test"] is None
    own = study.job("splits", {"dataset": "dial", "split": "num_steps"}).settings
    assert own["pools"] == {"train": "experiment", "test": ["test"]}


def test_students_of_confident_labels_stand_beside_those_of_all() -> None:
    study = Study(check(raw(ROW | {"soft": [False, True], "confident": 0.75})))
    students = {labels for model, labels, *_ in runs(study) if model == "demo"} - {"gold"}
    assert students == {f"dial.small.probe{over}{soft}" for over in ("", ".over_75") for soft in ("", ".soft")}
    teachers = [arm for arm in study.arms() if arm.kind == "labels" and arm.models == ("small",)]
    assert len(teachers) == 1  # one training
    told = study.job("table", {"table": "weak_to_strong"}).settings["teachers"]
    assert [told[f"dial.small.probe{over}"]["confident"] for over in ("", ".over_75")] == [None, 0.75]


def test_a_model_is_elicited_by_what_it_says_untrained_and_then_by_examples_of_that() -> None:
    """Zero-shot, then few-shot on items that it labelled itself: no right answer is read but the ceiling's."""
    first = {"kind": "predicted", "dataset": "dial", "method": "zero_shot", "model": "demo", "pool": "supervisor_2"}
    then = {"kind": "predicted", "dataset": "dial", "method": "icl", "model": "demo", "labels": "first"}
    row = {name: ROW[name] for name in ("dataset", "variable", "methods")} | {"weak": "demo", "strong": "demo"}
    rows = [row | {"teacher": "zero_shot"}, row | {"labels": ["then"]}]
    pools = {"datasets__dial__pools": {"hardness": 600, "supervisor": 400, "parts": 2}}
    made = raw(row, weak_to_strong=rows, labels={"first": first, "then": then})
    made["datasets"]["dial"]["pools"] = pools["datasets__dial__pools"]
    study = Study(check(made))
    told = study.job("table", {"table": "weak_to_strong"}).settings["teachers"]
    assert {name: (one["train_on"], one["labels"]) for name, one in told.items()} == {
        "dial.demo.zero_shot": ("none", "gold"),
        "then": ("all", "first"),
    }
    [label] = [job for job in study.of("label") if job.wildcards["labels"] == "dial.demo.zero_shot"]
    assert {read.wildcards["method"] for read in label.reads["predictions"]} == {"zero_shot"}


def test_folds_are_of_students_and_not_of_their_teacher() -> None:
    study = Study(check(raw(ROW, splits={"folds": 5, "min_test": 5})))
    teacher = study.job("splits", {"dataset": "dial", "split": "all.teacher.probe.all"}).settings["sizes"]
    own = study.job("splits", {"dataset": "dial", "split": "num_steps"}).settings["sizes"]
    assert (teacher["folds"], teacher["boots"]) == (False, 1)
    assert (own["folds"], own["boots"]) == (True, 5)


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (ROW | {"strong": None}, {}, "weak_to_strong.0: expected weak and strong, or models from weak to strong"),
    (ROW | {"pairs": "all"}, {}, "pairs is 'all', expected models from weak to strong"),
    (ROW | {"soft": [True, True]}, {}, "soft is [True, True], expected each once"),
    (ROW | {"variable": "all", "teach_on": ["easy"]}, {}, "teach_on is ['easy'] and variable 'all'"),
    (ROW | {"labels": ["x"], "soft": [True]}, {}, "soft is given beside labels, expected one of them"),
    (ROW | {"labels": ["x"]}, {}, "labels is 'x', expected one of gold"),
    (ROW | {"weak": "large"}, {}, "labels.dial.large.probe.model is 'large', expected one of demo, small, tiny"),
    (ROW | {"teacher": "zero_shot", "teach_on": ["easy"]}, {}, "'zero_shot' trains on nothing, expected no labels and"),
    (ROW | {"teacher": "icl_cot"}, {}, "'icl_cot' writes answers, expected a method that scores choices"),
    (ROW | {"labels": ["x"], "confident": 0.5}, {}, "confident is given beside labels, expected one of them"),
    (ROW | {"confident": 1.0}, {}, "weak_to_strong.0.confident: is 1.0, expected"),
    (ROW | {"teach_on": ["esy"]}, {}, "labels.dial.small.probe.num_steps.esy.train_on is 'esy', expected a level of"),
    (ROW | {"methods": ["lora"], "soft": [True]}, {}, "are soft, which 'lora' cannot be trained on; expected soft"),
    (ROW | {"methods": ["icl_cot"], "teacher": "probe"}, {}, "have no reasoning, which 'icl_cot' is trained on"),
    (ROW | {"dataset": "road"}, {}, "datasets.road.pools.supervisor is 0, expected items to train the teacher on"),
    (ROW, {"labels": {"Gold": {"kind": "gold", "dataset": "dial"}}}, "labels.Gold: the name is that of a dataset"),
    (ROW, {"labels": {"x": {"kind": "glod"}}}, "labels.x.kind is 'glod', expected one of certain_"),
    (ROW, {"labels": {"dial.small.probe": {"kind": "gold", "dataset": "dial"}}}, "the name is that of labels which"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "changes", "message"), BAD)
def test_a_wrong_row_is_refused_in_one_line(row: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=re.escape(message)) as error:
        check(raw(row, **changes))
    assert "\n" not in str(error.value)


def test_labels_of_one_dataset_teach_no_other() -> None:
    labels = {"x": {"kind": "gold", "dataset": "dial"}}
    row = {"dataset": "dial", "variable": "num_steps", "methods": ["probe"], "labels": "x", "train_from": ["road"]}
    with pytest.raises(UphillError, match="labels 'x' are of dataset 'dial', expected some of 'road'"):
        check(raw(ROW, labels=labels, population=[row]))


# A table of 40 items, half of them hard, whose rows are known.
ITEMS = [f"i{number:02d}" for number in range(40)]
LEVELS = {("d", "v"): ["easy", "hard"]}
RIGHT = {"weak": 16, "student": 24, "ceiling": 32, "weak_gold": 18, "own": 30}
TOLD = {"method": "probe", "model": "small", "dataset": "d", "variable": "all", "train_on": "all", "soft": False}
TOLD |= {"labels": "gold", "experiment": "teacher.probe.all", "confident": None}


def answers(right: int, model: str, labels: str = "gold", train_on: str = "easy", **more: Any) -> pd.DataFrame:
    """Grades of two boots: the first so many of the items, dealt to both levels in turn, are right."""
    order = [*ITEMS[::2], *ITEMS[1::2]]
    parts = [pd.DataFrame({"item_id": order, "correct": np.arange(40) < right, "boot": boot}) for boot in range(2)]
    # Of four choices the right one is the first, and who is wrong takes the last.
    shares = [np.array([0.7, 0.1, 0.1, 0.1]) if item < right else np.array([0.1, 0.1, 0.1, 0.7]) for item in range(40)]
    parts = [part.assign(shares=shares, p_gold=[one[0] for one in shares]) for part in parts]
    made = {"model": model, "dataset": "d", "variable": "v", "experiment": "weak_to_strong", "method": "probe"}
    made |= {"train_dataset": "d", "train_on": train_on, "n_train": 4, "k": 0, "labels": labels, "cot": False}
    read = {"prompt": "0040", "dropped": 0, "noise_p": 0.0, "status": "ok", "ended": None}
    return pd.concat(parts, ignore_index=True).assign(**made, **read, source="file").assign(**more)


def teacher(right: int, model: str) -> pd.DataFrame:
    own = answers(right, model, train_on="all", variable="all", experiment="teacher.probe.all")
    return own[own["boot"] == 0]


def inputs(**changes: int) -> Inputs:
    right = RIGHT | changes
    graded = [
        answers(right["student"], "demo", "by_small"),
        answers(right["ceiling"], "demo"),
        answers(right["weak_gold"], "small"),
        answers(10, "demo", train_on="none", method="zero_shot", n_train=0).query("boot == 0"),
    ]
    tested = pd.DataFrame({"item_id": ITEMS, "level": np.repeat(["easy", "hard"], 20), "value": 0.0})
    # The first two items of each boot are those that the student of four was trained on, and two more.
    trained = pd.DataFrame({"item_id": ITEMS[:5] * 2, "boot": np.repeat([0, 1], 5), "rank": [*range(5)] * 2})
    said = pd.concat([teacher(right["weak"], "small"), teacher(right["own"], "demo")], ignore_index=True)
    return Inputs(
        pd.concat(graded, ignore_index=True),
        tested.assign(dataset="d", variable="v"),
        LEVELS,
        Analysis({"d": "zero_shot"}, 300, 0.95, 0),
        teaching=Teaching({"by_small": TOLD}, said, trained.assign(dataset="d", variable="v", train_on="easy")),
    )


def row(table: pd.DataFrame, test_on: str = "all") -> pd.Series:
    found = table[table["test_on"] == test_on]
    assert len(found) == 1
    return found.iloc[0]


def test_the_table_has_each_role_on_the_same_items() -> None:
    table = TABLES["weak_to_strong"].reduce(inputs())
    assert list(table["test_on"]) == ["all", "easy", "hard"]
    one = row(table)
    roles = {"weak": 16, "student": 24, "ceiling": 32, "weak_gold": 18, "ceiling_supervisor": 30, "unsupervised": 10}
    for role, right in roles.items():
        assert one[f"{role}_accuracy"] == pytest.approx(right / 40)
        assert one[f"{role}_accuracy_low"] <= one[f"{role}_accuracy"] <= one[f"{role}_accuracy_high"]
    assert one["pgr"] == pytest.approx(0.5)
    assert one["status"] == "defined"
    assert (one["weak"], one["strong"], one["labels"], one["train_on"]) == ("small", "demo", "by_small", "easy")
    assert (one["n_test"], one["boots"], one["n_labels"]) == (40, 2, 8)
    # Of the items i00 to i03 the teacher has the even ones right: those come first.
    assert one["label_accuracy"] == 0.5
    # Student and teacher differ on 8 of 40: the chance of agreeing is .6 * .4 + .4 * .6.
    assert one["agreement"] == pytest.approx(0.8)
    assert one["error_kappa"] == pytest.approx((0.8 - 0.48) / 0.52)
    # They take the same choice on the same 32; by chance as often where both are right, and a third where both are not.
    assert one["capa_choice"] == pytest.approx((0.8 - (0.24 + 0.24 / 3)) / (1 - (0.24 + 0.24 / 3)))
    # Alike they agree with .52, else with .16; they are right with 24 or 16 of 40 times .7, and else .1.
    student, weak, seen = 0.6 * 0.7 + 0.4 * 0.1, 0.4 * 0.7 + 0.6 * 0.1, 0.8 * 0.52 + 0.2 * 0.16
    chance = student * weak + (1 - student) * (1 - weak) / 3
    assert one["capa"] == pytest.approx((seen - chance) / (1 - chance))


def test_of_unsure_labels_a_student_has_none() -> None:
    """The teacher gives .7 to what it says, so none is left above it; above .6 all, and of some it is less sure."""
    whole = inputs()
    assert whole.teaching is not None
    said = whole.teaching.answers
    # Unsure of i01, of the boots' first four: the fifth, which it has right, takes its place.
    unsure = said["item_id"] == "i01"
    flat = [[0.25] * 4 if one else own for one, own in zip(unsure, said["shares"], strict=True)]
    teaching = Teaching({"by_small": TOLD | {"confident": 0.6}}, said.assign(shares=flat), whole.teaching.trained)
    one = row(TABLES["weak_to_strong"].reduce(replace(whole, teaching=teaching)))
    assert (one["confident"], one["n_labels"], one["label_accuracy"]) == (0.6, 8, 0.75)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"ceiling": 16}, "undefined"), ({"ceiling": 17}, "unbounded"), ({"ceiling": 2, "weak": 30}, "negative gap")],
)
def test_without_a_gap_there_is_no_ratio(changes: dict[str, int], status: str) -> None:
    one = row(TABLES["weak_to_strong"].reduce(inputs(**changes)))
    assert one["status"] in (status, {"undefined": "unbounded", "unbounded": "undefined"}.get(status))
    assert one[["pgr", "pgr_low", "pgr_high", "pgr_p"]].isna().all()
    assert one["student_accuracy"] == pytest.approx(0.6)  # the accuracies are told all the same


def test_a_model_that_teaches_itself_has_no_gap() -> None:
    whole = inputs()
    assert whole.teaching is not None
    itself = Teaching({"by_small": TOLD | {"model": "demo"}}, whole.teaching.answers, whole.teaching.trained)
    one = row(
        TABLES["weak_to_strong"].reduce(Inputs(whole.predictions, whole.tested, LEVELS, whole.study, teaching=itself))
    )
    assert one["status"] == "same model"
    assert np.isnan(one["pgr"])
    assert one["weak_accuracy"] == one["ceiling_supervisor_accuracy"] == 0.75


def test_a_model_that_teaches_itself_by_another_method_is_a_teacher_like_any_other() -> None:
    whole = inputs()
    assert whole.teaching is not None
    own = whole.teaching.answers
    early = own.loc[own["model"] == "small"].assign(model="demo", method="probe_early")
    said = pd.concat([own.loc[own["model"] == "demo"], early], ignore_index=True)
    itself = Teaching({"by_small": TOLD | {"model": "demo", "method": "probe_early"}}, said, whole.teaching.trained)
    one = row(
        TABLES["weak_to_strong"].reduce(Inputs(whole.predictions, whole.tested, LEVELS, whole.study, teaching=itself))
    )
    assert (one["status"], one["teacher"], one["weak"], one["strong"]) == ("defined", "probe_early", "demo", "demo")
    assert (one["weak_accuracy"], one["pgr"]) == (0.4, pytest.approx(0.5))
    # The one model, trained as the student was, is the ceiling, and as the teacher was, the teacher.
    assert one[["weak_gold_accuracy", "ceiling_supervisor_accuracy"]].isna().all()


def test_an_answer_that_was_not_read_counts_as_wrong_and_order_moves_nothing() -> None:
    whole = inputs()
    first = TABLES["weak_to_strong"].reduce(whole)
    mixed = whole.predictions.sample(frac=1, random_state=0, ignore_index=True)
    again = TABLES["weak_to_strong"].reduce(Inputs(mixed, whole.tested, LEVELS, whole.study, teaching=whole.teaching))
    pd.testing.assert_frame_equal(first, again)
    unread = whole.predictions.assign(correct=whole.predictions["correct"] & (whole.predictions["labels"] == "gold"))
    none = TABLES["weak_to_strong"].reduce(Inputs(unread, whole.tested, LEVELS, whole.study, teaching=whole.teaching))
    assert row(none)["student_accuracy"] == 0
    assert row(none)["n_test"] == 40


def test_a_paper_prints_and_a_figure_draws_the_hardest_items() -> None:
    table = TABLES["weak_to_strong"].reduce(inputs())
    layout = TABLES["weak_to_strong"].layout
    assert layout is not None
    printed = wide(table, layout, {"d": "zero_shot"}, LEVELS)
    assert list(printed.columns) == ["Weak", "Student", "Ceiling", "PGR", "n test"]
    assert printed["Ceiling"].iloc[0].startswith("60.0")  # 12 of the 20 hard items
    axis = drawing.plot(table, LEVELS).axes[0]
    [bar] = axis.patches
    assert bar.get_height() == pytest.approx(row(table, "hard")["pgr"])
    assert axis.get_ylabel() == "gap recovered (PGR)"
    empty = drawing.plot(table.assign(status="same model"), LEVELS)
    assert "Nothing to draw" in empty.texts[0].get_text()


def test_the_gap_is_the_published_ratio() -> None:
    """The report's own numbers: 56.6 weak, 61.9 transferred, 64.5 ceiling is a PGR of .67."""

    def column(right: int) -> Condition:
        return Condition((np.arange(1000) < right).astype(float)[:, None])

    found = gap_recovered(column(619), column(645), column(566))
    assert found.point == pytest.approx(53 / 79)


def test_error_consistency_is_kappa_of_being_right() -> None:
    a = np.array([1, 1, 0, 0, 1, 0, 1, 1], float)[:, None]
    b = np.array([1, 0, 0, 0, 1, 1, 1, 1], float)[:, None]
    found = error_consistency(a, b)
    both, chance = 6 / 8, (5 * 5 + 3 * 3) / 64
    assert (found.observed, found.expected) == pytest.approx((both, chance))
    assert found.kappa == pytest.approx((both - chance) / (1 - chance))
    assert error_consistency(a, a).kappa == 1
    assert np.isnan(error_consistency(np.ones((3, 1)), np.ones((3, 1))).kappa)
    gaps = np.array([[1, np.nan], [0, 1], [np.nan, 0]])
    assert error_consistency(gaps, np.array([[1.0], [0.0], [0.0]])).observed == pytest.approx((1 + 0.5) / 2)
    with pytest.raises(ValueError, match="expected items x boots of the same items"):
        error_consistency(a, b[:-1])
    with pytest.raises(ValueError, match="no item was tested in both"):
        error_consistency(np.array([[np.nan], [1.0]]), np.array([[1.0], [np.nan]]))
