"""Cells that list texts: as a list, or as a text that holds one."""

import ast
from typing import Any

from uphill.datasets.cells import NoText, Number, as_text, is_blank, is_null
from uphill.datasets.raw_files import parse_json
from uphill.datasets.sources import BadRow, shown


def from_json(text: str, named: str) -> Any:
    """The list or object in a cell that can only hold text, as CSV's.

    Raises:
        BadRow: it is no JSON.
    """
    try:
        return parse_json(text)
    except ValueError:
        raise BadRow(f'{named} is {shown(text)}, expected a list of choices, such as ["one", "two"]') from None


def from_text(cell: Any, named: str) -> list[str]:
    """The list of texts in a text: JSON, or what Python writes of a list.

    Raises:
        BadRow: it is no text, or holds something else.
    """
    expected = "expected a text that holds a list of texts, such as [\"one\", \"two\"] or ['one', 'two']"
    if not isinstance(cell, str) or isinstance(cell, Number):
        raise BadRow(f"{named} is {shown(cell)}, {expected}")
    try:
        found = parse_json(cell)
    except ValueError:
        found = _literal(cell)
    if not isinstance(found, list) or not all(isinstance(each, str) and not isinstance(each, Number) for each in found):
        raise BadRow(f"{named} is {shown(cell)}, {expected}")
    return found


def _literal(text: str) -> Any:
    """What Python's literal stands for; None where it is none. Nothing is run."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def texts(cell: Any, named: str) -> list[str]:
    """The texts that a cell lists; none where it is null.

    Raises:
        BadRow: it is no list, or one of them is no text.
    """
    listed = from_text(cell, named) if isinstance(cell, str) and not isinstance(cell, Number) else cell
    if is_null(listed):
        return []
    if not isinstance(listed, list):
        raise BadRow(f"{named} is {shown(cell)}, expected a list of texts")
    return [text_in(each, named, "a text") for each in listed]


def text_in(value: Any, named: str, what: str) -> str:
    """One text of a list.

    Raises:
        BadRow: it is empty or no text.
    """
    try:
        text = as_text(value)
    except NoText as error:
        said = f"is {shown(value)}" if not str(error).startswith("is empty") else error
        raise BadRow(f"{named}: {what} {said}, expected text") from None
    if is_blank(text):
        raise BadRow(f"{named}: {what} is empty, expected text")
    return text
