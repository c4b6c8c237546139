"""Before a run: what an earlier one left, whether this one can write, and what it should be told."""

import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from uphill.errors import UphillError
from uphill.running import processes, warm
from uphill.running.stopping import stop_run_on_signal
from uphill.schemas.files import is_leaving
from uphill.schemas.parquet import is_whole
from uphill.workflow import gpus
from uphill.workflow.named import written_over
from uphill.workflow.records import of_another_day
from uphill.workflow.study import Study
from uphill.workflow.targets import check_targets

AGAIN = "run the same command again"


def watch(workflow: Any, study: Study) -> None:
    """Have a run clear up what an earlier one left, before its DAG is made; a dry run or a summary changes nothing.

    While the rules are read, Snakemake does not know yet what it was started for, and its `onstart` comes after the
    DAG; so this stands before the step that builds the DAG.

    Args:
        workflow: Snakemake's, whose rules are being read.
        study: the study.

    Raises:
        UphillError: a file stands where a folder is expected.
    """
    stop_run_on_signal(jobs_are_here=False)
    _check_folders(study)
    build = workflow._build_dag

    def build_dag() -> None:
        try:
            check_targets(workflow, study)
        except UphillError as error:
            sys.exit(f"error: {error}")
        if workflow.executor_plugin is None or workflow.dryrun:
            # So that Snakemake says of damaged files what a run does with them, and keeps no notes of what it saw.
            damaged, stale = look(study), of_another_day(study)
            workflow.dag.forcefiles.update([*damaged, *stale])
            workflow.persistence.save_iocache = workflow.persistence.drop_iocache = lambda: None
        else:
            gpus.limit(workflow)
            wake_when_jobs_end(workflow)
            try:
                prepare(study)
                # Snakemake knows of a change only where its own records are: not of results that were copied.
                stale = of_another_day(study)
                workflow.dag.forcefiles.update(stale)
            except OSError as error:
                sys.exit(f"error: {error.filename}: cannot be written: {error.strerror}; put that right and {AGAIN}")
        if note := written_over(study, workflow.configfiles, stale):
            _note(note)
        build()

    workflow._build_dag = build_dag


OUTSIDE = {"questions", "summary"}
"""Groups of a cluster's profile with nothing between their steps that a panel, a training or texts could wait for."""


def ungroup(workflow: Any, study: Study) -> None:
    """Where levels rest on a panel's answers, labels on texts, or models on labels, have the steps between wait alone.

    Groups are bound together before anything runs: grades that a panel reads would share a job with grades of cells
    that wait for its scale, and labels with answers of the model that is trained on them: a group would wait for
    itself.
    """
    if study.of("matrix") or any(job.stage in ("train", "generate") for job in study.jobs):
        settings = workflow.group_settings
        kept = {rule: group for rule, group in settings.overwrite_groups.items() if group in OUTSIDE}
        workflow.group_settings = replace(settings, overwrite_groups=kept, group_components={})


EACH_SECOND = 100, 1
"""Snakemake's own limit of jobs, and in how many seconds."""


def wake_when_jobs_end(workflow: Any) -> None:
    """Have Snakemake look for what can start when a job ends, and not many times a second for no reason.

    Under its limit of jobs a second each look calls for another one a second later, and each job that ends begins one
    more such chain (its job_scheduler.py, 9.27): after a hundred jobs it looks a hundred times a second, at the
    resources and the files of all that is ready. A limit that somebody set stays.
    """
    settings = workflow.scheduling_settings
    limit = settings.max_jobs_per_timespan
    if limit is not None and (limit.max_jobs, limit.timespan) == EACH_SECOND:
        settings.max_jobs_per_timespan = None


def look(study: Study) -> list[str]:
    """Say what a run would find and do, and leave all of it as it is; the damaged files."""
    others = _say_who_else(clear=False)
    if not others and processes.locks():
        _note("a run that was killed left its lock, which the next run removes; what it finished is kept")
    found = _damaged(study)
    for path in found:
        _note(f"{path}: not a whole Parquet file; a run sets it aside and makes it again")
    return [str(path) for path in found]


def prepare(study: Study) -> None:
    """Clear away what a killed run left, if nobody is at work in this folder; else say who is.

    A damaged file is set aside, so that it is made again.
    """
    known = processes.announce(shlex.join(["snakemake", *sys.argv[1:]]))
    others = _say_who_else(clear=True)
    if known and not others:
        if processes.unlock():
            _note("a run that was killed left its lock, which is removed; what it finished is kept")
        for path in Path(study.root).rglob(".*"):
            if is_leaving(path):
                path.unlink(missing_ok=True)
    for path in _damaged(study):
        aside = path.rename(f"{path}.damaged")
        _note(f"{path}: not a whole Parquet file; set aside as {aside.name} and made again")


def _say_who_else(clear: bool) -> list[str]:
    others = processes.others(clear=clear)
    for other in others:
        _note(f"also at work in this folder is {other}; wait for it or end it, rather than unlock")
    return others


def _check_folders(study: Study) -> None:
    for folder in sorted({folder for name in study.files for folder in Path(name).parents}):
        if folder.exists() and not folder.is_dir():
            raise UphillError(f"{folder}: a file, expected a folder; move it away and {AGAIN}")


def _damaged(study: Study) -> list[Path]:
    files = map(Path, study.files)
    return [path for path in files if path.suffix == ".parquet" and path.is_file() and not is_whole(path)]


def begin(study: Study, jobs_are_here: bool) -> None:
    """What a run, unlike a dry run, needs and says.

    Raises:
        UphillError: results cannot be written.
    """
    stop_run_on_signal(jobs_are_here)
    if jobs_are_here:
        warm.offer()
    try:
        Path(study.root).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=study.root):
            pass
    except OSError as error:
        raise UphillError(f"{study.root}: cannot be written: {error.strerror}; put that right and {AGAIN}") from None
    for name in study.models:
        if study.config.model(name).trust_remote_code:
            _note(f"models.{name}.trust_remote_code is on: code that comes with the model will run here")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
