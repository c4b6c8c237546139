"""What the published datasets share: rows from files or from the Hugging Face hub, one way to check them and to fail.

A source reads `RawRow`s, each with the `Part` (a file or a split) that says how its publisher lays a row out. One
function of the source turns what all parts have in common into an item, and `collect` makes the table: a row that
cannot be an item is named by file, number and id, and ends the job or, if not `strict`, is dropped, counted and logged.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from uphill.datasets.cells import column
from uphill.datasets.items import ROW_COLUMNS
from uphill.datasets.items import problems as row_problems
from uphill.datasets.raw_files import listed, read_cells, read_text
from uphill.errors import UphillError
from uphill.running.hub import pinned
from uphill.schemas.spelling import distinct

log = logging.getLogger(__name__)

SHOWN = 80
"""Characters of a wrong value that a message repeats."""

Fields = dict[str, Any]


class BadRow(Exception):
    """A row that cannot be an item. The message says what was found and what was expected, not where."""


class Published(BaseModel):
    """Where a published dataset comes from: a folder with the publishers' files, or a pinned commit on the hub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = Field(None, description="Folder with the publishers' own files; without one, the hub's")
    hub_id: str = Field(description="repository of plain Parquet or JSON, at the")
    revision: str | None = Field(None, validate_default=True, description="commit with this hash.")
    strict: bool = Field(True, description="Stop at a bad row; false drops bad rows, counts and logs them.")

    @field_validator("revision")
    @classmethod
    def _one_place(cls, revision: str | None, info: ValidationInfo) -> str | None:
        local = info.data.get("folder") is not None
        if local and revision is not None:
            raise ValueError(f"is {revision!r} beside a folder, expected either folder or revision")
        if not local and revision is None:
            hub_id = info.data.get("hub_id")
            raise ValueError(f"missing, expected folder (the publishers' files) or the hash of a commit of {hub_id!r}")
        return revision if revision is None else pinned(revision)

    @property
    def generative(self) -> bool:
        """Whether answers are written rather than chosen."""
        return False

    @property
    def remote(self) -> bool:
        """Whether rows come over the network."""
        return self.folder is None

    @property
    def files(self) -> list[Path]:
        """Every local file that is read; their content is part of the items' identity."""
        return []


P = TypeVar("P", bound=str)


def in_order(known: Sequence[str]) -> Callable[[list[P]], list[P]]:
    """A check of a key that names parts of a dataset: some, each once; and their order is that of `known`."""

    def check(given: list[P]) -> list[P]:
        return sorted(distinct(given), key=known.index)

    return check


# -- rows ------------------------------------------------------------------------------------------------------------


def by_field(name: str) -> Callable[[Any, int], Any]:
    """Rows that have the publishers' own ids."""
    return lambda value, _: value.get(name) if isinstance(value, dict) else None


def by_number(prefix: str) -> Callable[[Any, int], str]:
    """Rows without ids: a prefix and the row's number, from 0, as the hub counts."""
    return lambda _, number: f"{prefix}/{number - 1:04d}"


@dataclass(frozen=True)
class Part:
    """One file or one split of a dataset.

    Attributes:
        name_of: a row as its publisher wrote it, and its number (from 1), to its id.
        layout: a row as its publisher wrote it to the fields that all parts of the dataset share.
        fields: what is the same for all its rows, such as the split.
    """

    name_of: Callable[[Any, int], Any]
    layout: Callable[[Any], Fields]
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRow:
    """One row as its publisher wrote it; `number` counts from 1. `unread` says why it could not even be parsed.

    `line` is that of the file in which it begins, as an editor counts, where it has lines.
    """

    where: str
    number: int
    value: Any
    part: Part
    unread: str | None = None
    line: int | None = None

    @property
    def item_id(self) -> Any:
        """The item's id, or None where the row has none."""
        return self.part.name_of(self.value, self.number)

    @property
    def place(self) -> str:
        """Where an error message says that the row is."""
        line = [f"line {self.line}"] if self.line not in (None, self.number) else []
        known = [*line, *([f"item_id {self.item_id!r}"] if isinstance(self.item_id, str) else [])]
        return f"{self.where}: row {self.number}" + (f" ({', '.join(known)})" if known else "")

    def fields(self) -> Fields:
        """What the dataset's parts have in common.

        Raises:
            BadRow: the row has another layout than its publisher's, or no id.
        """
        if self.unread:
            raise BadRow(self.unread)
        laid_out = self.part.layout(self.value)
        if not isinstance(self.item_id, str) or not self.item_id.strip():
            raise BadRow(f"its id is {shown(self.item_id)}, expected a text")
        return {**self.part.fields, **laid_out, "item_id": self.item_id}


