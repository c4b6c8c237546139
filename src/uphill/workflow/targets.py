"""What a run is asked for: files and rules that there are, or one line that names the nearest."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from uphill.errors import UphillError
from uphill.running.places import within
from uphill.workflow.paths import benchmark_path, log_path
from uphill.workflow.study import Study

CLOSE = 0.75
"""Of two names, how alike they must be for one to be meant by the other: as difflib counts."""


def check_targets(workflow: Any, study: Study) -> None:
    """Whether each target of a run is a rule, a file that exists, or one that some rule makes of the study.

    Args:
        workflow: Snakemake's, with its rules and targets.
        study: the study.

    Raises:
        UphillError: one is not, where Snakemake would say that a rule is missing.
    """
    ours = {job.rule for job in study.jobs}
    beside = (path(job.record) for job in study.jobs for path in (log_path, benchmark_path))
    made = {*study.files, *beside}
    for target in workflow.dag_settings.targets:
        path = target if Path(target).is_absolute() else os.path.relpath(target)
        if workflow.is_rule(target) or path in made or (Path(path).exists() and not is_result(path)):
            continue
        makers = {rule.name for rule in workflow.rules if rule.is_producer(path)}
        # A rule of the study's own makes what the study lists; any other knows its files itself.
        if makers - ours:
            continue
        configs = ", ".join(map(os.path.relpath, workflow.configfiles))
        rules = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
        raise UphillError(
            f"{target}: neither a rule nor a file that the study of {configs} makes, expected one of its "
            f"{len(study.files)} files, such as {nearest(path, rules, study.files)}"
        )


def is_result(path: str) -> bool:
    """Whether a file is some study's: one that is there, and not of this study, is an answer to no question of it."""
    try:
        return bool(within(path))
    except ValueError:
        return False


def nearest(path: str, rules: Sequence[str], files: Sequence[str]) -> str:
    """What may have been meant: a rule, or a file by its path, or its name, or where that has no suffix its stem; else
    the last file.
    """
    name = PurePosixPath(path)
    # Of several files of a name the first: a table before its figure.
    named = {PurePosixPath(file).name if name.suffix else PurePosixPath(file).stem: file for file in reversed(files)}
    for wanted, known in (
        (path, {rule: rule for rule in rules}),
        (path, {file: file for file in files}),
        (name.name, named),
    ):
        close = difflib.get_close_matches(wanted, known, n=1, cutoff=CLOSE)
        if close:
            return known[close[0]]
    return files[-1]
