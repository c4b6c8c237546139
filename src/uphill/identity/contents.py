"""Contents of files, read once for each change of a file.

The digest of a large file is kept in Snakemake's folder by what the file system says of the file, so that of the many
processes of a run one alone reads gigabytes. Kept by real runs only: a dry run reads what is there, and writes nothing.
"""

import functools
import hashlib
import time
from pathlib import Path
from typing import Any

from uphill.identity import keeping

KEPT = keeping.FOLDER / "digests.json"
WORTH = 2**20
"""Bytes from which a file's digest is kept; a smaller one is read again."""
SETTLED_NS = 2 * 10**9
"""Age of a file's change from which the next one is sure to have another time, on file systems that count seconds."""
_new: dict[str, dict[str, Any]] = {}
"""What this process read, by path."""


def content(path: Path | str) -> str:
    """SHA-256 of a whole file, in hex.

    Raises:
        OSError: it cannot be read.
    """
    place = Path(path).resolve()
    before, started = _stamp(place), time.time_ns()
    known = _new.get(str(place)) or _kept().get(str(place))
    if known and known["stamp"] == before:
        return str(known["sha256"])
    with place.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if before["size"] >= WORTH and _settled(before, started) and _stamp(place) == before:
        _new[str(place)] = {"stamp": before, "sha256": found}
    return found


def keep() -> None:
    """Write down what this process read, beside what is kept of files that are still there, if that can be written."""
    if not _new:
        return
    files = {name: entry for name, entry in keeping.read(KEPT).items() if Path(name).is_file()} | _new
    keeping.write(KEPT, files)


def forget() -> None:
    """Drop what this process knows; what is kept on disk is read anew."""
    _new.clear()
    _kept.cache_clear()


def _stamp(path: Path) -> dict[str, int]:
    """What a change of a file changes. A program can set `mtime` back; `ctime` is the kernel's own."""
    found = path.stat()
    return {"size": found.st_size, "mtime": found.st_mtime_ns, "ctime": found.st_ctime_ns, "inode": found.st_ino}


def _settled(stamp: dict[str, int], now: int) -> bool:
    """Whether a later change is sure to show: none in the last seconds, nor by a clock that has been set back since."""
    return stamp["ctime"] < now - SETTLED_NS and not now - SETTLED_NS <= stamp["mtime"] <= now


@functools.cache
def _kept() -> dict[str, dict[str, Any]]:
    return keeping.read(KEPT)
