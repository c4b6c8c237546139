"""GPUs from the config to a job: counted at the start, asked for whole on a cluster, placed by share on one machine."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from snakemake.iocontainers import ResourceList
from snakemake.resources import Resources
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

from uphill.config.hardware import Hardware
from uphill.engine import loading
from uphill.engine.opening import gpus_of
from uphill.errors import UphillError
from uphill.workflow import gpus

LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa1111-2222-3333-4444-555555555555)
  MIG 1g.10gb     Device  0: (UUID: MIG-bbbb1111-2222-3333-4444-555555555555)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-cccc1111-2222-3333-4444-555555555555)
"""


def put_nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name, first on the path."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def workflow(local: bool = True, **given: int) -> Any:
    return SimpleNamespace(local_exec=local, global_resources=Resources.from_mapping(given))


@pytest.mark.parametrize(
    ("named", "count"),
    [
        (None, 2),
        ("", 0),
        ("-1", 0),
        ("1", 1),
        ("1,0", 2),
        ("0, 1", 2),
        ("0,2,1", 1),
        ("0,0", 1),
        ("GPU-cccc", 1),
        ("GPU-cccc1111-2222-3333-4444-555555555555,GPU-aaaa", 2),
        ("MIG-bbbb1111-2222-3333-4444-555555555555", 1),
        ("GPU-dddd,0", 0),
        ("NoDevFiles", 0),
    ],
)
def test_gpus_are_counted_as_cuda_does(
    named: str | None, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_nvidia_smi(tmp_path, f"test \"$*\" = -L && cat <<'END'\n{LISTED}END", monkeypatch)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert gpus.visible() == count
    run = workflow()
    gpus.limit(run)
    limits = {name: resource.value for name, resource in run.global_resources.items()}
    assert limits == ({"gpu_percent": 100 * count} if count else {})


@pytest.mark.parametrize("script", ["echo 'NVIDIA-SMI has failed: no driver'; exit 9", "echo 'No devices found'"])
def test_without_a_gpu_there_is_no_limit(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_nvidia_smi(tmp_path, script, monkeypatch)
    run = workflow()
    gpus.limit(run)
    assert len(run.global_resources) == 0
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert gpus.visible() == 0


def test_a_users_own_limit_wins_and_a_cluster_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_nvidia_smi(tmp_path, f"cat <<'END'\n{LISTED}END", monkeypatch)
    own, cluster = workflow(gpu_percent=50), workflow(local=False)
    gpus.limit(own)
    gpus.limit(cluster)
    assert own.global_resources["gpu_percent"].value == 50
    assert len(cluster.global_resources) == 0


@pytest.mark.parametrize(("gpu", "asked"), [(0.25, 1), (1, 1), (3, 3), (0, None)])
def test_a_cluster_is_asked_for_whole_gpus_and_told_of_no_share(gpu: float, asked: int | None) -> None:
    hardware = Hardware.model_validate({"models": {"m": {"gpu": gpu, "mem_mb": 700, "runtime": 11}}})
    names = ("gpu", "gpu_percent", "gpu_model", "mem_mb", "runtime", "pack_tokens")
    job = SimpleNamespace(
        resources=ResourceList(fromdict={name: hardware.asked("m", name, 1) for name in names}), threads=1
    )
    words = {"run_uuid": "u", "slurm_logfile": "l", "comment_str": "c", "account": "", "partition": ""}
    command = (get_submit_command(job, words | {"workdir": "."}) + set_gres_string(job)).split()
    assert [word for word in command if "gpu" in word] == ([f"--gpus={asked}"] if asked else [])
    assert not [word for word in command if "percent" in word]


@pytest.mark.parametrize("gpu", [0, 0.01, 0.07, 0.25, 0.29, 0.57, 0.58, 0.99, 1, 2, 64])
def test_a_job_gets_what_the_config_says(gpu: float) -> None:
    """.29 and others times 100 are no whole numbers in binary fractions."""
    hardware = Hardware.model_validate({"models": {"m": {"gpu": gpu}}})
    asked = {name: hardware.asked("m", name, 1) for name in ("gpu", "gpu_percent")}
    assert all(type(value) is int for value in asked.values())
    assert gpus_of(SimpleNamespace(**asked)) == gpu


def test_a_job_within_a_limit_gets_the_limit_and_whole_ones_stay_whole() -> None:
    """Snakemake cuts what a job asks for down to the limit."""
    assert gpus_of(SimpleNamespace(gpu=1, gpu_percent=50)) == 0.5
    assert gpus_of(SimpleNamespace(gpu=3, gpu_percent=200)) == 3
    assert gpus_of(SimpleNamespace(gpu=0, gpu_percent=100)) == 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two GPUs of 40 GiB, of which nothing is leased; what a job takes of them."""
    taken: dict[str, Any] = {}

    def lease(devices: list[str], gpus: float) -> list[str]:
        if gpus > len(devices):
            raise ValueError(f"{gpus} GPUs asked for, {len(devices)} found")
        return taken.setdefault("leased", devices[-max(1, int(gpus)) :])

    def limited(share: float, device: int) -> None:
        taken["memory"] = (share * 40, device, os.environ["CUDA_VISIBLE_DEVICES"])

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(loading, "lease", lease)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=40 * 2**30))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", limited)
    return taken


@pytest.mark.parametrize(("gpus", "memory_gib"), [(0.25, 10 - 0.6), (0.5, 20 - 0.6), (0.02, 0.4)])
def test_a_share_lies_on_one_gpu_and_leaves_the_rest_of_its_memory(
    machine: dict[str, Any], gpus: float, memory_gib: float
) -> None:
    """Less what CUDA takes for each process, but no less than half: shares together fit the whole."""
    assert loading._take_gpus(gpus, "m") == {"": 0}
    assert machine == {"leased": ["7"], "memory": (pytest.approx(memory_gib), 0, "7")}


@pytest.mark.parametrize(("gpus", "leased"), [(1, ["7"]), (2, ["4", "7"])])
def test_whole_gpus_are_used_whole(machine: dict[str, Any], gpus: float, leased: list[str]) -> None:
    assert loading._take_gpus(gpus, "m") == "auto"
    assert machine == {"leased": leased}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(leased)


def test_a_cluster_hands_out_whole_gpus_and_a_share_takes_it_all(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert loading._take_gpus(0.25, "m") == "auto"
    assert machine == {}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def test_a_machine_without_a_gpu_runs_on_the_cpu(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with caplog.at_level(logging.WARNING):
        assert loading._take_gpus(0.5, "m") is None
    assert caplog.messages == ["m: 0.5 GPUs asked for, none found: running on the CPU"]


def test_what_cannot_be_leased_is_one_line(machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UphillError, match=r"m: 3 GPUs asked for, 2 found; set gpu in config/hardware\.yaml to what"):
        loading._take_gpus(3, "m")

    def refuse(devices: list[str], gpus: float) -> list[str]:
        raise PermissionError(13, "Permission denied", "/there/uphill-gpus.lock")

    monkeypatch.setattr(loading, "lease", refuse)
    with pytest.raises(UphillError, match=r"/there/uphill-gpus\.lock: Permission denied, expected a file that a GPU"):
        loading._take_gpus(1, "m")
