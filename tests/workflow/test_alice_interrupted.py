"""Alice, killed at moments that are drawn, and with what it made taken away: at night, for it runs whole each time."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import LOCAL, ROOT, Checkout, environment
from copies import fresh

sys.path.append(str(ROOT / "tests/unit"))
from alice_studies import raw

from uphill.config.checked import check
from uphill.randomness import keyed_rng
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

TABLE, CONFIG = "results/tables/students.csv", "alice.yaml"
ASKED = [TABLE, "--configfile", CONFIG]
KILLS = 12
LONG = ("generate", "train_adapter", "train_full")
"""Scripts that are killed at work."""


def with_alice(folder: Path) -> Checkout:
    fresh(folder)
    (folder / CONFIG).write_text(yaml.safe_dump(raw({"plain": {}})))
    return Checkout(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The study as it runs undisturbed."""
    checkout = with_alice(tmp_path_factory.mktemp("whole") / "checkout")
    run = checkout.snakemake(*ASKED)
    assert run.status == 0, run.output[-4000:]
    return checkout


def told(checkout: Checkout) -> dict[str, bytes]:
    """What is made of texts and of trainings, and the table; how long a training took is its own."""
    results = checkout.folder / "results"
    rooms = ("generations", "clusters", "labels", "models")
    kept = [path for path in checkout.made() if path.split("/")[1] in rooms and not path.endswith(".json")]
    found = {path: (checkout.folder / path).read_bytes() for path in [*kept, TABLE]}
    for path in results.glob("models/*/training.json"):
        said = {name: value for name, value in json.loads(path.read_text()).items() if name != "seconds"}
        found[str(path.relative_to(checkout.folder))] = json.dumps(said).encode()
    return found


def at_work(running: subprocess.Popen[bytes]) -> bool:
    """Whether a long script of a run works, waits until it does; false if the run ends first."""
    while running.poll() is None:
        try:
            lines = [" ".join(child.cmdline()) for child in psutil.Process(running.pid).children(recursive=True)]
        except psutil.Error:
            lines = []
        if any(f".{script}.py" in line for line in lines for script in LONG):
            return True
        time.sleep(0.1)
    return False


def test_killed_at_any_of_twelve_moments_it_ends_with_the_same_labels(whole: Checkout, tmp_path: Path) -> None:
    checkout, killed = with_alice(tmp_path / "checkout"), 0
    command = [sys.executable, "-m", "snakemake", "--profile", LOCAL, *ASKED]
    for seconds in keyed_rng("moments", 0).uniform(0, 15, KILLS):
        with (tmp_path / "said").open("wb") as said:
            running = subprocess.Popen(
                command,
                cwd=checkout.folder,
                env=environment(checkout.folder),
                start_new_session=True,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        if at_work(running):
            time.sleep(seconds)
            killed += running.poll() is None
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert checkout.snakemake("--unlock", "--configfile", CONFIG).status == 0
    assert killed >= 6, "it ended before most of the moments came"
    run = checkout.snakemake(*ASKED)
    assert run.status == 0, run.output[-4000:]
    assert told(checkout) == told(whole)


def plan(checkout: Checkout) -> Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(checkout.folder)
        return Study(check(raw({"plain": {}})))


def resting_on(study: Study, job: Job) -> set[str]:
    """What a job makes, and every job that reads it, at once or by way of others."""
    stale, before = {job.record}, set[str]()
    while stale != before:
        before = stale
        stale = before | {one.record for one in study.jobs if any(read.record in before for read in one.upstream)}
    return {file for one in study.jobs if one.record in stale for file in one.files}


PENDING = re.compile(r"^(results/\S+)\t.*\tupdate pending$", re.MULTILINE)


@pytest.fixture
def taken(whole: Checkout) -> Iterator[list[Path]]:
    """Files that a test takes away from the whole study, put back after it."""
    away: list[Path] = []
    yield away
    for path in away:
        path.with_name(f".away-{path.name}").rename(path)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("generate", "plain.samples"),
        ("cluster", "plain.clusters"),
        ("label", "plain.labels"),
        ("grade_generation", "plain.samples"),
    ],
)
def test_what_is_taken_away_is_made_anew_with_what_rests_on_it(
    whole: Checkout, taken: list[Path], rule: str, name: str
) -> None:
    study = plan(whole)
    job = next(one for one in study.of(rule) if name in one.wildcards.values())
    # As `rule all` names every stage: a table alone, which is there, would ask for nothing.
    there = [file for one in study.jobs for file in one.files if (whole.folder / file).exists()]
    for made in job.files:
        path = whole.folder / made
        path.rename(path.with_name(f".away-{path.name}"))
        taken.append(path)
    run = whole.snakemake(*there, *ASKED, "--summary")
    remade = {*PENDING.findall(run.output)}
    assert {*job.files} <= remade, run.output[-3000:]
    assert remade <= resting_on(study, job)
