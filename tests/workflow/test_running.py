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
import pytest
import yaml
from conftest import LOCAL, TABLES, Checkout, environment, shrink, study
from warm import COLD

from uphill.report.spent import spent
from uphill.schemas.files import made_by, write
from uphill.schemas.predictions import PREDICTIONS

ICL = "results/predictions/icl/demo/dial.parquet"


SPENT = re.compile(rb"<!-- spent.*<!-- /spent -->", re.DOTALL)
"""The part of the report that says how long this run took."""


def same_each_time(folder: Path, path: str) -> bytes:
    """A file's bytes, without what a page says of one run."""
    content = (folder / path).read_bytes()
    return SPENT.sub(b"", content) if path.endswith("report.html") else content


TOKEN = "hf_aTokenThatNoFileMayHold"
FIGURE, REPORT = "results/figures/population.png", "results/report.html"
EACH_SCRIPT = (*TABLES, "results/tables/wide/population.csv", "results/tables/correlations_dial.csv", FIGURE)


def test_second_run_does_nothing_and_a_fresh_one_gives_the_same_bytes(
    finished: Checkout, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of new Pythons, each with hashes of its own; and a token that they are told is in no file of theirs."""
    config = ("--configfile", checkout.configure(study, "study.yaml"))
    assert finished.snakemake(*config).status == 0
    assert finished.snakemake(*config, "--dry-run").jobs == []
    figures = [path for path in finished.made() if path.endswith(".png") and path != FIGURE]
    said = []
    # Figures are one script's: one of them says what all would.
    for targets, warm in ((EACH_SCRIPT, False), (figures, True), ([REPORT], False)):
        with monkeypatch.context() as patch:
            for name in () if warm else ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
                patch.setenv(name, TOKEN)
            run = checkout.snakemake(*targets, *config, warm=warm)
        assert run.status == 0, run.output[-3000:]
        said.append(run.output)
    files = [path for room in ("results", ".snakemake") for path in (checkout.folder / room).rglob("*")]
    assert {"report.html", "dial.log", "population.provenance.json"} <= {path.name for path in files}
    assert [path for path in files if path.is_file() and TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in "".join(said)
    first, second = ({path: same_each_time(each.folder, path) for path in each.made()} for each in (finished, checkout))
    assert REPORT in first
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


WAITS = """
import glob, os, time
for _ in range(900):
    if glob.glob(os.environ["TMPDIR"] + "/uphill-warm-*/socket"):
        break
    time.sleep(0.2)
"""


def test_the_scripts_of_a_run_are_forks_of_a_process_that_ends_with_it(checkout: Checkout, tmp_path: Path) -> None:
    """As a user has it, from the third script on, once that process is ready."""
    place = tmp_path / "place"
    place.mkdir()
    # On a busy machine all scripts may be done before that process is ready: those of tables wait for it here.
    script = checkout.folder / "workflow/scripts/table.py"
    script.write_text(WAITS + script.read_text())
    asked = {name: value for name, value in environment(checkout.folder).items() if name != COLD}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", LOCAL, *TABLES, "--configfile", checkout.configure(shrink)],
        cwd=checkout.folder,
        env=asked | {"TMPDIR": str(place)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    def seen(job: str) -> float:
        """MB of the process that Snakemake started."""
        rows = pd.read_csv(checkout.folder / f"results/benchmarks/{job}.tsv", sep="\t")
        return float(rows["max_rss"].iloc[-1])

    assert seen("items/dial") > 60
    assert seen("tables/sgr") < 30
    assert not list(place.glob("uphill-warm-*"))
    # What the report sums is what the script itself held.
    found = spent(checkout.folder / "results")
    assert all(stage["memory"] > 60 for stage in found["stages"])


def test_a_killed_job_goes_on_from_its_finished_cells(finished: Checkout, undisturbed: Checkout) -> None:
    (finished.folder / ICL).unlink()
    arguments = [ICL, "--configfile", "study.yaml"]
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", *arguments]
    with subprocess.Popen(
        command,
        cwd=finished.folder,
        env=environment(finished.folder),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as running:
        parts = finished.folder / "results/.parts"
        deadline = time.monotonic() + 180
        while not list(parts.glob("predictions-*/[!.]*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    kept = list(parts.glob("predictions-*/[!.]*.parquet"))
    assert 0 < len(kept) < 12, "killed too early or too late to show anything"
    assert not (finished.folder / ICL).exists()

    assert finished.snakemake("--unlock", "--configfile", "study.yaml").status == 0
    log = finished.folder / "results/logs/predictions/icl/demo/dial.log"
    assert finished.snakemake(*arguments).status == 0
    assert f"{len(kept)} of 12 cells were finished before" in log.read_text()
    assert not list(parts.glob("predictions-*"))
    assert (finished.folder / ICL).read_bytes() == (undisturbed.folder / ICL).read_bytes()


def test_a_new_variable_is_all_that_is_made_of_a_file_that_is_there(finished: Checkout) -> None:
    def more(raw: dict[str, Any]) -> None:
        study(raw)
        raw["population"].append(raw["population"][0] | {"variable": "answer_num_chars", "methods": ["probe"]})
        raw["datasets"]["dial"]["cuts"]["answer_num_chars"] = {"bins": 3}

    path = finished.folder / "results/predictions/probe/demo/dial.parquet"
    before = pd.read_parquet(path)
    # Marked, to be known again: a share that is kept is not computed anew.
    marked = before.assign(prompt="kept")
    write(marked, path, PREDICTIONS, made_by(path))
    run = finished.snakemake(TABLES[0], "--verbose", "--configfile", finished.configure(more))
    assert run.status == 0, run.output[-3000:]
    assert "Waiting for running jobs to complete" in run.output  # what Snakemake says of itself is told
    assert "Submitting maximum" not in run.output, "its limit of jobs a second wakes it up without end"
    after = pd.read_parquet(path)
    assert set(after["variable"]) == {"num_steps", "answer_num_chars"}
    assert set(after.loc[after["variable"] == "num_steps", "prompt"]) == {"kept"}
    assert "kept" not in set(after.loc[after["variable"] == "answer_num_chars", "prompt"])
    assert set(made_by(path)["versions"]) == {"population/num_steps", "population/answer_num_chars"}
    levels = after[after["variable"] == "answer_num_chars"]["train_on"]
    assert set(levels) == {"bin_01", "bin_02", "bin_03"}
    table = pd.read_csv(finished.folder / TABLES[0], keep_default_na=False)
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
    # Between steps of one group these stand as jobs of their own: a study that has them runs without such groups.
    assert set(settings["groups"]) == small - {"matrix", "measure_from_matrix", "grade_generation"}
    assert len(small) >= 10
