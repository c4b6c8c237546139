"""From the jobs that Snakemake would run to what made them stale: root causes, and what follows from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uphill.schemas.parquet import is_whole
from uphill.why.changes import changes, older_upstream
from uphill.why.records import edited_inputs, interrupted, was_made
from uphill.workflow.jobs import Job
from uphill.workflow.records import recorded
from uphill.workflow.study import Study

UPDATED = "updated input files"


@dataclass(frozen=True)
class Stale:
    """A job that would run.

    Attributes:
        title: what it is called.
        causes: what made it stale that no other stale job explains; none if it only follows from others.
        follows: titles of stale jobs that it reads from.
    """

    title: str
    causes: tuple[str, ...]
    follows: frozenset[str]


def explain(study: Study, pending: Mapping[str, str]) -> list[Stale]:
    """Every job that would run, in the order of the workflow, with why.

    Args:
        study: the study.
        pending: by file of each job that would run, its status in Snakemake's words.
    """
    stale = [job for job in study.jobs if any(path in pending for path in job.files)]
    running = {each.id for job in stale for each in (job, *job.parts)}
    titles = {job.title for job in stale}
    return [_explained(job, pending, running, titles) for job in stale]


def _explained(job: Job, pending: Mapping[str, str], running: Collection[str], titles: Collection[str]) -> Stale:
    follows = {read.title for read in job.upstream if read.title in titles}
    return Stale(job.title, tuple(_causes(job, pending, running, bool(follows))), frozenset(follows))


def _causes(job: Job, pending: Mapping[str, str], running: Collection[str], follows: bool) -> Sequence[str]:
    there = [path for path in job.files if Path(path).exists()]
    stopped = [path for path in job.files if interrupted(path)]
    broken = [path for path in there if path.endswith(".parquet") and not is_whole(Path(path))]
    if broken:
        return [f"{broken[0]}: not a whole Parquet file"]
    if stopped:
        return [f"{stopped[0]}: its job was interrupted"]
    if not there and not was_made(job.files[0]):
        return [f"{job.files[0]}: not made yet"] if not follows else []
    if len(there) < len(job.files):
        missing = next(path for path in job.files if path not in there)
        return [f"{missing}: made before, but no longer there"]
    records = recorded(job)
    other = next((said for said in records if said is not None and said["id"] != job.id), None)
    found = changes(job, other, running) if other else []
    found += [f"{there[0]}: nothing says what made it"] if None in records else []
    older = older_upstream(job, other) - set(running) if other else set()
    found += ["made from older results, which were made again since"] if older else []
    if not older and pending[there[0]] == UPDATED:
        found += [f"{path}: changed by hand" for path in edited_inputs(there[0])]
    return found if found or follows else [f"Snakemake says: {pending[there[0]]}"]
