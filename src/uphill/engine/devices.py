"""GPUs of this machine, each to one job at a time.

A cluster hands a job its own devices. On a workstation nobody does: jobs side by side would all take the first. So a
job leases as many as it asked for, by locks that its end, however it ends, releases.
"""

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)
_held: dict[str, FileLock] = {}
"""Devices of this process, with their locks: a lock that nobody refers to is released."""
WAIT_S = 2.0


def visible_devices(count: int) -> list[str]:
    """The devices that this process may use, as CUDA names them; `count` is how many it sees."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(device) for device in range(count)]


def assigned_by_scheduler() -> bool:
    """Whether a cluster gave this job its devices."""
    return "SLURM_JOB_ID" in os.environ


def lease(devices: Sequence[str], count: int, folder: Path | None = None, patience_s: float | None = None) -> list[str]:
    """Take `count` of `devices` for this process until it ends, waiting for others to finish.

    What the process holds already serves again: a second model goes where the first is.

    Args:
        devices: names to choose from.
        count: how many are needed.
        folder: where locks lie; the machine's temporary folder unless given.
        patience_s: seconds to wait; without end unless given.

    Raises:
        ValueError: more are asked for than there are.
        TimeoutError: `patience_s` went by.
    """
    if count > len(devices):
        raise ValueError(f"{count} GPUs asked for, {len(devices)} found")
    if len(_held) >= count:
        return list(_held)[:count]
    folder = folder or Path(tempfile.gettempdir())
    deadline = None if patience_s is None else time.monotonic() + patience_s
    while True:
        taken = _try(devices, count, folder)
        if taken:
            return taken
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"no {count} of the GPUs {', '.join(devices)} became free")
        log.info("waiting for a GPU: all are leased to other jobs")
        time.sleep(WAIT_S if deadline is None else min(WAIT_S, 0.05))


def _try(devices: Sequence[str], count: int, folder: Path) -> list[str]:
    """Enough free devices, or none at all: a job that held some and waited for more could wait for ever."""
    locks: dict[str, FileLock] = {}
    for device in devices:
        lock = FileLock(folder / f"uphill-gpu-{device}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        locks[device] = lock
        if len(locks) == count:
            _held.update(locks)
            return list(locks)
    for lock in locks.values():
        lock.release()
    return []
