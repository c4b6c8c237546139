"""Results that several checkouts share: what one of them made, under an identity, none makes again.

The folder that `UPHILL_CACHE` names holds, for each identity, the files that its job made. The identity is the whole of
what decides them (settings, code, model, data), so an entry is never out of date; it is checked whenever it is read.
Snakemake's own between-workflow caching is not used: docs/caching.md says why.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uphill.identity.specs import PACKAGE, digest, versions
from uphill.running.job import Running
from uphill.schemas.files import written_whole

VARIABLE = "UPHILL_CACHE"
MANIFEST = "manifest.json"
log = logging.getLogger(__name__)


def fetch(job: Running) -> bool:
    """Put a job's outputs in place if some checkout made them before; whether it did.

    A damaged entry counts as none.
    """
    entry = _entry(job.spec)
    if entry is None or not (entry / MANIFEST).is_file():
        return False
    try:
        recorded = json.loads((entry / MANIFEST).read_text())
        if recorded["spec"]["id"] != job.spec["id"] or len(recorded["files"]) != len(job.output):
            raise ValueError("not of this job")
        for index, path in enumerate(job.output):
            _take(entry / str(index), path, recorded["files"][index])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: damaged (%s): making its results again", entry, error)
        shutil.rmtree(entry, ignore_errors=True)
        return False
    log.info("taken from %s: no model is loaded", entry)
    return True


def _take(kept: Path, path: str, expected: str) -> None:
    """Copy one file of an entry. What cannot be written here says nothing against the entry: the job ends with that."""
    if not kept.is_file():
        raise ValueError(f"{kept.name} is missing")
    with written_whole(path) as temporary:
        shutil.copyfile(kept, temporary)
        if _digest(temporary) != expected:
            raise ValueError(f"{kept.name} is not what was stored")


def store(job: Running) -> None:
    """Keep a job's outputs for other checkouts. A cache that cannot be written stops no job."""
    entry = _entry(job.spec)
    if entry is None:
        return
    unfinished = entry.with_name(f".{uuid.uuid4().hex}")
    try:
        unfinished.mkdir(parents=True)
        _fill(unfinished, job.spec, job.output)
        unfinished.rename(entry)
    except OSError as error:
        if not (entry / MANIFEST).is_file():  # else another checkout was faster
            log.warning("%s: not kept (%s)", entry, error)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, spec: Mapping[str, Any], outputs: Sequence[str]) -> None:
    files = []
    for index, path in enumerate(outputs):
        shutil.copyfile(path, folder / str(index))
        files.append(_digest(path))
    (folder / MANIFEST).write_text(json.dumps({"spec": spec, "files": files}, indent=1) + "\n")


def _entry(spec: Mapping[str, Any]) -> Path | None:
    """The folder of a job's results; None where nothing is shared.

    Within a checkout, other versions of libraries make nothing stale; between checkouts they share nothing.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        return None
    numeric = {name: version for name, version in versions().items() if name not in ("snakemake", PACKAGE)}
    return Path(root) / spec["stage"] / f"{spec['id']}-{digest(numeric)}"


def _digest(path: Path | str) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
