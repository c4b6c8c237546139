"""What Snakemake wrote down of the jobs that it ran, and which of them it would run now."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uphill.errors import UphillError

RECORDS = ".snakemake"
PENDING = "update pending"


def summary(targets: Sequence[str], profile: str, config: str | None) -> dict[str, str]:
    """Ask Snakemake: by file of each job that it would run, the file's status in its words.

    Raises:
        UphillError: it refuses the config or the targets; with its own last line.
    """
    command = [sys.executable, "-m", "snakemake", "--summary", "--nocolor", "--profile", profile, *targets]
    command += ["--configfile", config] if config else []
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["no word"]
        told = [line for line in said if line.startswith("error: ")]
        raise UphillError(told[-1].removeprefix("error: ") if told else f"snakemake --summary failed: {said[-1]}")
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {row[0]: row[-2] for row in rows if row[-1] == PENDING}


def _read(kind: str, path: str) -> dict[str, Any] | None:
    name = base64.urlsafe_b64encode(path.encode()).decode()
    # Names longer than a file's may be are cut into folders, as snakemake.persistence.file does.
    most = os.pathconf(".", "PC_NAME_MAX") - 1
    pieces = [name[start : start + most] for start in range(0, len(name), most)]
    place = Path(RECORDS, kind, *(f"@{piece}" for piece in pieces[:-1]), pieces[-1])
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def was_made(path: str) -> bool:
    """Whether a file was made before, be it there or not."""
    return _read("metadata", path) is not None


def interrupted(path: str) -> bool:
    """Whether the job that makes a file was stopped before it ended."""
    return _read("incomplete", path) is not None


def edited_inputs(path: str) -> list[str]:
    """Files that a file was made from and that now hold something else."""
    sums: dict[str, str] = (_read("metadata", path) or {}).get("input_checksums") or {}
    return [name for name, recorded in sums.items() if Path(name).is_file() and _checksum(name) != recorded]


def _checksum(path: str) -> str:
    with Path(path).open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
