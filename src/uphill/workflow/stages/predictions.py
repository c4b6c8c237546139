"""Predictions: a job a (method, model, dataset), of one slice for each experiment and variable that it is part of."""

from collections.abc import Iterator
from typing import Any

from uphill.experiments import Row
from uphill.registry import reads_states
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import predictions_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.responses import keys_of, model_identity, responses
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study

FROM_RESPONSES, ON_MODEL = "predictions_from_responses", "predictions_on_model"


def jobs(study: Study) -> Iterator[Job]:
    """One a method, model and dataset that occur together in some row."""
    named = ((method, model, row.dataset) for row in study.rows() for model in row.models for method in row.methods)
    yield from (predictions(study, *each) for each in dict.fromkeys(named))


@once
def rows(study: Study, method: str, model: str, dataset: str) -> list[Row]:
    """What a job makes: a row for each (experiment, variable)."""
    found: dict[str, Row] = {}
    for row in study.rows():
        if row.dataset == dataset and method in row.methods and model in row.models:
            found.setdefault(row.slice, row)
    return list(found.values())


@once
def slices(study: Study, method: str, model: str, dataset: str) -> dict[str, Job]:
    """The parts of a job's file, by name: each has an identity of its own, and is kept where that stays."""
    return {row.slice: _slice(study, method, model, row) for row in rows(study, method, model, dataset)}


@once
def predictions(study: Study, method: str, model: str, dataset: str) -> Job:
    """The job that brings all slices of a file up to date."""
    own = slices(study, method, model, dataset)
    together: dict[str, dict[Job, None]] = {}
    for slice in own.values():
        for name, read in slice.reads.items():
            together.setdefault(name, {}).update(dict.fromkeys(read))
    return _job(
        *(study, method, model, dataset),
        decide=lambda: {"slices": {name: slice.spec for name, slice in own.items()}},
        reads={name: list(read) for name, read in together.items()},
        parts=list(own.values()),
    )


def _slice(study: Study, method: str, model: str, row: Row) -> Job:
    config, module = study.config, study.config.method_module(method)

    def decide() -> Settings:
        return {
            "method": method,
            "kind": config.methods[method]["kind"],
            "settings": plain(config.method_settings(method)),
            "model": model_identity(study, model) if module.RUNS_MODEL else {"name": model},
            "experiment": row.experiment,
            "variable": row.variable,
            "split": row.split,
            "sources": list(row.sources),
            "sizes": list(row.sizes.get(method, ())),
            "noise": list(row.noise),
            "hard_noise": row.hard_noise,
            "datasets": {name: _put(study, method, model, name) for name in row.involved},
            "seed": config.seed,
        }

    read = {
        "questions": [items(study, name) for name in row.involved],
        "splits": [splits(study, name, row.split) for name in row.involved],
    }
    if module.READS_RESPONSES:
        read["responses"] = [responses(study, model, name) for name in row.involved]
    return _job(study, method, model, row.dataset, decide=decide, reads=read, part=row.slice)


def _job(study: Study, method: str, model: str, dataset: str, **own: Any) -> Job:
    module = study.config.method_module(method)
    return Job(
        rule=ON_MODEL if module.RUNS_MODEL else FROM_RESPONSES,
        wildcards={"method": method, "model": model, "dataset": dataset},
        title=f"{method} with {model} on {dataset}",
        named=f"methods.{method} with models.{model} on datasets.{dataset}",
        record=f"predictions/{method}/{model}/{dataset}",
        outputs={"predictions": [predictions_path(method, model, dataset)]},
        code=[f"uphill.methods.{study.config.methods[method]['kind']}"],
        model=model if module.RUNS_MODEL else None,
        holds=["responses"] if reads_states(module) else [],
        from_config={
            "settings": f"methods.{method}",
            **keys_of(model),
            "": own.get("part", "").split("/")[0],
        },
        **own,
    )


def _put(study: Study, method: str, model: str, dataset: str) -> dict[str, Any]:
    """How a method puts a dataset's questions to a model, and how long an answer may be."""
    config, settings = study.config, study.config.method_settings(method)
    zero_shot = getattr(settings, "k", None) == 0
    return {
        **config.forms(dataset, model, zero_shot),
        "forms": {name: config.form(name, model) for name in getattr(settings, "prompts", ())},
        "max_new_tokens": config.datasets[dataset].max_new_tokens,
    }
