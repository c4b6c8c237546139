"""The published study, from its config as it ships: its DAG builds, and how often it loads a model. A dry run: seconds.

The published driver ran its population grid, 3 models on 4 datasets, as 450 processes, each of which loads a model
(Hase et al. 2024, code release; spec section 1.5).
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import ROOT, Checkout

from uphill.planning.study import read_study
from uphill.workflow.jobs import Job

DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared/data"))
COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
LOADING = ("responses", "measure_on_model", "predictions_on_model")
PUBLISHED_LOADS = 450
CONFIG, TABLE = "config/paper.yaml", "results/tables/population.csv"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA}; name their folder in UPHILL_DATA")
def test_the_paper_loads_its_models_seldom(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout.folder / "data").mkdir(exist_ok=True)
    grades = "arc-challenge-easy-annotations.json"
    (checkout.folder / "data" / grades).symlink_to(DATA / "arc" / grades)
    (checkout.folder / "data/strategyqa").symlink_to(DATA / "strategyqa")
    run = checkout.snakemake("--dry-run", "--configfile", CONFIG)
    assert run.status == 0, run.output[-2000:]
    counts = {rule: int(count) for rule, count in COUNT.findall(run.output)}
    monkeypatch.chdir(checkout.folder)
    jobs = read_study(Path(CONFIG)).jobs
    assert counts == {**Counter(job.rule for job in jobs), "all": 1, "total": len(jobs) + 1}
    # The grid is to stay below the first number; the second is what the whole study needs today.
    for target, asked, most in ((TABLE, behind(TABLE, jobs), 60), ("all", jobs, 120)):
        loads = sum(job.rule in LOADING for job in asked)
        print(f"{target}: {len(asked)} jobs, {loads} model loads ({PUBLISHED_LOADS} in the published driver's grid)")
        assert 0 < loads <= most


def behind(path: str, jobs: Iterable[Job]) -> list[Job]:
    """The jobs that have run when a file is made."""
    wanted, found = {path}, []
    for job in reversed(list(jobs)):
        if wanted & set(job.files):
            found.append(job)
            wanted.update(path for paths in job.inputs.values() for path in paths)
    return found
