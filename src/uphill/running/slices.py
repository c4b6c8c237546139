"""Files of several slices, a part for each experiment and variable, of which those that would be the same are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from uphill.errors import UphillError
from uphill.running.noting import NOTES
from uphill.schemas.contract import Contract
from uphill.schemas.files import made_by, read_arrow

Slice = Mapping[str, Any]
"""The spec of what a job makes for one experiment and variable."""


@dataclass(frozen=True)
class Slices:
    """What a file holds: the rows of each slice, and what made them.

    Attributes:
        table: all rows; None where there is no such file.
        made: the spec of each slice, by name.
        versions: of the libraries that each was made with.
        notes: on how they were made.
    """

    table: pa.Table | None
    made: Mapping[str, Slice]
    versions: Mapping[str, dict[str, str]]
    notes: list[str]

    @classmethod
    def read(cls, path: str, contract: Contract) -> Self:
        """The slices of a file.

        Raises:
            UphillError: it is not there, is damaged or is of another layout.
        """
        table, made = read_arrow(path, contract), made_by(path)
        return cls(table, made["settings"].get("slices", {}), made.get("versions", {}), made.get(NOTES, []))

    @classmethod
    def before(cls, path: str, contract: Contract) -> Self:
        """What an output held before; nothing of one that is to be made again."""
        try:
            return cls.read(path, contract) if Path(path).is_file() else cls(None, {}, {}, [])
        except UphillError:
            return cls(None, {}, {}, [])

    def rows(self, name: str, identity: str) -> pa.Table | None:
        """A slice's rows, if what made them has this identity."""
        if self.table is None or self.made.get(name, {}).get("id") != identity:
            return None
        settings = self.made[name]["settings"]
        same = [pc.equal(self.table[column], settings[column]) for column in ("experiment", "variable")]
        return self.table.filter(pc.and_(*same)).replace_schema_metadata(None)
