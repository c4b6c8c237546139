"""Small tables of digests in Snakemake's folder, which a real run writes and any later one reads."""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(".snakemake/uphill")


def write(path: Path, entries: Mapping[str, Any]) -> None:
    """Write a table whole, if that can be written; of processes that do so at once the last one wins."""
    unfinished = path.with_name(f".{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps({"files": entries, "check": _check(entries)}, indent=1) + "\n")
        unfinished.replace(path)


def read(path: Path) -> dict[str, Any]:
    """What is kept; nothing where it is damaged."""
    try:
        found = json.loads(path.read_text())
        entries: dict[str, Any] = found["files"]
        return entries if found["check"] == _check(entries) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _check(entries: Any) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
