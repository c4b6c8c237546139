"""The column contracts between the rooms, checked at every write and every read.

Every artefact is a Parquet file (zstd), tidy and keyed by ids. The identity of what made it travels in the file's own
metadata, so that a reader can refuse a file that today's configuration and code would not make.
"""

import io
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from uphill import parquet
from uphill.errors import UphillError, damaged

METADATA_KEY = b"uphill"
HARDNESS_POOL, SUPERVISOR_POOL, EXPERIMENT_POOL, TEST_POOL = "hardness", "supervisor", "experiment", "test"
LEVELS = ("easy", "medium", "hard")
ALL = "all"
UNSUPERVISED = "none"
"""`train_on` of a cell that saw no training item."""

_text, _int, _float, _bool = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def _schema(columns: Mapping[str, pa.DataType], nullable: Sequence[str] = ()) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=name in nullable) for name, kind in columns.items()])


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


ITEMS = Contract(
    "items",
    _schema(
        {
            "item_id": _text,
            "question": _text,
            "choices": pa.list_(_text),
            "answer_idx": _int,
            "answer_text": _text,
            "reasoning": _text,
            "pool": _text,
        },
        nullable=["answer_idx"],
    ),
    key=("item_id",),
    extra=True,
)
RESPONSES = Contract(
    "responses",
    _schema(
        {
            "item_id": _text,
            "choice_idx": _int,
            "logprob": _float,
            "n_tokens": _int,
            "n_chars": _int,
            "state": pa.list_(pa.float16()),
        }
    ),
    key=("item_id", "choice_idx"),
    vector="state",
)
MEASURE = Contract(
    "hardness measure",
    _schema({"item_id": _text, "variable": _text, "value": _float, "kind": _text}),
    key=("item_id", "variable"),
    extra=True,  # how far to trust a value
)
HARDNESS = Contract(
    "hardness",
    _schema({"item_id": _text, "variable": _text, "value": _float, "level": _text, "kind": _text}),
    key=("item_id", "variable"),
)
SPLITS = Contract(
    "splits",
    _schema(
        {
            "train_on": _text,
            "boot": _int,
            "item_id": _text,
            "role": _text,
            "rank": _int,
            "noise_draw": _float,
            "level": _text,
            "value": _float,
        },
        nullable=["noise_draw", "value"],
    ),
    key=("train_on", "boot", "role", "item_id"),
)
CONDITION: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("method", "model", "dataset", "experiment", "variable", "train_dataset", "train_on"), _text),
    **dict.fromkeys(("boot", "n_train"), _int),
    "noise_p": _float,
    "k": _int,
    "cot": _bool,
    "prompt": _text,
    "dropped": _int,
}
"""Columns that say what an answer was trained on, and how it was asked for."""
_ANSWER = ("experiment", "variable", "train_dataset", "train_on", "boot", "n_train", "noise_p", "item_id")
PREDICTIONS = Contract(
    "predictions",
    _schema(
        {
            **CONDITION,
            "item_id": _text,
            "scores": pa.list_(
                _float
            ),  # of each choice: a log-probability (nats), summed over its tokens if by a model
            "text": _text,
            "n_tokens": pa.list_(_int),  # of each choice, none where scores are no sums over tokens; of a text, its own
            "ended": _bool,  # false where the token limit cut a text off
        },
        nullable=["scores", "text", "ended"],
    ),
    key=_ANSWER,
)
GRADES = Contract(
    "grades",
    _schema(
        {
            **CONDITION,
            "item_id": _text,
            "status": _text,
            "parsed": _text,
            "correct": _bool,
            "p_gold": _float,
            "f1": _float,
            "ended": _bool,
            "grader": _text,
        },
        nullable=["p_gold", "f1", "ended"],
    ),
    key=_ANSWER,
)


NAMES = (
    *("dataset", "train_dataset", "model", "quantized_model", "method", "variable", "variable_a", "variable_b"),
    *("train_on", "test_on", "supervision", "status", "source"),
)
"""Columns of tables that hold names, which are texts: of a model called 007, 1e3 or NA too."""
BY_VALUE = ("accuracy_by_hardness", "all_to_all_by_hardness")
"""Tables whose `test_on` is no level but a hardness value."""


def csv_table(content: bytes, table: str) -> pd.DataFrame:
    """A CSV of ours: names as they were written, and an empty cell of another column as a missing number.

    Args:
        content: of the file.
        table: its name.

    Raises:
        ValueError: it is no CSV; pandas' own errors are kinds of it.
    """
    names = [name for name in NAMES if name != "test_on" or table not in BY_VALUE]
    missing = {column: [""] for column in pd.read_csv(io.BytesIO(content), nrows=0).columns if column not in names}
    types = dict.fromkeys(names, str)
    return pd.read_csv(io.BytesIO(content), dtype=types, keep_default_na=False, na_values=missing)


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
