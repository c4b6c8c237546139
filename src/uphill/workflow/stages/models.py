"""Models that are made here: one that a GGUF file holds, as a folder that jobs load, and those that are trained."""

from collections.abc import Iterator
from typing import Any

from uphill.config.trained import adapters_of, chain
from uphill.identity.files import file_digest, folder_digest
from uphill.running.places import shipped
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import model_folder, model_paths
from uphill.workflow.stages.training import training
from uphill.workflow.study import Study

GGUF = "model_from_gguf"


def jobs(study: Study) -> Iterator[Job]:
    """Those that another stage reads, through whatever steps."""
    from uphill.workflow.stages import (  # which import this module
        clusters,
        generations,
        measures,
        predictions,
        responses,
        token_scores,
    )

    readers = [*predictions.jobs(study), *measures.jobs(study), *responses.jobs(study)]
    readers += [*token_scores.jobs(study), *generations.jobs(study), *clusters.jobs(study)]
    yield from dict.fromkeys(job for reader in readers for job in _with_bases(reader))


def _with_bases(reader: Job) -> Iterator[Job]:
    for job in reader.reads.get("weights", ()):
        yield from _with_bases(job)
        yield job


@once
def made(study: Study, model: str) -> Job | None:
    """The job that makes a model; none where it is there."""
    entry = study.config.models[model]
    if entry.trained is not None:
        return training(study, model)
    return None if entry.gguf is None else _converted(study, model, entry.gguf)


def _converted(study: Study, model: str, gguf: str) -> Job:
    entry = study.config.models[model]

    def decide() -> Settings:
        return {"content": file_digest(gguf), "dtype": entry.dtype}

    return Job(
        rule=GGUF,
        wildcards={"model": model},
        title=f"Converting the GGUF file of {model}",
        named=f"models.{model}",
        record=f"models/{model}",
        outputs={"model": model_paths(model)},
        decide=decide,
        outside={"gguf": [gguf]},
        from_config={"content": f"models.{model}.gguf", "dtype": f"models.{model}.dtype"},
    )


def weights(study: Study, model: str) -> dict[str, list[Job]]:
    """What a job that loads a model reads of it: whole weights and adapters over them, as far as they are made here."""
    whole, adapters = _layers(study, model)
    found = [job for name in (whole, *adapters) if (job := made(study, name)) is not None]
    return {"weights": found} if found else {}


def _layers(study: Study, model: str) -> tuple[str, list[str]]:
    """The model of a chain whose whole weights are loaded, and those whose adapters lie over them, lowest first."""
    adapters = adapters_of(study.config, model)
    return chain(study.config, model)[len(adapters)], adapters


@once
def model_identity(study: Study, model: str) -> dict[str, Any]:
    """What decides a model's numbers: its config entry, how texts become tokens, the content of a local folder."""
    return loaded_as(study, model, weights_of=model)


def loaded_as(study: Study, model: str, weights_of: str) -> dict[str, Any]:
    """How a model's entry has weights loaded and asked: its own, or those of the base that it is trained from.

    Which training made weights, their readers have of what they read.
    """
    entry, (whole, adapters) = study.config.model(model), _layers(study, weights_of)
    own, job = plain(entry), made(study, whole)
    # Where the file lies decides nothing; who loads the model finds it in the folder that is made.
    del own["gguf"], own["trained"]
    if job:
        own |= {"path": model_folder(whole), "hub_id": None, "revision": None}
    if job and job.rule == GGUF:
        own["content"] = job.id
    elif not job and entry.path:
        own["content"] = folder_digest(shipped(entry.path), entry.trust_remote_code)
    if adapters:
        own["adapters"] = [model_folder(name) for name in adapters]
    tokens = {"answers": study.config.answers, "max_prompt_tokens": study.config.max_prompt_tokens}
    return {"name": model, **own, **tokens}


def keys_of(model: str) -> dict[str, str]:
    """Where in the config each part of a model's identity is from."""
    whole = {f"model.{name}": name for name in ("answers", "max_prompt_tokens")}
    return {"model": f"models.{model}", **whole}
