"""Results without Snakemake's records, as from a backup: what a run takes as it is, and what it makes again."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TABLES, Checkout, study

from uphill.planning.study import read_study
from uphill.running.provenance import read_table
from uphill.schemas import parquet
from uphill.schemas.files import METADATA_KEY, made_by
from uphill.workflow.records import of_another_day

FILES = {
    "Questions of dial": "results/items/dial.parquet",
    "Zero-shot pass of demo over dial": "results/responses/demo/dial/shard-3-of-4.parquet",
    "Splits of dial by num_steps": "results/splits/dial/num_steps.parquet",
    "probe with demo on dial": "results/predictions/probe/demo/dial.parquet",
    "Grades of probe with demo on dial": "results/grades/probe/demo/dial.parquet",
}


def changed(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        study(raw)
        place: Any = raw
        for key in keys[:-2]:
            place = place[key]
        place[keys[-2]] = keys[-1]

    return change


@pytest.fixture
def restored(finished: Checkout) -> Checkout:
    shutil.rmtree(finished.folder / ".snakemake")
    return finished


BOTH = {"Table population", "Table sgr"}
PROBE = {"probe with demo on dial", "Grades of probe with demo on dial", *BOTH}


@pytest.mark.parametrize(
    ("change", "jobs", "cause"),
    [
        (study, set(), None),
        (changed("methods", "probe", "n_train", 6), PROBE, "methods.probe.n_train: 8 -> 6"),
        (changed("statistics", "draws", 300), BOTH, "statistics.draws: 200 -> 300"),
    ],
)
def test_what_differs_is_made_again_and_is_then_of_today(
    restored: Checkout, change: Callable[[dict[str, Any]], None], jobs: set[str], cause: str | None
) -> None:
    config = ("--configfile", restored.configure(change))
    told = restored.uphill("why", *TABLES, *config).output
    assert cause is None or cause in told.splitlines()
    assert set(restored.snakemake(*TABLES, *config, "--dry-run").jobs) == jobs
    run = restored.snakemake(*TABLES, *config)
    assert run.status == 0, run.output[-3000:]
    assert set(run.jobs) == jobs
    assert len(read_table(restored.folder / TABLES[0])) > 0
    assert restored.snakemake(*TABLES, *config, "--dry-run").jobs == []


def of_another_study(path: Path) -> None:
    """Put a file of another study in a file's place, with its date: as where two folders of results were mixed."""
    table, date = parquet.read(path), path.stat()
    recorded = json.dumps({**made_by(path), "id": "0" * 16}).encode()
    parquet.write(table.replace_schema_metadata({METADATA_KEY: recorded}), path)
    os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))


@pytest.mark.parametrize("job", FILES)
def test_a_file_of_another_study_is_known_as_such(
    restored: Checkout, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    monkeypatch.chdir(restored.folder)
    assert of_another_day(read_study(Path("study.yaml"))) == []
    of_another_study(restored.folder / FILES[job])
    assert FILES[job] in of_another_day(read_study(Path("study.yaml")))


@pytest.mark.parametrize(
    "job", [pytest.param(job, marks=[pytest.mark.nightly] if number else []) for number, job in enumerate(FILES)]
)
def test_a_file_of_another_study_is_made_again(restored: Checkout, job: str) -> None:
    of_another_study(restored.folder / FILES[job])
    assert job in restored.snakemake(*TABLES, "--configfile", "study.yaml", "--dry-run").jobs
