"""The published study, from its config as it ships: its DAG builds, and how often it loads a model. A dry run: seconds.

The published driver ran its population grid, 3 models on 4 datasets, as 450 processes, each of which loads a model
(Hase et al. 2024, code release; spec section 1.5).
"""

import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, Checkout

DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared/data"))
COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
LOADING = ("responses", "measure_on_model", "predictions_on_model")
PUBLISHED_LOADS = 450


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA}; name their folder in UPHILL_DATA")
@pytest.mark.parametrize(("target", "most"), [("results/tables/population.csv", 60), ("all", 120)])
def test_the_paper_loads_its_models_seldom(checkout: Checkout, target: str, most: int) -> None:
    """`most` for the population table is what the grid is to stay below; for the whole study, what it needs today."""
    (checkout.folder / "data").mkdir(exist_ok=True)
    grades = "arc-challenge-easy-annotations.json"
    (checkout.folder / "data" / grades).symlink_to(DATA / "arc" / grades)
    (checkout.folder / "data/strategyqa").symlink_to(DATA / "strategyqa")
    run = checkout.snakemake("--dry-run", target, "--configfile", "config/paper.yaml")
    assert run.status == 0, run.output[-2000:]
    counts = {rule: int(count) for rule, count in COUNT.findall(run.output)}
    loads = sum(counts.get(rule, 0) for rule in LOADING)
    print(f"{target}: {counts['total']} jobs, {loads} model loads ({PUBLISHED_LOADS} in the published driver's grid)")
    assert 0 < loads <= most
