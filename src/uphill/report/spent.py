"""What a study has spent: hours by stage from Snakemake's benchmark files, tokens and hardware from the jobs' logs.

Of each job its last run counts; what it took over from an interrupted run, or left as it was, is in neither.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.running import spending

log = logging.getLogger(__name__)
BENCHMARKS, LOGS = "benchmarks", "logs"


def spent(results: Path) -> dict[str, Any]:
    """Stages with jobs, hours and peak memory; totals; tokens; hardware.

    Args:
        results: the results folder, with `benchmarks/` and `logs/` in it.
    """
    runs = pd.DataFrame(
        [
            {"stage": path.relative_to(results / BENCHMARKS).parts[0].removesuffix(".tsv"), **row}
            for path in sorted((results / BENCHMARKS).rglob("*.tsv"))
            if (row := _row(path))
        ],
        columns=["stage", "s", "cpu_time", "max_rss"],
    )
    heard = [
        found
        for path in sorted((results / LOGS).rglob("*.log"))
        if (found := spending.heard(path.read_text(errors="replace")))
    ]
    tokens: Counter[str] = Counter()
    for one in heard:
        tokens.update(one["tokens"])
    stages = [
        {"name": stage, "jobs": len(rows), "hours": rows["s"].sum() / 3600, "memory": rows["max_rss"].max()}
        for stage, rows in runs.groupby("stage", sort=False)
    ]
    return {
        "stages": sorted(stages, key=lambda stage: -stage["hours"]),
        "hours": runs["s"].sum() / 3600,
        "jobs": len(runs),
        "tokens": dict(tokens),
        "hardware": sorted({_machine(one) for one in heard}),
    }


def _row(path: Path) -> dict[str, float]:
    """Seconds and MB of a benchmark file; a job that was too short to look at has none of some. Nothing if damaged."""
    try:
        row = pd.read_csv(path, sep="\t").iloc[-1]
        return {name: float(pd.to_numeric(row[name], errors="coerce")) for name in ("s", "cpu_time", "max_rss")}
    except (OSError, ValueError, LookupError, TypeError):
        log.warning("%s: not a benchmark file of Snakemake: its job's hours are left out", path)
        return {}


def _machine(one: dict[str, Any]) -> str:
    gpus = Counter(one["gpus"])
    with_gpus = "".join(f", {count} x {name}" for name, count in gpus.items())
    return f"{one['cpu']}, {one['cores']} cores{with_gpus or ', no GPU used'}"
