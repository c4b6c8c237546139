"""Raw cells: one way from what a file, a hub dataset or a matrix holds to a text, and to a column of metadata.

A text stays as it is written: 007 is "007", 0.10 is "0.10", NA is "NA". Null is no text.
"""

import json
import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

WHOLE = re.compile(r"0|-?[1-9][0-9]*")
DIGITS64 = 20
"""Characters of the longest whole number of 64 bits."""
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
INT64 = 2**63
EXACT = 2**53
"""A whole number beyond this may not be the one that was meant, if it was kept as a float."""


class Number(str):
    """A number of a JSON or CSV file, with the digits that it is written with."""

    def __repr__(self) -> str:
        return str(self)


class NoText(ValueError):
    """A cell that is no text. The message goes on from its name: "is empty", "is a list"."""


def as_text(value: Any) -> str:
    """A cell as text; `true` and `false` as JSON has them, a binary float with the fewest digits that tell it.

    Raises:
        NoText: null, a list, an object, bytes, no finite number, or half a character.
    """
    if isinstance(value, str):
        return _whole_characters(str.__str__(value))
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return _float_text(float(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | time | timedelta):
        return str(value)
    raise NoText(_what(value))


def _whole_characters(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoText(f"holds half a character, {text[error.start]!r}") from None
    return text


def _float_text(value: float) -> str:
    if np.isnan(value):
        raise NoText("is empty (NaN)")
    if value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    if value.is_integer() or np.isinf(value):
        raise NoText(f"is {value}, a float that does not hold its digits")
    with np.errstate(over="ignore"):
        narrow = np.float32(value)
    # A number of 32 bits has fewer digits than the 64 that it is handed over in.
    return str(narrow) if float(narrow) == value else repr(value)


def _what(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "is empty (null)"
    if isinstance(value, bytes | bytearray | memoryview):
        return "is bytes"
    if isinstance(value, dict):
        return "is an object"
    return "is a list" if isinstance(value, list | tuple | set | np.ndarray) else f"is a {type(value).__name__}"


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: white space, and marks of no width."""
    text = text.strip()
    return not text or (not text.isprintable() and not any(map(_is_seen, text)))


def _is_seen(character: str) -> bool:
    return character.isprintable() and not character.isspace()


def is_null(value: Any) -> bool:
    """Whether a cell has no value: null, or NaN where it is no text."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


def as_number(value: Any) -> float:
    """A cell as a number; NaN where it is none, as true, 0x10, 1_000 and inf are."""
    if isinstance(value, bool | np.bool_) or is_null(value):
        return np.nan
    written = str(value).strip()
    found = float(written) if NUMBER.fullmatch(written) else np.nan
    return found if np.isfinite(found) else np.nan


def written_numbers(cells: Sequence[str]) -> list[Any]:
    """A column of a text file: numbers if every cell is one that reads back with the same digits; empty ones null."""
    found = [None if cell == "" else cell for cell in cells]
    if all(cell is None or WHOLE.fullmatch(cell) or _reads_back(cell) for cell in found):
        return [None if cell is None else Number(cell) for cell in found]
    return found


def _reads_back(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell))) and repr(float(cell)) == cell
    except ValueError:
        return False


def column(values: Sequence[Any]) -> pd.Series:
    """Metadata of one type: truth values, whole numbers, numbers that keep every digit; else all of it as text."""
    known = [value for value in values if not is_null(value)]
    if known and all(isinstance(value, bool | np.bool_) for value in known):
        return _typed(values, bool, "boolean", bool)
    if known and all(_is_number(value) for value in known):
        if all(_fits_int64(str(value)) for value in known):
            return _typed(values, int, "Int64", "int64")
        if all(_survives(value) for value in known):
            return pd.Series([np.nan if is_null(value) else float(value) for value in values], dtype="float64")
    return pd.Series([None if is_null(value) else metadata_text(value) for value in values], dtype=object)


def _fits_int64(text: str) -> bool:
    return bool(WHOLE.fullmatch(text)) and len(text) <= DIGITS64 and -INT64 <= int(text) < INT64


def _typed(values: Sequence[Any], kind: type, nullable: str, plain: Any) -> pd.Series:
    found = [None if is_null(value) else kind(value) for value in values]
    return pd.Series(found, dtype=nullable if None in found else plain)


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | int | float | np.integer | np.floating) and not isinstance(value, bool)


def _survives(value: Any) -> bool:
    """Whether a number as a float is still the same number."""
    if isinstance(value, float | np.floating):
        return True
    near = float(value)
    return bool(np.isfinite(near)) and Decimal(str(value)) == Decimal(repr(near))


def metadata_text(value: Any) -> str:
    """A cell of any kind as text; lists and objects as JSON, in which numbers keep their digits."""
    if isinstance(value, list | tuple | dict | np.ndarray):
        return _json(value)
    try:
        return as_text(value)
    except NoText:
        return str(value)


def _json(value: Any) -> str:
    """JSON, written here because the standard library's would make a text of a `Number`."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(str(key), ensure_ascii=False)}: {_json(value[key])}' for key in value)}}}"
    if isinstance(value, list | tuple | np.ndarray):
        return f"[{', '.join(map(_json, value))}]"
    if is_null(value):
        return "null"
    text = metadata_text(value)
    return text if _is_written_bare(value, text) else json.dumps(text, ensure_ascii=False)


def _is_written_bare(value: Any, text: str) -> bool:
    """Whether JSON has a value without quotes: truth values, and what it has as a number too."""
    if isinstance(value, bool | np.bool_):
        return True
    return (_is_number(value) or isinstance(value, Decimal)) and bool(JSON_NUMBER.fullmatch(text))
