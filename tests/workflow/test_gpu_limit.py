"""GPUs of one machine are counted at the start of a run, and jobs wait for them in Snakemake's scheduler."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Checkout, shrink

GPUS = {"demo": 0.5, "twin": 0.5, "wide": 3}
TARGETS = [f"results/responses/{name}/dial/shard-0-of-1.parquet" for name in GPUS]
EVENT = re.compile(r"^Job (\d+): Zero-shot pass of (\w+) over dial$|^Finished jobid: (\d+) ", re.MULTILINE)


def configure(checkout: Checkout) -> str:
    """Three models that read one small dataset: two on half a GPU each, one on more than the machine has."""

    def change(raw: dict[str, Any]) -> None:
        shrink(raw)
        raw["models"] = dict.fromkeys(GPUS, raw["models"]["demo"])
        raw["measures"] = {"human": raw["measures"]["human"]}
        raw["population"][0]["models"] = [*GPUS]

    file = checkout.folder / "config/hardware.yaml"
    hardware = yaml.safe_load(file.read_text())
    needs = hardware["models"]["demo"]
    hardware["models"] = {name: needs | {"gpu": gpu} for name, gpu in GPUS.items()}
    file.write_text(yaml.safe_dump(hardware))
    return checkout.configure(change)


def side_by_side(output: str) -> list[set[str]]:
    """Models whose jobs run, after each beginning and each end of a job, as Snakemake says of them."""
    running: dict[str, str] = {}
    found = []
    for begun, model, ended in EVENT.findall(output):
        if begun:
            running[begun] = model
        else:
            running.pop(ended, None)
        found.append({*running.values()})
    return found


@pytest.mark.parametrize(
    ("given", "together"),
    [([], 2), pytest.param(["--resources", "gpu_percent=400"], 3, marks=pytest.mark.nightly)],
)
def test_jobs_wait_in_the_scheduler_for_the_gpus_that_are_there(
    given: list[str], together: int, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three cores, one GPU: the halves run side by side, what asks for more alone; unless a user says otherwise.

    There is no GPU in truth, so that all of them then run on the CPU.
    """
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa1111)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    run = checkout.snakemake(*TARGETS, "--configfile", configure(checkout), "--cores", "3", *given)
    assert run.status == 0, run.output[-4000:]
    seen, limit = side_by_side(run.output), 100 if not given else 400
    assert set().union(*seen) == {*GPUS}
    assert max(sum(min(100 * GPUS[model], limit) for model in models) for models in seen) == limit
    assert max(map(len, seen)) == together
