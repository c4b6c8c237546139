"""The zero-shot pass of a model over a dataset, where something reads it."""

from collections.abc import Iterator
from typing import Any

from uphill.registry import reads_states
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import shard_paths
from uphill.workflow.stages.items import items
from uphill.workflow.stages.models import keys_of, model_identity, weights
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """Those that a later stage reads."""
    from uphill.workflow.stages import measures, panels, predictions  # which import this module

    readers = [*predictions.jobs(study), *measures.jobs(study), *panels.jobs(study)]
    yield from dict.fromkeys(job for reader in readers for job in reader.reads.get("responses", ()))


@once
def responses(study: Study, model: str, dataset: str) -> Job:
    """Log-probabilities of choices, and hidden states where a method or measure reads them."""

    def decide() -> Settings:
        return {
            "model": model_identity(study, model),
            "asked": asked(study, model, dataset, zero_shot=True),
            **plain(study.config.responses),
            "states": (model, dataset) in _probed(study),
        }

    return Job(
        rule="responses",
        wildcards={"model": model, "dataset": dataset},
        title=f"Zero-shot pass of {model} over {dataset}",
        named=f"responses of models.{model} to datasets.{dataset}",
        record=f"responses/{model}/{dataset}",
        outputs={"responses": shard_paths(model, dataset, study.config.responses.shards)},
        decide=decide,
        reads={"questions": [items(study, dataset)], **weights(study, model)},
        model=model,
        from_config={**keys_of(model), "asked": f"datasets.{dataset}", "": "responses"},
    )


@once
def _probed(study: Study) -> set[tuple[str, str]]:
    """(model, dataset) of passes whose hidden states are read."""
    config = study.config
    methods = {
        (model, dataset)
        for arm in study.arms()
        for method in arm.methods
        if reads_states(config.method_module(method))
        for model in arm.models
        for dataset in arm.involved
    }
    return methods | {
        (model, dataset)
        for dataset in study.datasets
        for measure in config.measures_of(dataset)
        if reads_states(config.measure_module(measure))
        for model in config.measuring(measure, dataset)
    }


def asked(study: Study, model: str, dataset: str, zero_shot: bool) -> dict[str, Any]:
    """How a dataset's questions are put to a model without examples, as far as that is used."""
    forms = study.config.forms(dataset, model, zero_shot)
    return forms if study.config.generative(dataset) else {**forms, "cot_prompt": None}
