"""Parts of a long job: what is finished stays finished, whenever the job is killed.

Snakemake deletes declared outputs before it tries a job again, so parts live in a scratch folder that no rule declares.
The folder's name is the job's identity: a changed prompt or an edited method never picks up old parts.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from uphill.errors import UphillError
from uphill.running.leftovers import finish, resume
from uphill.running.noting import NOTES, note, noted
from uphill.schemas.contract import Contract
from uphill.schemas.files import METADATA_KEY, read_arrow, write_arrow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """Finished parts of one job, each a Parquet file of `contract` in `folder`.

    Use it as a context, in which the job's outputs are written: the folder goes when the block has ended well and
    nothing can take the outputs away any more (`leftovers`), and stays for the next attempt when it has not.

    Attributes:
        folder: theirs alone.
        contract: what each of them keeps.
        outputs: of the job, as they are called in its block; none where nobody takes them away.
    """

    folder: Path
    contract: Contract
    outputs: Sequence[str] = ()

    def __enter__(self) -> "Parts":
        resume(self.folder)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            finish(self.folder, self.outputs)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def get(self, name: str) -> pa.Table | None:
        """The finished part `name`, or None where it has yet to be made. A damaged part is dropped."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            table = read_arrow(path, self.contract, self._identity(name))
        except UphillError:
            log.warning("%s: a finished part that was damaged: made again", path)
            path.unlink(missing_ok=True)
            return None
        recorded = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
        note(*recorded.get(NOTES, []))
        return table.replace_schema_metadata(None)

    def put(self, name: str, table: pa.Table) -> None:
        """Keep a finished part, with what a reader should know of it: the attempt that finishes the job says it too."""
        write_arrow(table, self._path(name), self.contract, {"id": self._identity(name), NOTES: noted()})

    def _identity(self, name: str) -> str:
        """Its own, so that one part's file is never taken for another's."""
        return f"{self.folder.name}/{name}"
