"""What lies beside tables and figures: what they were made from, and the digest of their bytes.

`results/tables/sgr.csv` has `results/tables/sgr.provenance.json`. Whoever reads a table holds it to that digest: one
that was cut short, edited or swapped is refused rather than shown.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.errors import UphillError, damaged
from uphill.schemas.files import written_whole
from uphill.schemas.level_names import Levels
from uphill.schemas.tables import csv_table

SUFFIX = ".provenance.json"
LEVELS = "levels"
"""Where the provenance of a table has the levels of its rows, in order."""
Record = Mapping[str, Any]


def beside(path: Path | str) -> str:
    """The provenance of a table or figure; of all its formats it is one."""
    return str(Path(path).with_suffix(SUFFIX))


def sha256(path: Path | str) -> str:
    """Digest of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(path: Path | str, spec: Record, files: Iterable[str], sources: Mapping[str, Record]) -> None:
    """Write what some files were made from, beside them.

    Args:
        path: of the provenance.
        spec: what made them.
        files: they; by name, so that no other file's provenance passes for theirs.
        sources: by file that was read, what made it, or its digest.
    """
    content: dict[str, Any] = {"spec": dict(spec), "sources": {name: dict(made) for name, made in sources.items()}}
    content["files"] = {Path(file).name: sha256(file) for file in files}
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps({**content, "digest": _digest(content)}, indent=1) + "\n")


def digests(paths: Iterable[str]) -> dict[str, Record]:
    """Some files as `sources`, each by its digest."""
    return {path: {"sha256": sha256(path)} for path in paths}


def read(path: Path | str) -> Record:
    """A provenance.

    Raises:
        UphillError: it is missing, or is not what was written.
    """
    try:
        content = json.loads(_content(path))
        recorded = content.pop("digest")
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise damaged(path, "damaged: not a provenance, of which each table has one beside it") from None
    if recorded != _digest(content):
        raise damaged(path, "damaged or edited: not what was written")
    found: Record = content
    return found


def checked(path: Path | str, identity: str | None = None) -> tuple[bytes, Record]:
    """The bytes of a table or figure that are those its provenance speaks of, and the provenance.

    Args:
        path: the table or figure.
        identity: the `id` of the job that must have made it; None asks for none.

    Raises:
        UphillError: the file or its provenance is missing, damaged, edited, another's, or of another identity.
    """
    content, record = _content(path), read(beside(path))
    expected = record["files"].get(Path(path).name)
    if expected is None:
        raise damaged(beside(path), f"says nothing of {Path(path).name}: it is another file's")
    if hashlib.sha256(content).hexdigest() != expected:
        raise damaged(path, f"damaged or edited: not what was written, by {Path(beside(path)).name}")
    if identity is not None and record["spec"].get("id") != identity:
        raise damaged(path, "made by another config or by older code")
    return content, record


def read_table(path: Path | str, identity: str | None = None) -> pd.DataFrame:
    """A CSV of ours, held to its provenance as in `checked`: "none" is a train level there, not a missing value."""
    content, _ = checked(path, identity)
    try:
        return csv_table(content, Path(path).stem)
    except ValueError as error:  # pandas' own errors are kinds of it
        raise damaged(path, f"no table ({' '.join(str(error).split())})") from None


def listed(levels: Levels) -> list[list[Any]]:
    """Levels as plain data: dataset, variable and names in order."""
    return [[*panel, list(names)] for panel, names in levels.items()]


def levels(path: Path | str) -> Levels:
    """The levels of a table's rows in order, as its provenance has them; none of a table that is not of levels.

    Raises:
        UphillError: there is no provenance, or it is not what was written.
    """
    return {(dataset, variable): names for dataset, variable, names in read(beside(path))["spec"].get(LEVELS, [])}


def _content(path: Path | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file; run the workflow again to have it made") from None
    except OSError as error:
        raise UphillError(f"{path}: cannot be read: {error.strerror}") from None


def _digest(content: Record) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
