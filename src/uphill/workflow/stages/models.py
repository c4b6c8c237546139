"""Models that are made here: one that a GGUF file holds, as a folder that jobs load."""

from collections.abc import Iterator
from typing import Any

from uphill.identity.files import file_digest, folder_digest
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import model_folder, model_paths
from uphill.workflow.study import Study

GGUF = "model_from_gguf"


def jobs(study: Study) -> Iterator[Job]:
    """Those that a later stage reads."""
    from uphill.workflow.stages import (  # which import this module
        clusters,
        generations,
        measures,
        predictions,
        responses,
    )

    readers = [*predictions.jobs(study), *measures.jobs(study), *responses.jobs(study)]
    readers += [*generations.jobs(study), *clusters.jobs(study)]
    yield from dict.fromkeys(job for reader in readers for job in reader.reads.get("weights", ()))


@once
def made(study: Study, model: str) -> Job | None:
    """The job that makes a model; none where it is there."""
    entry = study.config.models[model]
    if entry.gguf is None:
        return None

    def decide() -> Settings:
        return {"content": file_digest(str(entry.gguf)), "dtype": entry.dtype}

    return Job(
        rule=GGUF,
        wildcards={"model": model},
        title=f"Converting the GGUF file of {model}",
        named=f"models.{model}",
        record=f"models/{model}",
        outputs={"model": model_paths(model)},
        decide=decide,
        outside={"gguf": [entry.gguf]},
        from_config={"content": f"models.{model}.gguf", "dtype": f"models.{model}.dtype"},
    )


def weights(study: Study, model: str) -> dict[str, list[Job]]:
    """What a job that loads a model reads of it: nothing of one that is not made here."""
    job = made(study, model)
    return {"weights": [job]} if job else {}


@once
def model_identity(study: Study, model: str) -> dict[str, Any]:
    """What decides a model's numbers: its config entry, how texts become tokens, the content of a local folder."""
    entry, job = study.config.models[model], made(study, model)
    own = plain(entry)
    # Where the file lies decides nothing; who loads the model finds it in the folder that is made.
    del own["gguf"]
    if job:
        own |= {"path": model_folder(model), "content": job.id}
    elif entry.path:
        own["content"] = folder_digest(entry.path, entry.trust_remote_code)
    tokens = {"answers": study.config.answers, "max_prompt_tokens": study.config.max_prompt_tokens}
    return {"name": model, **own, **tokens}


def keys_of(model: str) -> dict[str, str]:
    """Where in the config each part of a model's identity is from."""
    whole = {f"model.{name}": name for name in ("answers", "max_prompt_tokens")}
    return {"model": f"models.{model}", **whole}
