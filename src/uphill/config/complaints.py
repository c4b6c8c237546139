"""What pydantic complains of, in one line: key, value, what was expected, and what to write instead."""

import difflib
import re
import typing
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from uphill.errors import expected

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
MOST_SHOWN = 80
"""Characters of a value in a message."""


def guess(name: str, known: Iterable[str]) -> str:
    """What may have been meant by a name that is not known."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shown(value: object) -> str:
    """A value in a message: on one line, and not longer than a message may be."""
    said = repr(value)
    return said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]}..."


def first_problem(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """The first complaint, and how many more there are.

    Args:
        error: pydantic's.
        model: that was validated; its keys are known.
        prefix: of the key, with its dot.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    parts = [_part(part) for part in first["loc"] if not str(part).startswith("[")]
    key = prefix + ".".join(parts) if parts else prefix.removesuffix(".")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{guess(str(first['loc'][-1]), _known_keys(model, first['loc'][:-1]))}{more}"
    if first["type"] == "missing":
        return f"{key}: missing, expected a value{more}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{key}: {message}{more}" if key else f"{message}{more}"
    return f"{key}: is {shown(first['input'])}, {expected(first['msg'])}{_remedy(first['type'], first['input'])}{more}"


def _part(part: int | str) -> str:
    """A part of a key on one line."""
    text = str(part)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _remedy(kind: str, value: object) -> str:
    """How a value of the wrong type is written as the right one."""
    if kind == "string_type" and isinstance(value, int | float):
        return ", in quotes"
    if isinstance(value, str) and NUMBER.fullmatch(value) and kind in ("int_type", "float_type"):
        return f": {_with_a_dot(value)}, without quotes" if kind == "float_type" else ": digits, without quotes"
    return ""


def _with_a_dot(number: str) -> str:
    """A number as all readers of YAML know it: to some, 1e-4 is a text."""
    mantissa, e, exponent = number.lower().partition("e")
    if not e:
        return number
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent if exponent[0] in '+-' else f'+{exponent}'}"


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """The keys of the entry that `loc` leads to, found by walking the annotations."""
    current: typing.Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(part)].annotation if part in current.model_fields else None
        else:
            arguments = typing.get_args(current)
            current = arguments[-1] if arguments else None
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return set()
    return {field.alias or name for name, field in current.model_fields.items()}
