"""What makes a result what it is: settings, code, and the identity of everything it is made from.

A job's `spec` is one ordered plain dict. Snakemake reruns the job when it changes, the job writes it into what it
makes, and tables refuse inputs whose recorded spec is not today's.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

PACKAGE = "uphill"
SEVERAL = ", "
"""What stands between the versions of a library, where parts of a result were made with different ones."""


def digest(value: Any) -> str:
    """A short digest of plain data; the order of dict keys does not matter, values do."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def spec(stage: str, settings: Mapping[str, Any], code: str, upstream: Mapping[str, str]) -> dict[str, Any]:
    """The identity of one job, and `id`, its digest, by which those downstream name it.

    Args:
        stage: the kind of job.
        settings: every config value that the job reads, as plain data.
        code: digest of the modules that the job imports.
        upstream: the `id` of each job that this one reads from.
    """
    body = {"stage": stage, "settings": dict(settings), "code": code, "upstream": dict(sorted(upstream.items()))}
    return {**body, "id": digest(body)}


def versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers. Recorded beside results, not part of their identity."""
    names = ("torch", "transformers", "tokenizers", "peft", "numpy", "pandas", "pyarrow", "scipy", "snakemake", PACKAGE)
    return {name: metadata.version(name) for name in names}


def together(*found: Mapping[str, str]) -> dict[str, str]:
    """Versions of several makings as one: of a library that changed between them, every version in order."""
    seen: dict[str, set[str]] = {}
    for one in found:
        for name, version in one.items():
            seen.setdefault(name, set()).update(version.split(SEVERAL))
    return {name: SEVERAL.join(sorted(each)) for name, each in seen.items()}
