"""Predictions: a job a (method, model, dataset), of one slice for each experiment and variable that it is part of.

What is trained on labels of the config is a job of its own for each of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from uphill.config.placing import used_labels
from uphill.experiments.arms import TEACHERS, Arm
from uphill.registry import reads_states
from uphill.schemas.names import GOLD
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import predictions_path, taught_by
from uphill.workflow.stages.items import items
from uphill.workflow.stages.labels import label, labels_of
from uphill.workflow.stages.models import keys_of, model_identity, weights
from uphill.workflow.stages.responses import responses
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study

FROM_RESPONSES, ON_MODEL = "predictions_from_responses", "predictions_on_model"


def jobs(study: Study) -> Iterator[Job]:
    """One a method, model, dataset and labels that occur together in some arm; labels lie after teachers."""
    every = named(study)
    yield from (predictions(study, *each) for each in every if each[-1] == GOLD)
    yield from (label(study, name) for name in used_labels(study.config))
    yield from (predictions(study, *each) for each in every if each[-1] != GOLD)


@once
def named(study: Study) -> list[tuple[str, str, str, str]]:
    """(method, model, dataset, labels) of each job."""
    found = (
        (method, model, arm.dataset, labels_of(study, arm, method))
        for arm in study.arms()
        for model in arm.models
        for method in arm.methods
    )
    return list(dict.fromkeys(found))


@once
def arms(study: Study, method: str, model: str, dataset: str, labels: str = GOLD) -> list[Arm]:
    """What a job makes: an arm for each (experiment, variable).

    A method that trains on nothing is asked of the tested dataset alone, whatever a row trains others on.
    """
    found: dict[str, Arm] = {}
    for arm in study.arms():
        part = arm.dataset == dataset and method in arm.methods and model in arm.models
        if part and labels_of(study, arm, method) == labels:
            found.setdefault(arm.slice, arm if study.config.n_train(method) else replace(arm, train_from=()))
    return list(found.values())


@once
def slices(study: Study, method: str, model: str, dataset: str, labels: str = GOLD) -> dict[str, Job]:
    """The parts of a job's file, by name: each has an identity of its own, and is kept where that stays."""
    return {arm.slice: _slice(study, method, model, arm) for arm in arms(study, method, model, dataset, labels)}


@once
def predictions(study: Study, method: str, model: str, dataset: str, labels: str = GOLD) -> Job:
    """The job that brings all slices of a file up to date."""
    own = slices(study, method, model, dataset, labels)
    together: dict[str, dict[Job, None]] = {}
    for slice in own.values():
        for name, read in slice.reads.items():
            together.setdefault(name, {}).update(dict.fromkeys(read))
    return _job(
        *(study, method, model, dataset, labels),
        decide=lambda: {"slices": {name: slice.spec for name, slice in own.items()}},
        reads={name: list(read) for name, read in together.items()},
        parts=list(own.values()),
    )


def _slice(study: Study, method: str, model: str, arm: Arm) -> Job:
    config, module = study.config, study.config.method_module(method)
    labels = labels_of(study, arm, method)

    def decide() -> Settings:
        return {
            "method": method,
            "kind": config.methods[method]["kind"],
            "settings": plain(config.method_settings(method)),
            "model": model_identity(study, model) if module.RUNS_MODEL else {"name": model},
            "experiment": arm.experiment,
            "dataset": arm.dataset,
            "variable": arm.variable,
            "split": arm.split,
            "sources": list(arm.sources),
            "sizes": list(arm.sizes.get(method, ())),
            "noise": list(arm.noise),
            "noise_factors": dict(arm.noise_factors),
            "datasets": {name: _put(study, method, model, name) for name in arm.involved},
            "labels": labels,
            "seed": config.seed,
        }

    read = {
        "questions": [items(study, name) for name in arm.involved],
        "splits": [splits(study, name, arm.split) for name in arm.involved],
    }
    if module.READS_RESPONSES:
        read["responses"] = [responses(study, model, name) for name in arm.involved]
    if module.RUNS_MODEL:
        read |= weights(study, model)
    if labels != GOLD:
        read["labels"] = [label(study, labels)]
    asked_for = TEACHERS if arm.kind == TEACHERS else arm.experiment
    return _job(study, method, model, arm.dataset, labels, asked_for, decide=decide, reads=read, part=arm.slice)


def _job(study: Study, method: str, model: str, dataset: str, labels: str, asked_for: str = "", **own: Any) -> Job:
    module, taught = study.config.method_module(method), taught_by(labels)
    after = "" if labels == GOLD else f" taught by {labels}"
    return Job(
        rule=ON_MODEL if module.RUNS_MODEL else FROM_RESPONSES,
        wildcards={"method": method, "model": model, "dataset": dataset, "taught": taught},
        title=f"{method} with {model} on {dataset}{taught}",
        named=f"methods.{method} with models.{model} on datasets.{dataset}{after}",
        record=f"predictions/{method}/{model}/{dataset}{taught}",
        outputs={"predictions": [predictions_path(method, model, dataset, taught)]},
        code=[f"uphill.methods.{study.config.methods[method]['kind']}"],
        model=model if module.RUNS_MODEL else None,
        holds=["responses"] if reads_states(module) else [],
        from_config={
            "settings": f"methods.{method}",
            **keys_of(model),
            "": asked_for,
        },
        **own,
    )


def _put(study: Study, method: str, model: str, dataset: str) -> dict[str, Any]:
    """How a method puts a dataset's questions to a model, and how long an answer may be."""
    config, settings = study.config, study.config.method_settings(method)
    zero_shot = getattr(settings, "k", None) == 0
    named = [*getattr(settings, "prompts", ()), *getattr(settings, "train_prompts", ())]
    return {
        **config.forms(dataset, model, zero_shot),
        "forms": {name: config.form(name, model) for name in named},
        "max_new_tokens": config.datasets[dataset].max_new_tokens,
    }
