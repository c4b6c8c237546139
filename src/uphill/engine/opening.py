"""A job's model, with what earlier jobs found out of it."""

from collections.abc import Mapping
from typing import Any

from uphill.engine.loading import Loaded, load
from uphill.running.job import Running


def open_model(job: Running, entry: Mapping[str, Any]) -> Loaded:
    """Load a model on what the job was given, and let it remember its checks.

    Args:
        job: the job.
        entry: the model's config entry, with the identity of its weights.
    """
    loaded = load(entry, job.resources.pack_tokens, gpus_of(job.resources), job.resources.get("batch", 1))
    loaded.checks.remember(loaded.model, dict(entry))
    return loaded


def gpus_of(resources: Any) -> float:
    """GPUs of a job, or its share of one: `gpu` is whole, as clusters hand them out, `gpu_percent` the hundredths."""
    whole, percent = int(resources.gpu), int(resources.gpu_percent)
    return min(1.0, percent / 100) if whole == 1 else whole
