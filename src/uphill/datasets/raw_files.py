"""Files of rows that a user brings: JSON lines, JSON, CSV, TSV and Parquet, read so that no text becomes a number.

Numbers of text files keep their digits (`Number`); what cannot be told for sure is refused by its line.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from uphill.datasets.cells import Number
from uphill.errors import UphillError
from uphill.schemas import parquet

DELIMITERS = {".csv": ",", ".tsv": "\t"}
KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
SHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
MARKS_BETWEEN = ";\t|,"
"""What may stand between cells."""
LONGEST_CELL = 2**31 - 1
"""Characters; the standard library's own limit is shorter than a long passage."""
LISTED = 300
"""Characters of columns' names that a message repeats."""
MARKS = {
    b"\xff\xfe\x00\x00": "is in UTF-32",
    b"\x00\x00\xfe\xff": "is in UTF-32",
    b"\xff\xfe": "is in UTF-16",
    b"\xfe\xff": "is in UTF-16",
    b"\x1f\x8b": "is compressed (gzip)",
    b"PK\x03\x04": "is a zip archive or a spreadsheet",
    b"PAR1": "is Parquet",
}
"""How files begin that are no plain text."""


@dataclass(frozen=True)
class Record:
    """A row: its number from 1, the line of the file that it begins in (if it has lines), and its cells by name."""

    number: int
    line: int | None
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """The rows of a file; `written` if its cells are all texts (CSV, TSV)."""

    rows: list[Record]
    names: list[str] = field(default_factory=list)
    written: bool = False


def read_records(path: Path, delimiter: str | None = None, inside: str | None = None) -> Records:
    """The rows of a file, by its suffix.

    Args:
        path: one of `KINDS`.
        delimiter: what stands between the cells of a CSV or TSV file; by the suffix unless given.
        inside: where in a JSON file its list of objects is, as a path of keys with dots; the file itself unless given.

    Raises:
        UphillError: it is missing, cannot be read, or has a row that is none; by line.
    """
    kind = path.suffix.lower()
    if kind in SHEETS:
        raise UphillError(f"{path}: a spreadsheet, expected its rows as text: save the sheet as CSV in UTF-8")
    if kind not in KINDS:
        raise UphillError(f"{path}: unknown kind of file {path.suffix!r}, expected one of {', '.join(KINDS)}")
    if kind in DELIMITERS:
        return _from_csv(path, delimiter or DELIMITERS[kind])
    as_list = partial(_json_list, inside=inside)
    readers: dict[str, Callable[[Path], list[Record]]] = {".jsonl": _json_lines, ".json": as_list}
    rows = readers.get(kind, _from_parquet)(path)
    return Records(rows, list(dict.fromkeys(name for row in rows for name in row.cells)))


def delimiter_of(path: Path) -> str | None:
    """What stands between the names in the first line of a CSV or TSV file, where that is not what its suffix says."""
    usual = DELIMITERS.get(path.suffix.lower())
    if usual is None:
        return None
    first = read_text(path, "rows of cells").split("\n", 1)[0]
    return None if usual in first else next((mark for mark in MARKS_BETWEEN if mark in first), None)


def read_text(path: Path, expected: str) -> str:
    """A file of UTF-8 text, without its byte-order mark.

    Raises:
        UphillError: it is missing, cannot be read, or is in another encoding.
    """
    try:
        content = path.read_bytes()
        if problem := next((what for mark, what in MARKS.items() if content.startswith(mark)), None):
            raise ValueError(problem)
        if (nul := content.find(b"\0")) >= 0:
            raise ValueError(f"line {_line(content, nul)} holds a NUL byte, as UTF-16 and damaged files do")
        return content.decode().lstrip("\ufeff")
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file, expected {expected}") from None
    except UnicodeDecodeError as error:
        wrong = f"line {_line(content, error.start)} holds the byte 0x{content[error.start]:02x}, which is not UTF-8"
        raise UphillError(f"{path}: cannot be read ({wrong}), expected {expected} in UTF-8") from None
    except (OSError, ValueError) as error:
        raise UphillError(f"{path}: cannot be read ({error}), expected {expected} in UTF-8") from None


def _line(content: bytes, at: int) -> int:
    return content.count(b"\n", 0, at) + 1


def listed(names: Iterable[str]) -> str:
    """Names of columns as a file has them, on one line and not endless."""
    text = ", ".join(repr(name)[1:-1] for name in names)
    return (text if len(text) <= LISTED else f"{text[:LISTED]}...") or "none"


# -- JSON ------------------------------------------------------------------------------------------------------------


def parse_json(text: str) -> Any:
    """JSON whose numbers keep their digits; NaN, which JSON has not but Python writes, is null.

    Raises:
        ValueError: it is no JSON, names a key of an object twice, is nested too deep, or holds half a character.
    """
    try:
        found = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_constant, object_pairs_hook=_object
        )
        if "\\ud" in text.lower():  # a surrogate: fine in pairs
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, line {error.lineno}, character {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    except UnicodeEncodeError:
        raise ValueError("half a character, of a \\ud... without its other half") from None
    return found


def _constant(name: str) -> None:
    if name != "NaN":
        raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} occurs twice in an object")
    return found


