"""A study on a real SLURM of this machine: the same table, the GPUs that were asked for, and retries with more.

Skipped where SLURM cannot be raised; with UPHILL_NEEDS_SLURM=1 that is a failure.
"""

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Checkout, Run, shrink
from copies import fresh
from lab import Job, Lab, NoLab, raised

TABLE = "results/tables/population.csv"
TARGETS = (TABLE, "results/hardness/dial.parquet")
QUICK = ["--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "2", "--slurm-keep-successful-logs"]
"""Like the profile, but for a user in a hurry: look at once whether a job is done."""
GPUS = {"demo": 1, "brief": 2}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """SLURM with GPUs for all that asks at once, for as long as these tests run."""
    try:
        with raised(tmp_path_factory.mktemp("slurm")) as running:
            yield running
    except NoLab as reason:
        if os.environ.get("UPHILL_NEEDS_SLURM"):
            pytest.fail(f"no SLURM here: {reason}")
        pytest.skip(f"no SLURM here: {reason}")


def configure(checkout: Checkout) -> str:
    """A small study whose jobs have GPUs: one model has one; the other has two, of a type, and a minute."""

    def change(raw: dict[str, Any]) -> None:
        shrink(raw)
        raw["models"]["brief"] = raw["models"]["demo"]
        raw["measures"] = {
            "human": raw["measures"]["human"],
            "late": {"kind": "late"},
        }
        raw["hardness_models"] = ["brief"]
        raw["methods"] |= {"icl": {"kind": "beside", "k": 4}, "large": {"kind": "large", "k": 2}}
        raw["population"][0]["methods"] = ["zero_shot", "probe", "icl", "large"]

    here = Path(__file__).parent
    shutil.copy(here / "late.py", checkout.folder / "src/uphill/hardness")
    for method in ("beside.py", "large.py"):
        shutil.copy(here / method, checkout.folder / "src/uphill/methods")
    file = checkout.folder / "config/hardware.yaml"
    hardware = yaml.safe_load(file.read_text())
    demo = hardware["models"]["demo"] | {"gpu": GPUS["demo"], "mem_mb": 1800}
    hardware["models"] = {"demo": demo, "brief": demo | {"gpu": GPUS["brief"], "gpu_model": "null", "runtime": 1}}
    file.write_text(yaml.safe_dump(hardware))
    return checkout.configure(change)


@dataclass(frozen=True)
class Study:
    """The study as it ran on the cluster, and the same on this machine alone."""

    checkout: Checkout
    run: Run
    jobs: list[Job]
    seen: dict[int, list[str]]
    local: Checkout

    def of(self, *words: str) -> list[Job]:
        """Jobs by what SLURM's comment says of their rule and wildcards, in the order of submission."""
        return [job for job in self.jobs if all(word in job.rule for word in words)]


@pytest.fixture(scope="module")
def study(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, run by the command in the README."""
    cluster, local = (Checkout(tmp_path_factory.mktemp(name) / "checkout") for name in ("cluster", "local"))
    for checkout in (cluster, local):
        fresh(checkout.folder)
        config = configure(checkout)
    with ThreadPoolExecutor() as side_by_side:
        alone = side_by_side.submit(local.snakemake, *TARGETS, "--configfile", config)
        run = cluster.snakemake(*TARGETS, "--configfile", config, *QUICK, profile="slurm")
    assert alone.result().status == 0, alone.result().output[-4000:]
    assert run.status == 0, run.output[-8000:]
    return Study(cluster, run, lab.jobs(), lab.seen(), local)


def test_the_table_is_the_one_that_one_machine_makes(study: Study) -> None:
    on_cluster, alone = ((checkout.folder / TABLE).read_bytes() for checkout in (study.checkout, study.local))
    assert on_cluster == alone
    assert on_cluster.count(b"\n") > 20
    assert study.checkout.snakemake(*TARGETS, "--configfile", "mine.yaml", "--dry-run", profile="slurm").jobs == []


def test_small_steps_share_jobs(study: Study) -> None:
    """Eleven steps without a model in six jobs; a group has the time of all its steps, and memory for one."""
    names = ("questions", "levels", "splits", "readers", "graders", "summary")
    groups = [study.of(f"rule_{name}_") for name in names]
    assert [len(jobs) for jobs in groups] == [1, 1, 1, 1, 1, 1]
    models = [*study.of("responses_wildcards"), *study.of("_on_model")]
    assert len(study.jobs) == 6 + len(models)
    cpu = yaml.safe_load((ROOT / "config/hardware.yaml").read_text())["cpu"]
    for (job,), steps in zip(groups, (2, 1, 1, 2, 4, 1), strict=True):
        assert (job.mem_mb, job.minutes) == (cpu["mem_mb"], steps * cpu["runtime"])


def test_each_job_sees_the_gpus_that_it_asked_for(study: Study) -> None:
    kinds = {"rule_responses_": "demo", "rule_predictions_on_model_": "demo", "rule_measure_on_model_": "brief"}
    for job in study.jobs:
        model = next((model for kind, model in kinds.items() if job.rule.startswith(kind)), None)
        asked = GPUS.get(str(model), 0)
        assert (job.rule, job.gpus, len(study.seen[job.number])) == (job.rule, asked, asked)
        assert (job.rule, job.partition) == (job.rule, "gpu" if asked else "cpu")
        assert job.gpu_type == ("null" if model == "brief" else "")
    assert {model for kind, model in kinds.items() if study.of(kind)} == set(GPUS)


def test_jobs_with_a_gpu_run_side_by_side_on_different_ones(study: Study) -> None:
    (icl,), large = study.of("_on_model", "icl"), study.of("_on_model", "large")
    # With one of its attempts: the other waits for the first of them.
    assert any(icl.overlaps(attempt) for attempt in large)
    for one, other in combinations(study.jobs, 2):
        if one.overlaps(other):
            assert not set(study.seen[one.number]) & set(study.seen[other.number])


def test_a_job_over_its_time_is_retried_with_more(study: Study) -> None:
    first, *more = study.of("late")
    assert (first.state, first.minutes) == ("TIMEOUT", 1)
    assert first.end - first.start >= 60
    assert [job.minutes for job in more] == [2, 4][: len(more)]
    assert more[-1].state == "COMPLETED"


def test_a_job_over_its_memory_is_retried_with_more(study: Study) -> None:
    first, *more = study.of("large")
    assert (first.state, first.mem_mb) == ("FAILED", 1800)
    logs = study.checkout.folder / ".snakemake/slurm_logs/rule_predictions_on_model"
    (log,) = logs.glob(f"large_demo_dial*/{first.number}.log")
    assert "exceeded memory limit" in log.read_text()
    assert [job.mem_mb for job in more] == [3600, 7200][: len(more)]
    assert more[-1].state == "COMPLETED"


def test_a_scheduler_that_is_killed_and_comes_back_costs_no_result(study: Study, lab: Lab) -> None:
    """While a job runs. Whether the run sits it out or ends, the same command ends with the same table."""
    command = (*TARGETS, "--configfile", "mine.yaml", *QUICK)
    before, known = (study.checkout.folder / TABLE).read_bytes(), len(lab.jobs())
    for made in (TABLE, "results/predictions/icl/demo/dial.parquet"):
        (study.checkout.folder / made).unlink()
    aside = ThreadPoolExecutor()
    running = aside.submit(study.checkout.snakemake, *command, profile="slurm")
    deadline = time.monotonic() + 120
    while not (found := [job for job in lab.jobs()[known:] if job.state == "RUNNING"]):
        assert time.monotonic() < deadline, "no job runs"
        time.sleep(0.2)
    assert lab.has_saved(found[0].start)
    lab.kill_controller()
    time.sleep(2)
    lab.raise_controller()
    run = running.result(timeout=240)
    aside.shutdown()
    print(f"the run {'sat it out' if run.status == 0 else 'ended'}")
    again = study.checkout.snakemake(*command, profile="slurm")
    assert again.status == 0, again.output[-4000:]
    assert (again.jobs == []) == (run.status == 0)
    assert (study.checkout.folder / TABLE).read_bytes() == before
