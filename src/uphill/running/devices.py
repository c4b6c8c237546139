"""GPUs of this machine, leased to jobs: a whole one to one job at a time, shares of one to as many jobs as they fit.

A cluster hands a job its own devices. On a workstation nobody does: jobs side by side would all take the first. So a
job leases what it asked for, by locks that its end, however it ends, releases.

A GPU is an empty file in the machine's temporary folder, and a hundredth of it a byte there, which whoever holds it
has locked: a quarter is any 25 of the bytes, a whole GPU is all 100. Who looks for free ones locks all that are free,
keeps what it needs and lets the rest go; meanwhile it holds one more lock, so that two never do so at once. These are
record locks: a process's own, which no child takes over and the kernel releases at its end.
"""

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from uphill.running import spending

log = logging.getLogger(__name__)
_held: dict[str, tuple[int, int]] = {}
"""Devices of this process: the open file, whose closing would release its locks, and how many hundredths."""
HUNDREDTHS = 100
WAIT_S = 2.0


def visible_devices(count: int) -> list[str]:
    """The devices that this process may use, as CUDA names them; `count` is how many it sees."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    # CUDA stops at the first name that it does not know.
    return [name.strip() for name in named.split(",")][:count] if named else [str(device) for device in range(count)]


def assigned_by_scheduler() -> bool:
    """Whether a cluster gave this job its devices."""
    return "SLURM_JOB_ID" in os.environ


def lease(
    devices: Sequence[str], gpus: float, folder: Path | None = None, patience_s: float | None = None
) -> list[str]:
    """Take GPUs, or a share of one, for this process until it ends, waiting for others to finish.

    Seconds of waiting are left out of what the job says that it took. What the process holds already serves again: a
    second model goes where the first is.

    Args:
        devices: names to choose from.
        gpus: how many are needed: a whole number, or hundredths of one.
        folder: where locks lie; the machine's temporary folder unless given.
        patience_s: seconds to wait; without end unless given.

    Raises:
        ValueError: more are asked for than there are, or than the process, which holds some, has taken.
        TimeoutError: `patience_s` went by.
        OSError: `folder` does not hold locks.
    """
    share = round(HUNDREDTHS * gpus)
    count, each = (1, share) if share < HUNDREDTHS else (share // HUNDREDTHS, HUNDREDTHS)
    if count > len(devices):
        raise ValueError(f"{count} GPUs asked for, {len(devices)} found")
    if _held:
        enough = [device for device, (_, hundredths) in _held.items() if hundredths >= each]
        if len(enough) < count:
            raise ValueError(f"{gpus:g} GPUs asked for by a job that has leased less")
        return enough[:count]
    folder, began, waiting = folder or Path(tempfile.gettempdir()), time.monotonic(), False
    while not (taken := _try(devices, count, each, folder)):
        if patience_s is not None and time.monotonic() - began > patience_s:
            raise TimeoutError(f"no {gpus:g} of the GPUs {', '.join(devices)} became free")
        if not waiting:
            log.info("waiting for %g of the GPUs %s: other jobs have leased them", gpus, ", ".join(devices))
            waiting = True
        time.sleep(WAIT_S if patience_s is None else min(WAIT_S, 0.05))
    if waiting:
        spending.wait(time.monotonic() - began)
    return taken


def _try(devices: Sequence[str], count: int, each: int, folder: Path) -> list[str]:
    """Enough devices with enough free hundredths, or none: a job that held some and waited for more might do for ever.

    A share goes where the least is free, so that GPUs stay whole for those who need whole ones.
    """
    with _alone(folder):
        files = {device: _opened(folder / _file_of(device)) for device in devices}
        free = {device: [part for part in range(HUNDREDTHS) if _lock(file, part)] for device, file in files.items()}
        fit = [device for device in devices if len(free[device]) >= each]
        chosen = sorted(fit, key=lambda device: len(free[device]))[:count] if len(fit) >= count else []
        for device, file in files.items():
            if device not in chosen:
                os.close(file)
                continue
            for part in free[device][each:]:
                fcntl.lockf(file, fcntl.LOCK_UN, 1, part)
            os.utime(file)  # what clears a temporary folder of old files leaves it
            _held[device] = file, each
    return chosen


def _file_of(device: str) -> str:
    """The name of a device's file; CUDA names some by what no file is called."""
    return f"uphill-gpu-{re.sub('[^A-Za-z0-9-]', '-', device)}.lock"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While this process, and no other, looks for free devices: for milliseconds."""
    file = _opened(folder / "uphill-gpus.lock")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _lock(file: int, part: int) -> bool:
    """Lock a byte, unless another process has."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, part)
    except (BlockingIOError, PermissionError):  # which of the two is up to the system
        return False
    return True


def _opened(path: Path) -> int:
    """A file to lock, made if it is not there, for all users of this machine."""
    try:
        # Not with O_CREAT, by which a system may refuse what another user made in a folder that all may write to.
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        pass
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:  # made by another process meanwhile
        return os.open(path, os.O_RDWR)
    os.fchmod(made, 0o666)
    return made
