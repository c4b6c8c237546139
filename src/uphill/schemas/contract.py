"""Contracts: the columns that a table must have, and those that name a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from uphill.errors import UphillError

TEXT, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def columns(types: Mapping[str, pa.DataType], nullable: Sequence[str] = ()) -> pa.Schema:
    """The schema of some columns, none of them empty in any row but those of `nullable`."""
    return pa.schema([pa.field(name, kind, nullable=name in nullable) for name, kind in types.items()])


@dataclass(frozen=True)
class Contract:
    """Columns that a table must have, and the columns that together name a row.

    Attributes:
        extra: whether further columns may follow (a dataset's own metadata).
        vector: the name of the fixed-size-list column whose width is the model's, if any; of float16 or float32. It may
            be missing, where nothing was kept.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    extra: bool = False
    vector: str | None = None

    def to_arrow(self, frame: pd.DataFrame, where: str) -> pa.Table:
        """`frame` as an Arrow table of this contract.

        Raises:
            UphillError: a column is missing, unknown, of another type, null where it may not be, or a key repeats.
        """
        missing = [name for name in self.schema.names if name not in frame.columns]
        unknown = [name for name in frame.columns if name not in self.schema.names]
        if missing or (unknown and not self.extra):
            raise UphillError(f"{where}: not a {self.name} table: missing columns {missing}, unknown columns {unknown}")
        schema = self.schema
        try:
            for name in unknown:
                schema = schema.append(pa.field(name, pa.array(frame[name], from_pandas=True).type))
            table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
        except (ValueError, TypeError) as error:  # pyarrow's own errors are kinds of these
            raise UphillError(f"{where}: not a {self.name} table: {' '.join(str(error).split())}") from error
        self.check(table, where)
        return table.replace_schema_metadata(None)

    def check(self, table: pa.Table, where: str, types: pa.Schema | None = None) -> None:
        """Hold a table to this contract.

        Args:
            table: what was read.
            where: how messages name it.
            types: those of all columns, where the vectors were not read.

        Raises:
            UphillError: it does not keep it.
        """
        types = table.schema if types is None else types
        for field in self.schema:
            if field.name not in types.names:
                if field.name == self.vector:
                    continue
                raise UphillError(f"{where}: not a {self.name} table: no column {field.name!r}")
            found = types.field(field.name).type
            if field.name == self.vector and not _is_vector(found):
                raise UphillError(
                    f"{where}: column {field.name!r} is {found}, expected lists of one length of float16 or float32"
                )
            if found != field.type and field.name != self.vector:
                raise UphillError(f"{where}: column {field.name!r} is {found}, expected {field.type}")
            read = field.name in table.schema.names
            if read and not field.nullable and table.column(field.name).null_count:
                raise UphillError(f"{where}: column {field.name!r} has empty values, expected none")
        keys = table.select(list(self.key)).to_pandas()
        repeated = keys[keys.duplicated()]
        if len(repeated):
            raise UphillError(f"{where}: row {tuple(repeated.iloc[0])} occurs twice, expected unique {self.key}")


def _is_vector(found: pa.DataType) -> bool:
    """Whether a column's type is what a model's states are kept in: float32 where float16 does not hold them."""
    return pa.types.is_fixed_size_list(found) and found.value_type in (pa.float16(), pa.float32())
