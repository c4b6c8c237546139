"""`make plan` counts the jobs that the workflow would run. A dry run: seconds."""

import re

import pytest
import yaml
from conftest import Checkout

from uphill.config import check
from uphill.planning.jobs import by_rule, jobs
from uphill.workflow import Plan

COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)


def test_jobs_are_those_of_a_dry_run(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout.folder)
    run = checkout.snakemake("--dry-run")
    assert run.status == 0, run.output[-2000:]
    told = {rule: int(count) for rule, count in COUNT.findall(run.output)}
    total = told.pop("total") - told.pop("all")
    plan = Plan(check(yaml.safe_load((checkout.folder / "config/config.yaml").read_text())))
    assert by_rule(jobs(plan)) == told
    assert len(jobs(plan)) == total
