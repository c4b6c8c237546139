"""From the jobs that Snakemake would run to what made them stale: root causes, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uphill.parquet import is_whole
from uphill.why.changes import changes, older_upstream
from uphill.why.jobs import Planned, planned, shares
from uphill.why.records import edited_inputs, interrupted, made_from
from uphill.workflow import Plan
from uphill.workflow.plan import Spec

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


def explain(plan: Plan, pending: Mapping[str, str]) -> list[Stale]:
    """Every job that would run, in the order of the workflow, with why.

    Args:
        plan: the study.
        pending: by file of each job that would run, its status in Snakemake's words.
    """
    stale = [job for job in planned(plan) if any(path in pending for path in job.outputs)]
    makers = {identity: job.title for job in stale for identity in job.identities}
    return [_explained(job, pending, makers) for job in stale]


def _explained(job: Planned, pending: Mapping[str, str], makers: Mapping[str, str]) -> Stale:
    follows = {makers[identity] for identity in _reads(job.spec) if identity in makers} - {job.title}
    return Stale(job.title, tuple(_causes(job, pending, makers, bool(follows))), frozenset(follows))


def _reads(spec: Spec) -> set[str]:
    """Identities of all that a job reads."""
    found = set(spec["upstream"].values())
    if spec["stage"] == "table":
        found.update(identity for own in spec["settings"]["shares"].values() for identity in own.values())
    return found.union(*(_reads(share) for share in shares(spec).values()))


def _causes(job: Planned, pending: Mapping[str, str], makers: Mapping[str, str], follows: bool) -> Sequence[str]:
    there = [path for path in job.outputs if Path(path).exists()]
    stopped = [path for path in job.outputs if interrupted(path)]
    old = made_from(there[0]) if there else None
    broken = [path for path in there if path.endswith(".parquet") and not is_whole(Path(path))]
    if broken:
        return [f"{broken[0]}: not a whole Parquet file"]
    if stopped:
        return [f"{stopped[0]}: its job was interrupted"]
    if not there and made_from(job.outputs[0]) is None:
        return [f"{job.outputs[0]}: not made yet"] if not follows else []
    if len(there) < len(job.outputs):
        missing = next(path for path in job.outputs if path not in there)
        return [f"{missing}: made before, but no longer there"]
    found = changes(job.job, old, job.spec, makers) if old else []
    older = {identity for identity in older_upstream(old, job.spec) if identity not in makers} if old else set()
    found += ["made from older results, which were made again since"] if older else []
    if not older and pending[there[0]] == UPDATED:
        found += [f"{path}: changed by hand" for path in edited_inputs(there[0])]
    return found if found or follows else [f"Snakemake says: {pending[there[0]]}"]
