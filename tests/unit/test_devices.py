"""Leases: no two jobs get the same device, and a killed job gives its own back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from uphill.engine import devices
from uphill.engine.devices import lease, visible_devices

HOLD = """
import sys, time
from pathlib import Path
from uphill.engine.devices import lease
print(*lease(["0", "1"], int(sys.argv[2]), Path(sys.argv[1]), 5.0), flush=True)
time.sleep(60)
"""


@contextmanager
def holder(folder: Path, count: int) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that leases devices and keeps them."""
    command = [sys.executable, "-c", HOLD, str(folder), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _given_back() -> Iterator[None]:
    """What this process leases it gives back behind each test."""
    yield
    for lock in devices._held.values():
        lock.release()
    devices._held.clear()


def test_two_jobs_get_two_devices_and_a_third_waits(tmp_path: Path) -> None:
    with holder(tmp_path, 1) as (first, one), holder(tmp_path, 1) as (_, two):
        assert sorted(one + two) == ["0", "1"]
        with pytest.raises(TimeoutError, match="no 1 of the GPUs 0, 1 became free"):
            lease(["0", "1"], 1, tmp_path, patience_s=0.2)
        first.kill()
        first.wait()
        assert lease(["0", "1"], 1, tmp_path, patience_s=5.0) == one


def test_a_job_that_cannot_have_all_keeps_none(tmp_path: Path) -> None:
    with holder(tmp_path, 1) as (_, [taken]):
        with pytest.raises(TimeoutError):
            lease(["0", "1"], 2, tmp_path, patience_s=0.1)
        assert lease(["0", "1"], 1, tmp_path, patience_s=1.0) != [taken]


def test_a_process_keeps_what_it_has(tmp_path: Path) -> None:
    assert lease(["0", "1"], 1, tmp_path, patience_s=1.0) == lease(["0", "1"], 1, tmp_path, patience_s=1.0)


def test_more_than_there_are_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 GPUs asked for, 2 found"):
        lease(["0", "1"], 3, tmp_path)


def test_devices_are_those_the_process_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_devices(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert visible_devices(2) == ["3", "5"]
