"""The worked example of docs/data.md: from a spreadsheet of thirty questions to a report, by its commands."""

import re

import pandas as pd
import pytest
from conftest import Checkout

from uphill.running.provenance import read_table


@pytest.mark.nightly
def test_a_spreadsheet_becomes_a_report(checkout: Checkout) -> None:
    page = (checkout.folder / "docs/data.md").read_text()
    [name, sheet] = re.findall(r"python -m uphill new (\S+) (\S+)", page)[0]
    begun = checkout.uphill("new", name, sheet)
    assert begun.status == 0, begun.output
    config = f"{name}.yaml"
    row = re.findall(r"population:\n  - (.*)", page)[0]
    assert row in (checkout.folder / config).read_text()
    run = checkout.snakemake("--configfile", config)
    assert run.status == 0, run.output[-4000:]
    results = checkout.folder / "results" / name
    assert "grade_level" in (results / "report.html").read_text()
    table = read_table(results / "tables/population.csv")
    assert set(table["method"]) == {"zero_shot", "icl", "probe"}
    assert set(table["train_on"]) >= {"easy", "medium", "hard"}
    assert (table["n_test"] <= 30).all()
    items = pd.read_parquet(results / f"items/{name}.parquet")
    assert len(items) == 30
    shown = checkout.uphill("show", "--configfile", config).output
    assert f"{name} by grade_level, demo" in shown
    assert f"results/{name}/report.html" in shown
