"""Names in a config: of files and columns, so letters that every file system tells apart, and none that means more."""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from uphill.schemas.names import ALL, LEVELS, UNSUPERVISED

MOST_LETTERS = 80
"""So that a name of files that is made of three of them is still one (255 bytes)."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=MOST_LETTERS)]
RESERVED = ("test", "unsupervised", UNSUPERVISED, ALL, *LEVELS)
"""What tables say of rows: no level, rung or variable of one's own may be called so."""
T = TypeVar("T", bound=Hashable)


def means_something(name: str) -> bool:
    """Whether tables and figures would take a rung's or a variable's name for something else."""
    return name.lower() in RESERVED or bool(re.fullmatch(r"bin_\d+", name.lower()))


def twice(values: Iterable[T]) -> T | None:
    """The first value that occurs again, or None."""
    seen: set[T] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that some file systems take for one: of the same letters, large or small."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            return other, name
    return None


def distinct(values: Sequence[T]) -> Sequence[T]:
    """A list without anything twice.

    Raises:
        ValueError: something is.
    """
    again = twice(values)
    if again is not None:
        raise ValueError(f"{again!r} is given twice, expected each once")
    return values


Names = Annotated[list[str], AfterValidator(distinct)]
"""A list of names, none twice."""
