"""A job's model, with what earlier jobs found out of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uphill.engine.loading import Loaded, load
from uphill.errors import damaged
from uphill.running.job import Running
from uphill.running.places import record_of


def open_model(job: Running, entry: Mapping[str, Any]) -> Loaded:
    """Load a model on what the job was given, and let it remember its checks.

    Args:
        job: the job.
        entry: the model's config entry, with the identity of its weights.

    Raises:
        UphillError: see `load`; or weights that are made here were made by another config or other code.
    """
    made = job.expected(job.input.get("weights", []))
    for path, identity in made.items():
        _check_made_by(path, identity)
    loaded = load(entry, job.resources.pack_tokens, gpus_of(job.resources), job.resources.get("batch", 1))
    loaded.checks.remember(loaded.model, {**entry, **made})
    return loaded


def _check_made_by(path: str, identity: str) -> None:
    """A half-finished rerun leaves weights of another day; of a copy without records, their own files are all there is.

    Raises:
        UphillError: the file's record says another identity.
    """
    try:
        said = json.loads(Path(record_of(path)).read_text())["spec"]["id"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if said != identity:
        raise damaged(path, "made by another config or by older code")


def gpus_of(resources: Any) -> float:
    """GPUs of a job, or its share of one: `gpu` is whole, as clusters hand them out, `gpu_percent` the hundredths."""
    whole, percent = int(resources.gpu), int(resources.gpu_percent)
    return min(1.0, percent / 100) if whole == 1 else whole
