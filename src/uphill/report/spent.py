"""What a study has spent: hours by stage from Snakemake's benchmark files, tokens and hardware from the jobs' logs.

Of each job its last run counts; what it took over from an interrupted run, or left as it was, is in neither. Seconds
that a job waited for a GPU, which its log tells and Snakemake counts, are no cost: they are summed apart.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.running import spending

log = logging.getLogger(__name__)
BENCHMARKS, LOGS = "benchmarks", "logs"
NOTHING = {"waited_s": 0.0, "memory_mb": 0.0}
"""Of a job whose log says nothing."""


def spent(results: Path) -> dict[str, Any]:
    """Stages with jobs, hours and peak memory; totals; hours of waiting, which are in no others; tokens; hardware.

    Args:
        results: the results folder, with `benchmarks/` and `logs/` in it.
    """
    heard = {
        record: found
        for record, path in _records(results / LOGS, ".log")
        if (found := spending.heard(path.read_text(errors="replace")))
    }
    runs = pd.DataFrame(
        [
            {"stage": record.parts[0], "waited": said["waited_s"], "memory": said["memory_mb"], **row}
            for record, path in _records(results / BENCHMARKS, ".tsv")
            if (row := _row(path)) and (said := heard.get(record, NOTHING))
        ],
        columns=["stage", "waited", "memory", "s", "max_rss"],
    )
    # No more than all: of a run that was killed as it ended, the log is new and the benchmark file is not.
    runs["waited"] = runs[["waited", "s"]].min(axis=1)
    runs["s"] -= runs["waited"]
    # Of a script that ran as a fork Snakemake saw but the process that asked for it.
    runs["max_rss"] = runs[["memory", "max_rss"]].max(axis=1)
    tokens: Counter[str] = Counter()
    for one in heard.values():
        tokens.update(one["tokens"])
    stages = [
        {"name": stage, "jobs": len(rows), "hours": rows["s"].sum() / 3600, "memory": rows["max_rss"].max()}
        for stage, rows in runs.groupby("stage", sort=False)
    ]
    return {
        "stages": sorted(stages, key=lambda stage: -stage["hours"]),
        "hours": runs["s"].sum() / 3600,
        "waited": runs["waited"].sum() / 3600,
        "jobs": len(runs),
        "tokens": dict(tokens),
        "hardware": sorted({_machine(one) for one in heard.values()}),
    }


def _records(folder: Path, suffix: str) -> list[tuple[Path, Path]]:
    """Files of a folder, each with the name of the job's record, which its log and its benchmark file share."""
    return [(path.relative_to(folder).with_suffix(""), path) for path in sorted(folder.rglob(f"*{suffix}"))]


def _row(path: Path) -> dict[str, float]:
    """Seconds and MB of a benchmark file; a job that was too short to look at has none of some. Nothing if damaged."""
    try:
        row = pd.read_csv(path, sep="\t").iloc[-1]
        return {name: float(pd.to_numeric(row[name], errors="coerce")) for name in ("s", "max_rss")}
    except (OSError, ValueError, LookupError, TypeError):
        log.warning("%s: not a benchmark file of Snakemake: its job's hours are left out", path)
        return {}


def _machine(one: dict[str, Any]) -> str:
    gpus = Counter(one["gpus"])
    with_gpus = "".join(f", {count} x {name}" for name, count in gpus.items())
    return f"{one['cpu']}, {one['cores']} cores{with_gpus or ', no GPU used'}"
