"""Panels: which cells answer, what rests on them, and what is refused."""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trained_studies
import yaml
from changed_studies import ROOT
from snakemake.settings.types import GroupSettings

from uphill.config.checked import check
from uphill.config.panels import chosen
from uphill.config.study import Config
from uphill.errors import UphillError
from uphill.hardness import irt
from uphill.registry import settings_of
from uphill.workflow import launch
from uphill.workflow.jobs import Job
from uphill.workflow.stages.tables import circular
from uphill.workflow.study import Study


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def raw(**panel: Any) -> dict[str, Any]:
    """The default study with a panel of dial, and a row by its scale."""
    found = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    cells = [{"methods": ["icl"], "experiment": "population", "variable": "num_steps"}]
    found["panels"] = {"p": {"dataset": "dial", "models": ["demo"], "cells": cells, **panel}}
    found["measures"]["rasch"] = {"kind": "irt", "dataset": "dial", "panel": "p"}
    found["methods"]["later"] = {"kind": "probe", "n_train": 160}
    found["population"].append({"dataset": "dial", "variable": "rasch", "methods": ["later"]})
    found["all_to_all"] = []
    return found


def config(**panel: Any) -> Config:
    return check(raw(**panel))


def cells(**more: Any) -> dict[str, Any]:
    return {"cells": [{"methods": ["icl"], "experiment": "population", "variable": "num_steps", **more}]}


def test_cells_are_those_of_one_slice() -> None:
    [found] = chosen(config(), "p")
    assert (found.method, found.model, found.arm.slice) == ("icl", "demo", "population/num_steps")
    assert (found.train_on, found.boots) == (("easy", "medium", "hard"), None)
    [some] = chosen(config(**cells(train_on=["hard"], boots=[2, 0])), "p")
    assert (some.train_on, some.boots) == (("hard",), (0, 2))


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ({"models": [], "cells": []}, "panels.p: nobody answers, expected models, or cells, or both"),
        ({"dataset": "dail"}, "panels.p.dataset is 'dail', expected one of dial"),
        ({"models": ["big"]}, "panels.p.models is 'big', expected one of demo"),
        (cells(methods=["ilc"]), "panels.p.cells.methods is 'ilc', expected one of"),
        (
            cells(experiment=None),
            "panels.p.cells.0: 'icl' is tested on dataset 'dial' by population/num_steps, learning",
        ),
        (cells(experiment="ladders"), "by no experiment (by such a variable, with gold labels); expected one"),
        (cells(models=["small"]), "panels.p.cells.0.models is 'small', expected one that population/num_steps runs"),
        (
            cells(train_on=["harder"]),
            "panels.p.cells.0.train_on is 'harder', expected a level that population/num_steps",
        ),
        (cells(boots=[5]), "panels.p.cells.0.boots is 5, expected less than 5, the boots of population/num_steps"),
        (cells(boots=[-1]), "panels.p.cells.0.boots.0: is -1"),
        ({"by": "text"}, "panels.p.by: is 'text', expected 'choice'"),
        ({"dataset": "road"}, "measures.rasch.dataset is 'dial' and panels.p.dataset 'road', expected the same"),
    ],
)
def test_what_is_no_panel_is_refused(panel: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError) as error:
        config(**panel)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_written_answers_are_no_choices() -> None:
    changed = raw()
    changed["panels"]["w"] = {"dataset": "road_written", "models": ["demo"]}
    with pytest.raises(UphillError, match=r"panels.w.models: answers of dataset 'road_written' are written"):
        check(changed)
    changed["panels"]["w"] = {"dataset": "road_written", "cells": [{"methods": ["zero_shot_cot", "icl_cot"]}]}
    found = list(chosen(check(changed), "w"))
    assert [one.train_on for one in found] == [("none",), ("easy", "medium", "hard")]


def test_a_panel_that_rests_on_its_own_scale_is_refused_by_name() -> None:
    changed = raw()
    changed["population"][-1]["methods"] = ["later", "icl"]
    with pytest.raises(UphillError) as error:
        check(changed)
    assert (
        "panels.p.cells: the job of 'icl' with 'demo' on 'dial', for population/num_steps, rests on population/rasch"
        in (str(error.value))
    )
    # Nor by way of another panel's scale.
    changed = raw(**cells(methods=["later"], variable="second"))
    changed["measures"]["second"] = {"kind": "irt", "dataset": "dial", "panel": "q"}
    changed["panels"]["q"] = {"dataset": "dial", "models": ["demo"], **cells(methods=["lora"], variable="rasch")}
    changed["population"][-1]["methods"] = ["lora"]
    changed["population"].append({"dataset": "dial", "variable": "second", "methods": ["later"]})
    with pytest.raises(UphillError, match=r"panels\.[pq]\.cells: the job of"):
        check(changed)


def test_a_measure_reads_a_file_or_a_panel() -> None:
    for change, message in (
        ({"path": "answers.csv"}, "measures.rasch: expected either panel or path"),
        ({"panel": None}, "measures.rasch: expected either panel or path"),
        ({"item_id": "id"}, "measures.rasch: item_id or not_models is given beside panel"),
        ({"panel": "nobody"}, "measures.rasch.panel is 'nobody', expected one of p"),
    ):
        changed = raw()
        changed["measures"]["rasch"] |= change
        with pytest.raises(UphillError) as error:
            check(changed)
        assert message in str(error.value)


def jobs(found: Study) -> dict[str, Job]:
    return {job.title: job for job in found.jobs}


