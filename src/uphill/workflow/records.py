"""What made each result, as the results themselves say: a Parquet file in its metadata, others in a record of it.

Snakemake's own records lie in a folder that no copy of the results takes along. By these, a copied or restored result
is held against the study as one that was made here is.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from uphill.running.places import record_of
from uphill.running.provenance import beside
from uphill.schemas import parquet
from uphill.schemas.files import METADATA_KEY
from uphill.workflow.jobs import PROVENANCE, Job, Spec
from uphill.workflow.study import Study


def recorded(job: Job) -> list[Spec | None]:
    """What made each file of a job that is there, None where no record says; a damaged output is for its readers."""
    said = {path: _read(path) for path in _tellers(job)}
    return [spec for path, spec in said.items() if spec is not None or str(path) not in job.files]


def _tellers(job: Job) -> Iterator[Path]:
    for path in (path for path in job.files if Path(path).is_file() and not path.endswith(".json")):
        told = path if path.endswith(".parquet") else beside(path) if PROVENANCE in job.outputs else record_of(path)
        yield Path(told)


def _read(path: Path) -> Spec | None:
    """No more is read than what says it: whether the rest is whole, its reader looks at."""
    try:
        if path.suffix == ".parquet":
            said = json.loads((parquet.schema(path).metadata or {})[METADATA_KEY])
        else:
            said = json.loads(path.read_text())["spec"]
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    return said if isinstance(said, dict) and said.keys() >= {"id", "settings", "code", "upstream"} else None


def is_of_today(job: Job) -> bool:
    """Whether every file of a job that is there was made by what would make it today."""
    return all(said is not None and said["id"] == job.id for said in recorded(job))


def of_another_day(study: Study) -> list[str]:
    """Files that something else made than would make them today, or of which that is not known."""
    found = (job.files for job in study.jobs if not is_of_today(job))
    return [path for files in found for path in files if Path(path).is_file()]
