"""Leases: jobs on one GPU never add up to more than it, whole ones are nobody else's, and a killed job gives back."""

import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from uphill.running import devices, spending
from uphill.running.devices import lease, visible_devices

HOLD = """
import os, sys, time
from pathlib import Path
from uphill.running.devices import lease
folder, gpus, patience, forks = sys.argv[1:]
print(*lease(["0", "1"], float(gpus), Path(folder), float(patience)), flush=True)
if int(forks) and os.fork() == 0:
    os.close(1)
    Path(folder, "child").write_text(str(os.getpid()))
time.sleep(60)
"""


def begin(folder: Path, gpus: float, patience_s: float = 5.0, forks: bool = False) -> subprocess.Popen[str]:
    """A process that leases of two devices and keeps that, and that says which, or nothing when it does not get it."""
    command = [sys.executable, "-c", HOLD, str(folder), str(gpus), str(patience_s), str(int(forks))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def leased(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


@contextmanager
def holder(folder: Path, *gpus: float) -> Iterator[tuple[list[subprocess.Popen[str]], list[str]]]:
    """Processes that lease devices one after the other, each of them one or a share of one, and keep them."""
    running: list[subprocess.Popen[str]] = []
    try:
        places = []
        for each in gpus:
            running.append(begin(folder, each))
            places += leased(running[-1])
        yield running, places
    finally:
        for process in running:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def free(folder: Path, gpus: float) -> bool:
    """Whether a new process gets as much at once."""
    process = begin(folder, gpus, patience_s=0.0)
    try:
        return bool(leased(process))
    finally:
        end(process)


@pytest.fixture(autouse=True)
def _given_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What this process leases it gives back behind each test, and what it waited it forgets."""
    monkeypatch.setattr(spending, "_waits", [])
    yield
    for file, _ in devices._held.values():
        os.close(file)
    devices._held.clear()


def test_two_jobs_get_two_devices_and_a_third_waits(tmp_path: Path) -> None:
    with holder(tmp_path, 1, 1) as ([first, _], places):
        assert sorted(places) == ["0", "1"]
        with pytest.raises(TimeoutError, match="no 1 of the GPUs 0, 1 became free"):
            lease(["0", "1"], 1, tmp_path, patience_s=0.2)
        end(first)
        assert lease(["0", "1"], 1, tmp_path, patience_s=5.0) == places[:1]


def test_a_job_that_cannot_have_all_keeps_none(tmp_path: Path) -> None:
    with holder(tmp_path, 1) as (_, [taken]):
        with pytest.raises(TimeoutError):
            lease(["0", "1"], 2, tmp_path, patience_s=0.1)
        assert lease(["0", "1"], 1, tmp_path, patience_s=1.0) != [taken]


def test_shares_fill_one_gpu_before_another(tmp_path: Path) -> None:
    with holder(tmp_path, *[0.25] * 5) as (_, places):
        assert [len({*places[:4]}), len({*places})] == [1, 2]


@pytest.mark.parametrize(
    ("shares", "fits", "does_not"),
    [((0.6, 0.6), 0.4, 0.41), ((0.5, 1), 0.5, 0.51), ((0.01,), 1, 2), ((1, 0.99), 0.01, 0.02), ((0.07, 0.93), 1, 2)],
)
def test_what_is_on_a_gpu_adds_up_to_no_more_than_it(
    tmp_path: Path, shares: tuple[float, ...], fits: float, does_not: float
) -> None:
    """Hundredths are exact, where binary fractions are not: .07 and .93 are one GPU."""
    with holder(tmp_path, *shares) as (_, places):
        assert len(places) == len(shares)
        filled: Counter[str] = Counter()
        for device, share in zip(places, shares, strict=True):
            filled[device] += round(100 * share)
        assert max(filled.values()) <= 100
        assert [free(tmp_path, does_not), free(tmp_path, fits)] == [False, True]


def test_jobs_that_begin_together_get_what_there_is_and_no_more(tmp_path: Path) -> None:
    """Ten that ask for .3 at once find three on each of two; nobody misses out because others were looking."""
    running = [begin(tmp_path, 0.3, patience_s=0.0) for _ in range(10)]
    try:
        assert Counter(device for process in running for device in leased(process)) == {"0": 3, "1": 3}
    finally:
        for process in running:
            end(process)


@pytest.mark.parametrize("gpus", [0.75, 2])
def test_a_killed_job_gives_back_though_its_child_lives(tmp_path: Path, gpus: float) -> None:
    process = begin(tmp_path, gpus, forks=True)
    assert leased(process)
    assert not free(tmp_path, 2)
    deadline = time.monotonic() + 20
    while not ((tmp_path / "child").is_file() and (tmp_path / "child").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    end(process)
    child = int((tmp_path / "child").read_text())
    os.kill(child, 0)
    try:
        assert free(tmp_path, 2)
    finally:
        os.kill(child, signal.SIGKILL)


def test_waiting_is_said_once_and_left_out_of_what_a_job_spends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with holder(tmp_path, 1, 0.5) as ([first, _], _):
        # As it was killed by someone else, while this process waits.
        ends = subprocess.Popen([sys.executable, "-c", f"import time, os; time.sleep(.4); os.kill({first.pid}, 9)"])
        began = time.monotonic()
        lease(["0", "1"], 0.75, tmp_path, patience_s=20.0)
        took = time.monotonic() - began
        ends.wait()
    assert [record.message for record in caplog.records] == [
        "waiting for 0.75 of the GPUs 0, 1: other jobs have leased them"
    ]
    assert 0.3 < sum(spending._waits) <= took


def test_who_need_not_wait_says_nothing_of_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lease(["0"], 0.5, tmp_path)
    assert (caplog.records, spending._waits) == ([], [])


def test_a_process_keeps_what_it_has(tmp_path: Path) -> None:
    assert lease(["0", "1"], 0.5, tmp_path, patience_s=1.0) == lease(["0", "1"], 0.5, tmp_path, patience_s=1.0)
    assert free(tmp_path, 1)
    assert free(tmp_path, 0.5)
    with pytest.raises(ValueError, match="1 GPUs asked for by a job that has leased less"):
        lease(["0", "1"], 1, tmp_path)


def test_more_than_there_are_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 GPUs asked for, 2 found"):
        lease(["0", "1"], 3, tmp_path)


def test_locks_are_for_all_users_and_names_of_instances_are_files(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert lease(["MIG-GPU-1f/0/1"], 0.5, tmp_path) == ["MIG-GPU-1f/0/1"]
    finally:
        os.umask(before)
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == ["uphill-gpu-MIG-GPU-1f-0-1.lock", "uphill-gpus.lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o666}


def test_devices_are_those_the_process_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_devices(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    assert visible_devices(2) == ["3", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,-1,5")
    assert visible_devices(1) == ["3"]
