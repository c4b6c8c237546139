"""Grades: a job for each file of predictions, of the same slices."""

from collections.abc import Iterator
from typing import Any

from uphill.experiments.arms import Arm
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import grades_path
from uphill.workflow.stages import predictions
from uphill.workflow.stages.items import items
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One a job of predictions."""
    yield from (grades(study, **job.wildcards) for job in predictions.jobs(study))


@once
def slices(study: Study, method: str, model: str, dataset: str) -> dict[str, Job]:
    """The parts of a job's file, by name: each grades one of the predictions, and is kept where that stays."""
    arms = predictions.arms(study, method, model, dataset)
    return {arm.slice: _slice(study, method, model, arm) for arm in arms}


@once
def grades(study: Study, method: str, model: str, dataset: str) -> Job:
    """The job that brings all slices of a file up to date."""
    own = slices(study, method, model, dataset)
    return _job(
        *(study, method, model, dataset),
        answers=list(predictions.slices(study, method, model, dataset).values()),
        decide=lambda: {"slices": {name: slice.spec for name, slice in own.items()}},
        parts=list(own.values()),
    )


def _slice(study: Study, method: str, model: str, arm: Arm) -> Job:
    grader, own = study.config.grader(arm.dataset, method)

    def decide() -> Settings:
        return {
            "grader": grader,
            "settings": plain(own),
            "dataset": arm.dataset,
            "experiment": arm.experiment,
            "variable": arm.variable,
        }

    answers = predictions.slices(study, method, model, arm.dataset)[arm.slice]
    return _job(study, method, model, arm.dataset, answers=[answers], decide=decide, part=arm.slice)


def _job(study: Study, method: str, model: str, dataset: str, answers: list[Job], **own: Any) -> Job:
    named = f"datasets.{dataset}.grader"
    grader, _ = study.config.grader(dataset, method)
    return Job(
        rule="grade",
        wildcards={"method": method, "model": model, "dataset": dataset},
        title=f"Grades of {method} with {model} on {dataset}",
        named=f"the grades of methods.{method} with models.{model} on datasets.{dataset}",
        record=f"grades/{method}/{model}/{dataset}",
        outputs={"grades": [grades_path(method, model, dataset)]},
        reads={"predictions": answers, "questions": [items(study, dataset)]},
        code=[f"uphill.grading.{grader}"],
        from_config={"grader": f"{named}.kind", "settings": named},
        **own,
    )