def _json_lines(path: Path) -> list[Record]:
    # Not splitlines: JSON texts may hold other line separators, such as U+2028.
    lines = read_text(path, "a JSON object a line").split("\n")
    found: list[Record] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found.append(Record(len(found) + 1, number, _record(f"{path}: line {number}", line)))
    return found


def _record(where: str, line: str) -> dict[str, Any]:
    try:
        cells = parse_json(line)
    except ValueError as error:
        # The line's own number is the file's, and has been said.
        raise UphillError(f"{where}: not JSON ({str(error).replace(', line 1,', ',')})") from None
    if not isinstance(cells, dict):
        raise UphillError(f"{where}: a {type(cells).__name__}, expected a JSON object")
    return cells


def _json_list(path: Path, inside: str | None) -> list[Record]:
    expected = "a JSON list of objects (a file with an object a line is .jsonl)"
    try:
        values = parse_json(read_text(path, expected))
    except ValueError as error:
        raise UphillError(f"{path}: not JSON ({error}), expected {expected}") from None
    for key in inside.split(".") if inside else ():
        if not isinstance(values, dict) or key not in values:
            found = f"no {key!r}, found {listed(values)}" if isinstance(values, dict) else f"a {type(values).__name__}"
            raise UphillError(f"{path}: {found}; expected a list of objects at {inside!r}")
        values = values[key]
    if not isinstance(values, list):
        lists = [key for key, value in values.items() if isinstance(value, list)] if isinstance(values, dict) else []
        hint = f", or, in a source of kind file, rows: the key of its list ({listed(lists)})" if lists else ""
        raise UphillError(f"{path}: a {type(values).__name__}, expected {expected}{hint}")
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise UphillError(f"{path}: row {number}: a {type(value).__name__}, expected a JSON object")
    return [Record(number, None, value) for number, value in enumerate(values, start=1)]


# -- CSV and Parquet -------------------------------------------------------------------------------------------------


def read_cells(path: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file, header and all, each with the line that it begins in; blank lines are none.

    Raises:
        UphillError: it is missing, in another encoding, or has a quote that is not closed.
    """
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(read_text(path, "rows of cells"), newline=""), delimiter=delimiter, strict=True)
    found, before = [], 0
    try:
        for cells in reader:
            if cells:
                found.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        why = f"cannot be read ({error}), expected every quote closed, and doubled inside a quoted cell"
        raise UphillError(f"{path}: line {before + 1}: {why}") from None
    return found


def read_csv(path: Path, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows of a CSV file; every row has a cell for each name.

    Raises:
        UphillError: as `read_cells`; or there is no header, or a row has cells too many or too few.
    """
    rows = read_cells(path, delimiter)
    if not rows:
        raise UphillError(f"{path}: empty, expected a header and rows")
    (line, header), *rows = rows
    if "" in map(str.strip, header):
        raise UphillError(
            f"{path}: line {line}: column {[*map(str.strip, header)].index('') + 1} has no name, expected one"
        )
    other = next((mark for mark in MARKS_BETWEEN if len(header) == 1 and mark != delimiter and mark in header[0]), None)
    if other:
        raise UphillError(
            f"{path}: one column, {listed(header)}, expected {delimiter!r} between cells "
            f"(in a source of kind file, delimiter: {other!r} says otherwise)"
        )
    for number, (line, cells) in enumerate(rows, start=1):
        if len(cells) != len(header):
            names = listed(header)
            raise UphillError(
                f"{path}: row {number} (line {line}): {len(cells)} cells, expected {len(header)}: {names}"
            )
    return header, rows


def named_cells(path: Path, delimiter: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file, each with the line that it begins in, and its cells by name.

    Raises:
        UphillError: as `read_csv`, or a name occurs twice.
    """
    header, rows = read_csv(path, delimiter)
    _check_unique(path, header)
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]


def _from_csv(path: Path, delimiter: str) -> Records:
    rows = [Record(number, *row) for number, row in enumerate(named_cells(path, delimiter), start=1)]
    return Records(rows, list(rows[0].cells) if rows else [], written=True)


def _check_unique(path: Path, names: list[str]) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UphillError(f"{path}: column {repeated[0]!r} occurs twice, expected each name once")


def _from_parquet(path: Path) -> list[Record]:
    try:
        table = parquet.read_given(path)
        _check_unique(path, table.column_names)
        kept = [name for name in table.column_names if not name.startswith("__index_level_")]
        return [Record(number, None, cells) for number, cells in enumerate(table.select(kept).to_pylist(), start=1)]
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file, expected the items of a dataset") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise UphillError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
