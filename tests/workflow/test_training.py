"""Models that are trained here, in the workflow: made once, asked as any model, known by what made them."""

import json
from pathlib import Path

from conftest import Checkout
from trained_studies import STUDENT, TEACHER, trained

from uphill.schemas.files import read
from uphill.schemas.labels import LABELS
from uphill.schemas.predictions import PREDICTIONS

TARGETS = [f"results/predictions/zero_shot/{model}/dial.parquet" for model in ("demo", "teacher", "student")]


def asked(*models: str) -> set[str]:
    return {f"Zero-shot pass of {name} over dial" for name in models} | {
        f"zero_shot with {name} on dial" for name in models
    }


def test_trained_models_are_made_once_and_asked_as_any_model(checkout: Checkout) -> None:
    config = checkout.configure(trained)
    run = checkout.snakemake(*TARGETS, "--configfile", config)
    assert run.status == 0, run.output[-4000:]
    assert {TEACHER, STUDENT, *asked("demo", "teacher", "student")} <= set(run.jobs)
    results = checkout.folder / "results"
    scores = {
        path: read(checkout.folder / path, PREDICTIONS).set_index("item_id")["scores"].map(tuple) for path in TARGETS
    }
    demo, teacher, student = (scores[path] for path in TARGETS)
    assert sorted(demo.index) == sorted(teacher.index) == sorted(student.index)
    assert all((demo != other.loc[demo.index]).all() for other in (teacher, student))
    learned = {name: read(results / f"labels/{name}.parquet", LABELS)["item_id"] for name in ("right", "reasoned")}
    for model, labels in (("teacher", "right"), ("student", "reasoned")):
        said = json.loads((results / f"models/{model}/training.json").read_text())
        assert said["items"] == len(learned[labels])
    assert not {*learned["right"]} & {*learned["reasoned"]}
    again = checkout.snakemake(*TARGETS, "--configfile", config)
    assert again.jobs == [], again.output[-4000:]
    _edit(checkout.folder / config, "lr: 0.0001", "lr: 0.0002")
    other = checkout.snakemake(*TARGETS, "--configfile", config, "-n")
    assert set(other.jobs) == {STUDENT, *asked("student")}, other.output[-4000:]
    why = checkout.uphill("why", "--configfile", config, *TARGETS)
    assert "recipes.whole.lr: 0.0001 -> 0.0002" in why.output, why.output
    assert "results/models" not in why.output, why.output


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
