"""Whole runs of a small study: nothing left to do the second time, the same bytes again, resuming after a kill."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from conftest import Checkout, shrink

from uphill.schemas import PREDICTIONS, made_by, write

ICL = "results/predictions/icl/demo/dial.parquet"


def with_icl(raw: dict[str, Any]) -> None:
    shrink(raw)
    raw["methods"]["icl"] = {"kind": "icl", "k": 4}
    raw["splits"]["boots"] = 4
    raw["population"][0]["methods"].append("icl")


SPENT = re.compile(rb"<!-- spent.*<!-- /spent -->", re.DOTALL)
"""The part of the report that says how long this run took."""


def same_each_time(folder: Path, path: str) -> bytes:
    """A file's bytes, without what a page says of one run."""
    content = (folder / path).read_bytes()
    return SPENT.sub(b"", content) if path.endswith("report.html") else content


def test_second_run_does_nothing_and_a_fresh_one_gives_the_same_bytes(checkout: Checkout, tmp_path: Path) -> None:
    config = checkout.configure(shrink)
    assert checkout.snakemake("--configfile", config).status == 0
    assert checkout.snakemake("--configfile", config, "--dry-run").jobs == []
    first = {path: same_each_time(checkout.folder, path) for path in checkout.made()}
    assert "results/report.html" in first
    (checkout.folder / "results").rename(tmp_path / "first")
    assert checkout.snakemake("--configfile", config).status == 0
    second = {path: same_each_time(checkout.folder, path) for path in checkout.made()}
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_a_killed_job_goes_on_from_its_finished_cells(checkout: Checkout) -> None:
    config = checkout.configure(with_icl)
    arguments = [ICL, "--configfile", config]
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout.folder / "src")}
    with subprocess.Popen(
        command,
        cwd=checkout.folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as running:
        parts = checkout.folder / "results/.parts"
        deadline = time.monotonic() + 180
        while not list(parts.glob("predictions-*/[!.]*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("predictions-*/[!.]*.parquet")}
    assert 0 < len(finished) < 12, "killed too early or too late to show anything"
    assert not (checkout.folder / ICL).exists()
    kept = {path.name: path.read_bytes() for path in finished}

    assert checkout.snakemake("--unlock", "--configfile", config).status == 0
    log = checkout.folder / "results/logs/predictions/icl/demo/dial.log"
    assert checkout.snakemake(*arguments).status == 0
    resumed = (checkout.folder / ICL).read_bytes()
    assert f"{len(kept)} of 12 cells were finished before" in log.read_text()
    assert not list(parts.glob("predictions-*"))

    (checkout.folder / ICL).unlink()
    assert checkout.snakemake(*arguments).status == 0
    assert (checkout.folder / ICL).read_bytes() == resumed


def test_a_new_variable_is_all_that_is_made_of_a_file_that_is_there(checkout: Checkout) -> None:
    def more(raw: dict[str, Any]) -> None:
        shrink(raw)
        raw["population"].append(raw["population"][0] | {"variable": "answer_num_chars"})
        raw["datasets"]["dial"]["cuts"]["answer_num_chars"] = {"bins": 3}

    def less(raw: dict[str, Any]) -> None:
        more(raw)
        raw["population"].pop()

    path = checkout.folder / "results/predictions/probe/demo/dial.parquet"
    arguments = ["results/tables/population.csv", "--configfile"]
    assert checkout.snakemake(*arguments, checkout.configure(less)).status == 0
    before = pd.read_parquet(path)
    # Marked, to be known again: a share that is kept is not computed anew.
    marked = before.assign(prediction="kept")
    write(marked, path, PREDICTIONS, made_by(path))
    run = checkout.snakemake(*arguments, checkout.configure(more))
    assert run.status == 0, run.output[-3000:]
    after = pd.read_parquet(path)
    assert set(after["variable"]) == {"num_steps", "answer_num_chars"}
    assert set(after.loc[after["variable"] == "num_steps", "prediction"]) == {"kept"}
    assert "kept" not in set(after.loc[after["variable"] == "answer_num_chars", "prediction"])
    assert set(made_by(path)["versions"]) == {"population/num_steps", "population/answer_num_chars"}
    levels = after[after["variable"] == "answer_num_chars"]["train_on"]
    assert set(levels) == {"bin_01", "bin_02", "bin_03"}
    table = pd.read_csv(checkout.folder / "results/tables/population.csv", keep_default_na=False)
    assert {"bin_01", "bin_03", "easy", "hard"} <= set(table["test_on"])


def test_slurm_profile_dry_runs_as_written(checkout: Checkout) -> None:
    run = checkout.snakemake("-n", "results/tables/population.csv", profile="slurm")
    assert run.status == 0, run.output[-3000:]
    assert {"Table population", "lora with demo on dial", "Zero-shot pass of demo over road"} < set(run.jobs)


def test_profiles_know_every_rule_and_no_other(checkout: Checkout) -> None:
    """Snakemake says nothing of a rule in a profile that does not exist, nor of a small step that got no group."""
    rules: dict[str, str] = {}
    for path in (checkout.folder / "rules").glob("*.smk"):
        for rule in path.read_text().split("\nrule ")[1:]:
            rules[rule.split(":")[0]] = rule
    for profile in ("local", "slurm"):
        settings = yaml.safe_load((checkout.folder / f"profiles/{profile}/config.yaml").read_text())
        for names in ("set-resources", "set-threads", "groups"):
            assert set(settings.get(names, {})) <= set(rules)
    small = {name for name, text in rules.items() if 'on_cpu("runtime")' in text}
    assert set(settings["groups"]) == small
    assert len(small) >= 10
