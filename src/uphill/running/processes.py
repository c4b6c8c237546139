"""Who is at work in this folder: runs of the workflow, and their jobs.

Snakemake's own lock is a list of files, which outlives a run that was killed. Here each process holds an open lock on
a file of its own until it ends, however it ends; so a run can tell a lock that is in use from one that was left behind.
"""

import atexit
import contextlib
import fcntl
import os
import socket
import uuid
from pathlib import Path
from typing import IO

STATE = Path(".snakemake")
AT_WORK = "at_work"
_held: list[IO[str]] = []
"""A file that nobody refers to is closed, and its lock with it."""


def announce(what: str, state: Path = STATE) -> bool:
    """Say that this process is at work, until it ends.

    Args:
        what: the work, in a few words, for the message that another run shows.
        state: Snakemake's folder.

    Returns:
        Whether that worked: some network file systems know no locks, and a folder may be read-only.
    """
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    path = state / AT_WORK / name
    # Locked before anyone can see it: one that is seen unlocked is a dead process's.
    unseen = path.with_name(f".{name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = unseen.open("w")
    except OSError:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}: {what}")
        stream.flush()
        unseen.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            stream.close()
        with contextlib.suppress(OSError):
            unseen.unlink()
        return False
    _held.append(stream)
    atexit.register(path.unlink, missing_ok=True)
    return True


def others(state: Path = STATE, clear: bool = True) -> list[str]:
    """Who else is at work, in words.

    Args:
        state: Snakemake's folder.
        clear: clear away what dead processes left.
    """
    mine = {os.fstat(stream.fileno()).st_ino for stream in _held}
    found = []
    for path in sorted((state / AT_WORK).glob("[!.]*")):
        try:
            with path.open() as stream:
                if os.fstat(stream.fileno()).st_ino in mine:
                    continue
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    found.append(stream.read())
                    continue
            if clear:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # it ended meanwhile
    return found


def unlock(state: Path = STATE) -> bool:
    """Remove the lock that a killed run of Snakemake left; whether there was one. Nobody else may be at work."""
    left = locks(state)
    for path in left:
        path.unlink(missing_ok=True)
    return bool(left)


def locks(state: Path = STATE) -> list[Path]:
    """Snakemake's own lock: a run's, or one that a killed run left."""
    return list((state / "locks").glob("*.lock"))
