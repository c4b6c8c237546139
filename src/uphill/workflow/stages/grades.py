"""Grades: a job for each file of predictions, of the same slices."""

from collections.abc import Iterator
from typing import Any

from uphill.config.graders import further
from uphill.experiments.arms import Arm
from uphill.schemas.names import GOLD
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import grades_path, taught_by
from uphill.workflow.stages import predictions
from uphill.workflow.stages.items import items
from uphill.workflow.stages.labels import labels_of
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One a job of predictions."""
    yield from (grades(study, *each) for each in predictions.named(study))


@once
def slices(study: Study, method: str, model: str, dataset: str, labels: str = GOLD) -> dict[str, Job]:
    """The parts of a job's file, by name: each grades one of the predictions, and is kept where that stays."""
    arms = predictions.arms(study, method, model, dataset, labels)
    return {arm.slice: _slice(study, method, model, arm) for arm in arms}


@once
def of_arm(study: Study, arm: Arm) -> list[Job]:
    """The parts that grade an arm, of each of its models and methods."""
    return [
        slices(study, method, model, arm.dataset, labels_of(study, arm, method))[arm.slice]
        for model in arm.models
        for method in arm.methods
    ]


@once
def grades(study: Study, method: str, model: str, dataset: str, labels: str = GOLD) -> Job:
    """The job that brings all slices of a file up to date."""
    own = slices(study, method, model, dataset, labels)
    return _job(
        *(study, method, model, dataset, labels),
        answers=list(predictions.slices(study, method, model, dataset, labels).values()),
        decide=lambda: {"slices": {name: slice.spec for name, slice in own.items()}},
        parts=list(own.values()),
    )


def _slice(study: Study, method: str, model: str, arm: Arm) -> Job:
    grader, own = study.config.grader(arm.dataset, method)
    labels, others = labels_of(study, arm, method), further(study.config, arm.dataset, method)

    def decide() -> Settings:
        also = {name: {"grader": kind, "settings": plain(one)} for name, (kind, one) in others.items()}
        return {
            "grader": grader,
            "settings": plain(own),
            **({"also": also} if also else {}),
            "dataset": arm.dataset,
            "experiment": arm.experiment,
            "variable": arm.variable,
        }

    answers = predictions.slices(study, method, model, arm.dataset, labels)[arm.slice]
    return _job(study, method, model, arm.dataset, labels, answers=[answers], decide=decide, part=arm.slice)


def _job(study: Study, method: str, model: str, dataset: str, labels: str, answers: list[Job], **own: Any) -> Job:
    named, taught = f"datasets.{dataset}.grader", taught_by(labels)
    after = "" if labels == GOLD else f" taught by {labels}"
    grader, _ = study.config.grader(dataset, method)
    others = [kind for kind, _ in further(study.config, dataset, method).values()]
    return Job(
        rule="grade",
        wildcards={"method": method, "model": model, "dataset": dataset, "taught": taught},
        title=f"Grades of {method} with {model} on {dataset}{taught}",
        named=f"the grades of methods.{method} with models.{model} on datasets.{dataset}{after}",
        record=f"grades/{method}/{model}/{dataset}{taught}",
        outputs={"grades": [grades_path(method, model, dataset, taught)]},
        reads={"predictions": answers, "questions": [items(study, dataset)]},
        code=list(dict.fromkeys(f"uphill.grading.{kind}" for kind in (grader, *others))),
        from_config={"grader": f"{named}.kind", "settings": named, "also": f"datasets.{dataset}.also_graded_by"},
        **own,
    )