def shown(value: Any) -> str:
    """A wrong value, short enough for one line."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def get(row: Any, name: str) -> Any:
    """The field `name` of a row that should be an object.

    Raises:
        BadRow: it is no object, or has no such field.
    """
    if not isinstance(row, dict):
        raise BadRow(f"{shown(row)}, expected an object with {name!r}")
    if name not in row:
        raise BadRow(f"no {name!r}, found {listed(map(str, row))}; expected it beside them")
    return row[name]


def get_text(row: Any, name: str) -> str:
    """A field that should be a text. That it is not empty is left to the check that all items pass."""
    value = get(row, name)
    if not isinstance(value, str):
        raise BadRow(f"{name} is {shown(value)}, expected text")
    return value


def get_texts(row: Any, name: str) -> list[str]:
    """A field that should be a list of texts."""
    value = get(row, name)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadRow(f"{name} is {shown(value)}, expected a list of texts")
    return value


# -- files and the hub -----------------------------------------------------------------------------------------------


def read_json(path: Path, expected: str) -> Any:
    """A file of JSON.

    Raises:
        UphillError: it is missing or no JSON.
    """
    try:
        return json.loads(read_text(path, expected))
    except json.JSONDecodeError as error:
        raise UphillError(f"{path}: not JSON ({error}), expected {expected}") from None


def json_lines(path: Path, part: Part) -> Iterator[RawRow]:
    """A row a line. A line that is no JSON is a bad row of its own."""
    # Not splitlines: JSON texts may hold other line separators, such as U+2028.
    lines = [line for line in read_text(path, "a JSON object a line").split("\n") if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            yield RawRow(str(path), number, json.loads(line), part)
        except json.JSONDecodeError as error:
            yield RawRow(str(path), number, None, part, f"not JSON ({error}), expected a JSON object")


def json_list(path: Path, part: Part) -> Iterator[RawRow]:
    """An object an element of one JSON list."""
    expected = "a JSON list of objects"
    values = read_json(path, expected)
    if not isinstance(values, list):
        raise UphillError(f"{path}: a {type(values).__name__}, expected {expected}")
    for number, value in enumerate(values, start=1):
        yield RawRow(str(path), number, value, part)


def csv_rows(path: Path, part: Part) -> Iterator[RawRow]:
    """A list of cells a row; no header."""
    for number, (_, cells) in enumerate(read_cells(path, ","), start=1):
        yield RawRow(str(path), number, cells, part)


def hub_rows(
    hub_id: str, config: str | None, split: str, revision: str | None, part: Part, written: bool = False
) -> Iterator[RawRow]:
    """An object a row of one split of a hub dataset, through `datasets`; no code of the repository is run.

    With `written`, cells of CSV are texts, and numbers of JSON keep their digits (`cells.Number`), as they are in the
    repository's files. Offline, what was fetched before is read from its own folder: `datasets` would take any revision
    that it has.

    Raises:
        UphillError: the hub cannot be reached, or has no such repository, commit, config or split; or, offline, the
            repository was not fetched.
    """
    from datasets import load_dataset  # type: ignore[import-untyped]  # not needed to read the config

    from uphill.datasets.hub_files import TEXT_FILES, as_written  # likewise
    from uphill.running.hub import fetched, offline

    where = "/".join([hub_id, *([config] if config else []), split])
    folder = fetched("dataset", hub_id, revision) if revision and offline() else None
    source = hub_id if folder is None else str(folder)
    pinned_at = {"revision": revision} if folder is None else {}
    try:
        rows = load_dataset(source, config, split=split, **pinned_at)
        if written and getattr(rows, "builder_name", None) in TEXT_FILES:
            rows = as_written(source, config, split, pinned_at.get("revision"))
    except UphillError:
        raise
    except Exception as error:  # datasets, huggingface_hub and their HTTP client have a dozen kinds between them
        raise UphillError(f"hub dataset {where} at {revision}: {_unread(error)}") from error
    for number, value in enumerate(rows, start=1):
        yield RawRow(where, number, value, part)


def _unread(error: BaseException) -> str:
    """Why a repository cannot be read, and what was expected."""
    if any(type(one).__name__ == "GatedRepoError" or "gated dataset" in str(one) for one in _behind(error)):
        return (
            "behind a licence, expected an account that has accepted it on the hub, logged in here (`hf auth login`, "
            "or HF_TOKEN)"
        )
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"cannot be read ({reason}), expected a repository of plain Parquet or JSON with this config and split, "
        "within reach"
    )


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# -- the table -------------------------------------------------------------------------------------------------------


def collect(
    rows: Iterable[RawRow],
    standardise: Callable[[Fields], Fields | None],
    name: str,
    strict: bool,
    answered: bool = True,
) -> pd.DataFrame:
    """The items of a dataset, in the order of its rows; `frame.attrs["dropped"]` counts the bad rows left out.

    A row that repeats an earlier one to the letter is left out too, and so is one for which `standardise` returns None:
    the dataset's own rule says that it is no part of it.

    Args:
        rows: every row of every part.
        standardise: the fields of a row to an item; raises `BadRow`.
        name: how the log names the dataset.
        strict: stop at the first bad row.
        answered: whether rows say what is right.

    Raises:
        UphillError: a bad row, if `strict`: its file, number and id, and what was expected. Or no row is left.
    """
    items: dict[str, Fields] = {}
    faults: list[str] = []
    total = 0
    for row in rows:
        total += 1
        try:
            item = _item(row, standardise, items, answered)
        except BadRow as error:
            faults.append(f"{row.place}: {error}")
            if strict:
                raise UphillError(faults[0]) from None
            continue
        if item is not None:
            items.setdefault(item["item_id"], item)
    if not items:
        first = f"; the first bad one: {faults[0]}" if faults else ""
        raise UphillError(f"{name}: no item among {total} rows, expected at least one{first}")
    _report(name, total, len(items), faults)
    return _frame(list(items.values()), len(faults))


def _item(
    row: RawRow, standardise: Callable[[Fields], Fields | None], earlier: Mapping[str, Fields], answered: bool
) -> Fields | None:
    item = standardise(row.fields())
    if item is None:
        return None
    for problem in row_problems(item, answered):
        raise BadRow(problem)
    if earlier.get(item["item_id"], item) != item:
        raise BadRow("its id occurs before with other content, expected unique ids")
    return item


def _report(name: str, total: int, kept: int, faults: list[str]) -> None:
    log.info("%s: %d items of %d rows", name, kept, total)
    for fault in faults:
        log.warning("dropped: %s", fault)
    if faults:
        log.warning("%s: dropped %d bad rows of %d", name, len(faults), total)


def _frame(items: list[Fields], dropped: int) -> pd.DataFrame:
    frame = pd.DataFrame({name: [item[name] for item in items] for name in ROW_COLUMNS})
    frame["answer_idx"] = frame["answer_idx"].astype("Int64")
    for name in dict.fromkeys(name for item in items for name in item if name not in ROW_COLUMNS):
        frame[name] = column([item.get(name) for item in items])
    frame.attrs["dropped"] = dropped
    return frame