def test_what_is_made_of_a_panel() -> None:
    found = jobs(Study(config()))
    matrix, measure = found["Answers of panel p"], found["Hardness of dial: rasch by panel p"]
    assert matrix.inputs == {
        "questions": ["results/items/dial.parquet"],
        "responses": [f"results/responses/demo/dial/shard-{n}-of-{count}.parquet" for count in (1,) for n in range(1)],
        "grades": ["results/grades/icl/demo/dial.parquet"],
        "splits": ["results/splits/dial/num_steps.parquet"],
    }
    assert measure.rule == "measure_from_matrix"
    assert settings_of(irt, measure.settings["settings"]) == config().measure_settings("rasch")  # as its job reads it
    assert measure.inputs["matrix"] == ["results/matrices/p.parquet"]
    assert matrix.files == ["results/matrices/p.parquet", "results/matrices/respondents/p.parquet"]


DOWN = {
    *("Answers of panel p", "Hardness of dial: rasch by panel p", "Hardness of dial, with levels"),
    *("Splits of dial by rasch", "later with demo on dial", "Grades of later with demo on dial", "Table population"),
}


@pytest.mark.parametrize(
    ("change", "more"),
    [
        (lambda raw: raw["panels"]["p"]["cells"][0].update(boots=[0, 1]), set()),
        (lambda raw: raw["panels"]["p"].update(models=[]), set()),
        (lambda raw: raw["methods"]["icl"].update(k=7), {"icl with demo on dial", "icl with demo on road"}),
    ],
)
def test_an_edit_of_a_panels_cell_restales_its_scale_and_what_follows(change: Any, more: set[str]) -> None:
    before, edited = raw(), raw()
    change(edited)
    old, new = jobs(Study(check(before))), jobs(Study(check(edited)))
    stale = {title for title, job in new.items() if old[title].id != job.id}
    assert stale >= DOWN | more
    assert "Splits of dial by num_steps" not in stale
    assert "lora with demo on dial" not in stale


def test_models_of_a_panel_that_are_judged_on_its_scale_are_marked() -> None:
    study = Study(config())
    found = circular(study, [(arm.dataset, arm.variable) for arm in study.arms("population")])
    assert ["demo", "dial", "rasch", ["icl", "icl_cot", "zero_shot", "zero_shot_cot"]] in found
    assert not [row for row in found if row[2] == "num_steps"]
    table = jobs(study)["Table population"]
    assert table.settings["circular"] == found


@pytest.mark.parametrize("made", [config, lambda: check(trained_studies.study())], ids=["a panel", "trained models"])
def test_groups_of_a_cluster_wait_for_no_step_outside_that_waits_for_them(made: Callable[[], Config]) -> None:
    """Between cells that answer and what is trained on the scale, or on labels, each step is a job of its own."""
    groups = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    settings = GroupSettings(overwrite_groups=groups["groups"], group_components=groups["group-components"])
    plain, panelled = (SimpleNamespace(group_settings=settings) for _ in range(2))
    launch.ungroup(plain, Study(check(yaml.safe_load((ROOT / "config/config.yaml").read_text()))))
    assert plain.group_settings == settings
    study = Study(made())
    launch.ungroup(panelled, study)
    found = panelled.group_settings
    assert found.group_components == {}
    # No path leads from a step of a group, by one that is in none of it, back to the group.
    group_of = found.overwrite_groups.get
    of_file = {path: job for job in study.jobs for path in job.files}
    above: dict[Job, set[str | None]] = {}

    def rests_on(job: Job) -> set[str | None]:
        """Groups of all that a job rests on."""
        if job not in above:
            read = {of_file[path] for paths in job.inputs.values() for path in paths}
            above[job] = {group_of(one.rule) for one in read}.union(*map(rests_on, read))
        return above[job]

    for job in study.jobs:
        own = group_of(job.rule)
        for read in {of_file[path] for paths in job.inputs.values() for path in paths} if own else ():
            assert own == group_of(read.rule) or own not in rests_on(read), (job.title, read.title)
    assert "graders" in groups["groups"].values()


def labelled(**teacher: Any) -> dict[str, Any]:
    """A panel of what was trained on a teacher's labels."""
    found = raw(cells=[{"methods": ["icl"], "experiment": "learning_curves", "labels": "weak"}])
    found["datasets"]["dial"]["pools"] = {"hardness": 300, "supervisor": 300}
    found["labels"] = {"weak": {"kind": "predicted", "dataset": "dial", "method": "probe", "model": "demo", **teacher}}
    row = {"dataset": "dial", "variable": "num_steps", "sizes": {"icl": [8]}, "labels": "weak"}
    return found | {"learning_curves": [row]}


def test_cells_are_of_one_kind_of_labels_and_rest_on_their_teacher() -> None:
    assert jobs(Study(check(labelled())))["Answers of panel p"].inputs["grades"] == [
        "results/grades/icl/demo/dial@weak.parquet"
    ]
    changed = labelled()
    del changed["panels"]["p"]["cells"][0]["labels"]
    with pytest.raises(UphillError, match=r"by no experiment \(by such a variable, with gold labels\)"):
        check(changed)
    with pytest.raises(
        UphillError, match=r"for learning_curves/num_steps, rests on teacher.probe.easy/rasch, which has"
    ):
        check(labelled(variable="rasch", train_on="easy"))


def test_a_table_by_every_variable_marks_those_that_the_tested_model_measured() -> None:
    study = Study(check(yaml.safe_load((ROOT / "config/config.yaml").read_text()), where="config.yaml"))
    tables = jobs(study)
    by_hardness = tables["Table all_to_all_by_hardness"].settings["circular"]
    marked = {
        variable: alike for model, dataset, variable, alike in by_hardness if (model, dataset) == ("demo", "dial")
    }
    assert "zero_shot" in marked["mdl_zero_shot"]
    assert marked["mdl_probe"] == ["probe"]
    assert not {"num_steps", "question_num_words"} & marked.keys()
    assert tables["Table all_to_all"].settings["circular"] == []
