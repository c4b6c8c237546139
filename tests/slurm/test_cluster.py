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


PAUSE = """

def _pause(name: str) -> None:
    # On a cluster, the first time: wait where something has been kept.
    import os, pathlib, time
    paused = pathlib.Path(f"paused-{name}")
    if "SLURM_JOB_ID" in os.environ and not paused.exists():
        paused.write_text(os.environ["SLURM_JOB_ID"])
        time.sleep(700)
"""
EDITS = {
    "weak_to_strong/generating.py": {
        "ITEMS_OF_A_PART = 64": "ITEMS_OF_A_PART = 4",
        "            parts.put(chosen[number], table)\n": "            parts.put(chosen[number], table)\n"
        '            _pause("generate")\n',
    },
    "engine/trainer.py": {
        "KEPT_EVERY = 60.0": "KEPT_EVERY = 0.0",
        "        self.last = now\n": '        self.last = now\n        _pause("train")\n',
    },
    # Processes that share a fit, as on two GPUs; a CPU has one.
    "engine/text_training.py": {"ranks or ranks_for(loaded.model)": "ranks or 2"},
}
ROAD = {
    "source": {"kind": "world", "domain": "road", "n_items": 90, "seed": 13, "generative": True},
    "prompt": "0306",
    "cot_prompt": "0305",
    "human": ["num_steps"],
    "cuts": {"num_steps": {"easy_max": 2, "hard_min": 6}},
    "pools": {"hardness": 0, "supervisor": 24, "test": 40},
    "unsupervised": "zero_shot_cot",
    "max_new_tokens": 56,
}


def configure_taught(checkout: Checkout) -> str:
    """A model of two GPUs that is trained on what the smallest one writes; jobs that can be caught at work."""

    def change(raw: dict[str, Any]) -> None:
        shrink(raw)
        said = {"dataset": "road", "pool": "supervisor", "model": "demo", "ask": "bare", "temperature": 0.9}
        raw["datasets"] = {"road": ROAD}
        raw["models"]["taught"] = {"trained": {"base": "demo", "labels": "said", "recipe": "full"}}
        raw["generations"] = {"own": said}
        raw["labels"] = {"said": {"kind": "texts", "generation": "own"}}
        raw["recipes"] = {"full": {"lr": 0.0005, "epochs": 1, "batch_items": 4, "clip": 1.0, "cot": True}}
        raw["methods"] = {"zero_shot_cot": {"kind": "icl", "k": 0, "cot": True}}
        raw["measures"], raw["hardness_models"] = {"human": raw["measures"]["human"]}, ["demo"]
        raw["population"] = [{"dataset": "road", "variable": "num_steps", "methods": ["zero_shot_cot"]}]
        raw["test_models"] = ["taught"]

    for name, edits in EDITS.items():
        file = checkout.folder / "src/uphill" / name
        text = file.read_text()
        for old, new in edits.items():
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        file.write_text(text + (PAUSE if "_pause" in text else ""))
    file = checkout.folder / "config/hardware.yaml"
    hardware = yaml.safe_load(file.read_text())
    demo = hardware["models"]["demo"]
    hardware["models"] = {"demo": demo | {"gpu": 1}, "taught": demo | {"gpu": 2, "mem_mb": 3600}}
    file.write_text(yaml.safe_dump(hardware))
    return checkout.configure(change)


@pytest.mark.nightly
def test_preempted_at_work_generations_and_trainings_go_on_where_they_were(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Written, trained by two processes on two GPUs, and graded: the same bytes as undisturbed on this machine."""
    cluster, local = (Checkout(tmp_path_factory.mktemp(name) / "checkout") for name in ("preempted", "alone"))
    for checkout in (cluster, local):
        fresh(checkout.folder)
        config = configure_taught(checkout)
    asked = (TABLE, "--configfile", config)
    before = len(lab.jobs())
    numbers = {}
    with ThreadPoolExecutor() as aside:
        running = aside.submit(cluster.snakemake, *asked, *QUICK, profile="slurm")
        for name in ("generate", "train"):
            paused, deadline = cluster.folder / f"paused-{name}", time.monotonic() + 600
            while not (paused.exists() and paused.read_text()):
                assert not running.done(), running.result().output[-6000:]
                assert time.monotonic() < deadline, f"{name} is not at work"
                time.sleep(0.5)
            numbers[name] = int(paused.read_text())
            kept = {"generate": "generate-*/[!.]*.parquet", "train": "**/checkpoint-*"}[name]
            assert list((cluster.folder / "results/.parts").glob(kept))
            lab.requeue(numbers[name])
        run = running.result()
    assert run.status == 0, run.output[-8000:]
    assert local.snakemake(*asked).status == 0
    made = (TABLE, "results/generations/own/shard-0.parquet", "results/labels/said.parquet")
    for path in (*made, "results/models/taught/model.safetensors"):
        assert (cluster.folder / path).read_bytes() == (local.folder / path).read_bytes(), path
    told = {job.number: job for job in lab.jobs()[before:]}
    restarts = lab.restarts()
    assert {number for number in told if restarts[number]} == set(numbers.values())
    assert [told[numbers[name]].gpus for name in ("generate", "train")] == [1, 2]
    assert len(lab.seen()[numbers["train"]]) == 2
    assert all(job.state == "COMPLETED" for job in told.values())
