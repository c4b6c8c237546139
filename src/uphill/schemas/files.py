"""Files of results: written whole, with the identity of what made them, and read under their contract."""

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from uphill.errors import UphillError, damaged
from uphill.schemas import parquet
from uphill.schemas.contract import Contract

METADATA_KEY = b"uphill"


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it takes `path`'s place if the block ends well, else it is removed.

    Raises:
        UphillError: the disk is full, or `path` cannot be written for another reason of the file system.
    """
    path = Path(path)
    # The suffix stays, since writers such as matplotlib choose a format by it.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
        raise UphillError(
            f"{path}: cannot be written: {reason}; put that right and run the same command again"
        ) from error


def is_leaving(path: Path) -> bool:
    """Whether a file is a temporary one of `written_whole`, which only a killed process leaves."""
    return re.search(r"^\..*\.[0-9a-f]{32}(\.|$)", path.name) is not None


def write(frame: pd.DataFrame, path: Path | str, contract: Contract, made_by: Mapping[str, Any] | None = None) -> None:
    """Check `frame` against `contract` and write it whole, with the identity of what made it."""
    table = contract.to_arrow(frame, str(path))
    write_arrow(table, path, contract, made_by)


def write_arrow(table: pa.Table, path: Path | str, contract: Contract, made_by: Mapping[str, Any] | None) -> None:
    """As `write`, for data that is Arrow already."""
    contract.check(table, str(path))
    if made_by is not None:
        table = table.replace_schema_metadata({METADATA_KEY: json.dumps(made_by).encode()})
    with written_whole(path) as temporary:
        parquet.write(table, temporary)


def write_json(path: Path | str, what: Mapping[str, Any]) -> None:
    """Write plain data whole, for people and for tables; it records no identity."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(what, indent=1) + "\n")


def read_arrow(path: Path | str, contract: Contract, identity: str | None = None, vectors: bool = True) -> pa.Table:
    """Read a file of `contract`.

    Args:
        path: the file.
        contract: what it must keep.
        identity: the `id` of the job that must have made it; None asks for none.
        vectors: whether the column of vectors, the largest by far, is read too.

    Raises:
        UphillError: the file is missing, is not what was written, breaks its contract, or is another job's.
    """
    try:
        table = parquet.read(path, None if vectors else contract.vector)
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file, expected a {contract.name} table") from None
    contract.check(table, str(path), None if vectors else parquet.schema(path))
    if identity is not None and _recorded(table.schema.metadata or {}, path).get("id") != identity:
        raise damaged(path, "made by another config or by older code, or for another dataset or model")
    return table


def read(path: Path | str, contract: Contract, identity: str | None = None) -> pd.DataFrame:
    """As `read_arrow`, as a data frame."""
    return read_arrow(path, contract, identity).to_pandas()


def made_by(path: Path | str) -> dict[str, Any]:
    """What made a file: the `spec` of its job, as recorded by `write`.

    Raises:
        UphillError: the file records nothing, or is not what was written.
        FileNotFoundError: there is no such file.
    """
    return _recorded(parquet.metadata(path), path)


def _recorded(metadata: Mapping[bytes, bytes], path: Path | str) -> dict[str, Any]:
    if METADATA_KEY not in metadata:
        raise UphillError(f"{path}: records no identity, expected a file made by this workflow")
    found: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return found


def relative(path: Path | str) -> str:
    """`path` from the working folder, with forward slashes, as tables and messages show it."""
    return os.path.relpath(path).replace(os.sep, "/")
