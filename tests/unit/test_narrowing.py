"""A part of a study: rows fall away, and what is run is the same job as in the whole."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
CONFIGS = {name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("config", "demo-all")}
SHOWN = {"table", "wide", "figure", "report"}
"""Rules that show several rows together, which are others where some of them are gone."""


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def study(only: Mapping[str, Any] | None = None, config: str = "config", **changes: Any) -> Study:
    raw = {**copy.deepcopy(CONFIGS[config]), **changes}
    return Study(check({**raw, **({"only": only} if only else {})}, "mine.yaml"))


def ids(found: Study) -> dict[str, str]:
    """Of every job, and of every part of a file of several."""
    own = {path: job.id for job in found.jobs if job.rule not in SHOWN and not job.parts for path in job.files}
    return own | {f"{job.files[0]} {part.part}": part.id for job in found.jobs for part in job.parts}


@pytest.fixture(scope="module")
def whole() -> dict[str, str]:
    return ids(study())


@pytest.mark.parametrize(
    "only",
    [
        {"datasets": ["road"]},
        {"datasets": ["dial", "dial_taught"], "methods": ["probe"]},
        {"methods": ["icl"]},
        {"models": ["demo"]},
        {"datasets": ["dial"], "models": ["demo"], "methods": ["zero_shot", "probe"]},
    ],
    ids=str,
)
def test_what_is_run_is_the_same_job_as_in_the_whole(whole: dict[str, str], only: dict[str, list[str]]) -> None:
    found = study(only)
    part = ids(found)
    assert part.items() <= whole.items()
    assert len(part) < len(whole)
    arms = [arm for arm in found.arms() if arm.kind != "labels"]
    assert arms
    unsupervised = {found.config.datasets[arm.dataset].unsupervised for arm in arms}
    for arm in arms:
        assert {arm.dataset} <= {*only.get("datasets", [arm.dataset])}
        assert {*arm.models} <= {*only.get("models", arm.models)}
        assert {*arm.methods} <= {*only.get("methods", arm.methods), *unsupervised}


def test_each_row_that_is_asked_for_is_there() -> None:
    """Counted by hand in the embedded default."""
    found = study({"datasets": ["dial"], "methods": ["zero_shot", "probe"]})
    run = {(arm.experiment, arm.variable): set(arm.methods) for arm in found.arms()}
    assert run == {
        ("population", "num_steps"): {"zero_shot", "probe"},
        ("population", "question_num_words"): {"zero_shot", "probe"},
        ("all_to_all", "all"): {"zero_shot", "probe"},
        ("learning_curves", "num_steps"): {"zero_shot", "probe"},
        ("noisy_labels", "num_steps"): {"zero_shot", "probe"},
    }
    assert found.datasets == ["dial", "road"], "road is trained on"
    assert {job.wildcards["table"] for job in found.of("table")} >= {"population", "sgr", "learning_curves"}


def test_a_teacher_comes_along_and_its_labels_stay_those() -> None:
    """The teacher of a row is its first method, also where that is not asked for."""
    rows = [{"dataset": "dial_taught", "methods": ["probe", "icl"], "weak": "demo_106k", "strong": "demo"}]
    before = study(weak_to_strong=rows)
    after = study({"methods": ["icl"], "datasets": ["dial_taught"]}, weak_to_strong=rows)
    labels = {job.files[0]: job.id for job in after.of("label")}
    assert labels
    assert labels.items() <= {job.files[0]: job.id for job in before.of("label")}.items()
    assert ids(after).items() <= ids(before).items()
    # Of a teacher without its student, nothing is left to say.
    assert not study({"models": ["demo"]}, weak_to_strong=rows).of("label")


def test_draws_stay_those_of_all_methods() -> None:
    """A ladder draws as many items as its largest method trains on."""
    rows = copy.deepcopy(CONFIGS["config"]["ladders"])
    rows["road_to_dial"]["methods"] = ["icl", "probe"]
    before, after = study(ladders=rows), study({"methods": ["icl"]}, ladders=rows)
    assert ids(after).items() <= ids(before).items()


def test_rows_that_read_what_others_train_fall_away_with_it() -> None:
    assert {"reconcile", "contamination"} & {*study(config="demo-all").shown()}
    after = study({"datasets": ["dial"], "methods": ["zero_shot"]}, config="demo-all")
    assert not {"reconcile", "contamination"} & {*after.shown()}
    # So do panels of datasets that nothing is of.
    assert not after.of("matrix")


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ({"datasets": ["dail"]}, "only.datasets is 'dail', expected one of .*did you mean 'dial'"),
        ({"methods": ["prob"]}, "only.methods is 'prob', expected one of .*did you mean 'probe'"),
        ({"models": []}, "only: expected names under datasets, models or methods, or no such key"),
        ({"dataset": ["dial"]}, "only.dataset: unknown key .did you mean 'datasets'"),
        ({"datasets": ["road_written"], "methods": ["probe"]}, "only is .*, which no row of an experiment is of"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(only: dict[str, Any], said: str) -> None:
    with pytest.raises(UphillError, match=rf"^mine\.yaml: {said}") as found:
        study(only)
    assert "\n" not in str(found.value)


def test_rows_that_fall_away_are_to_be_right_too() -> None:
    rows = [*CONFIGS["config"]["population"], {"dataset": "road", "variable": "num_step", "methods": ["probe"]}]
    with pytest.raises(UphillError, match="num_step"):
        study({"datasets": ["dial"]}, population=rows)


def test_a_panel_keeps_its_answers_or_is_refused() -> None:
    """Answers of fewer would be another scale, of the same name."""
    raw = copy.deepcopy(CONFIGS["config"])
    raw["panels"] = {"seen": {"dataset": "dial", "cells": [{"methods": ["icl", "probe"], "experiment": "all_to_all"}]}}
    raw["measures"]["scale"] = {"kind": "irt", "dataset": "dial", "panel": "seen"}
    same = Study(check({**raw, "only": {"datasets": ["dial"]}}))
    assert {job.id for job in same.of("matrix")} == {job.id for job in Study(check(raw)).of("matrix")}
    with pytest.raises(UphillError, match="only: leaves out 'icl' with 'demo' on 'dial', whose answers panels"):
        check({**raw, "only": {"methods": ["probe"]}})
