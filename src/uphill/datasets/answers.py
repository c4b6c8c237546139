"""Which choice an answer means: by its place, its letter or its text, as the config says or as all rows agree."""

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from uphill.datasets.cells import NoText, as_text
from uphill.datasets.sources import shown
from uphill.errors import UphillError

log = logging.getLogger(__name__)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLACE = re.compile(r"0|[1-9][0-9]{0,8}")
FRACTION = re.compile(r"'?[0-9]+\.0*'?")
CHANCE = 0.05
"""Rows that could be counted from 0 or from 1 are refused where so many would leave out 0 less often than this."""

Told = Literal["index", "one_based", "letter", "text"]
AnswerIs = Annotated[Told, BeforeValidator(lambda said: "one_based" if said == "number" else said)]


@dataclass(frozen=True)
class Asked:
    """The choices of a row as texts, their labels, and its answer as it came.

    Attributes:
        ordered: whether the choices have places; those of an object whose keys are B, A have not.
    """

    answer: Any
    choices: Sequence[str]
    labels: Sequence[str]
    ordered: bool = True

    @cached_property
    def text(self) -> str | None:
        """The answer as text, if it can be one."""
        try:
            return as_text(self.answer)
        except NoText:
            return None

    @cached_property
    def place(self) -> int | None:
        """The answer as a whole number; none of 1.0, true, -1 and 007 is one."""
        written = "" if isinstance(self.answer, float) else (self.text or "").strip()
        return int(written) if PLACE.fullmatch(written) else None

    def counted(self, first: int) -> int | None:
        """The choice at a place counted from `first`."""
        fits = self.place is not None and self.ordered and first <= self.place < first + len(self.choices)
        return self.place - first if fits and self.place is not None else None


def _only(known: Sequence[str], wanted: str | None) -> int | None:
    return known.index(wanted) if wanted is not None and known.count(wanted) == 1 else None


def _by_letter(asked: Asked) -> int | None:
    """The choice with that label; a small letter stands for the capital where there is no small one."""
    written = (asked.text or "").strip()
    exact = _only(asked.labels, written)
    return _only([label.upper() for label in asked.labels], written.upper()) if exact is None else exact


READINGS: Mapping[Told, Callable[[Asked], int | None]] = {
    "index": lambda asked: asked.counted(0),
    "one_based": lambda asked: asked.counted(1),
    "letter": _by_letter,
    "text": lambda asked: _only(asked.choices, asked.text),
}
GUESSED: tuple[Told, ...] = ("index", "letter", "text")
"""Counting from 1 looks like counting from 0: it has to be said."""


def told(rows: Sequence[Asked], where: str, column: str) -> Told:
    """How answers are told where the config does not say: the one way in which most rows can be read.

    Raises:
        UphillError: two ways read as many rows, and not alike; or nothing says whether places are counted from 0.
    """
    read = {way: [READINGS[way](row) for row in rows] for way in GUESSED}
    most = max(sum(choice is not None for choice in found) for found in read.values())
    best = [way for way in GUESSED if sum(choice is not None for choice in read[way]) == most]
    other = next((way for way in best if read[way] != read[best[0]]), None)
    if most and other:
        example = next(row for row, *ways in zip(rows, read[best[0]], read[other], strict=True) if ways[0] != ways[1])
        raise UphillError(
            f"{where}: {column} may be {best[0]} or {other} of a choice, such as {shown(example.answer)} of "
            f"{shown(list(example.choices))}; expected answer_is: {best[0]} or answer_is: {other} in the config"
        )
    if best[0] == "index":
        _check_counted_from_zero(rows, where, column)
    return best[0]


def _check_counted_from_zero(rows: Sequence[Asked], where: str, column: str) -> None:
    counted = [row for row in rows if row.place is not None and row.choices]
    if not counted or any(row.place == 0 for row in counted):
        return
    if math.prod(1 - 1 / len(row.choices) for row in counted) < CHANCE:
        raise UphillError(
            f"{where}: {column} is 0 in none of {len(counted)} rows, as if counted from 1; expected "
            "answer_is: one_based in the config, or answer_is: index if it is counted from 0 all the same"
        )
    log.warning("%s: %s is never 0, and taken as counted from 0 (answer_is says otherwise)", where, column)


def problem(asked: Asked, way: Told, column: str, said: str) -> str:
    """Why a row's answer is no choice, and what was expected."""
    count = len(asked.choices)
    if way in ("index", "one_based"):
        first = 0 if way == "index" else 1
        if not asked.ordered:
            return (
                f"{column} is {said}, but the keys {', '.join(asked.labels)} give no order, expected answer_is: letter"
            )
        hint = ", or answer_is: one_based in the config" if way == "index" and asked.place == count else ""
        hint = ", written as a whole number" if isinstance(asked.answer, float) or FRACTION.fullmatch(said) else hint
        return f"{column} is {said}, outside the choices, expected {first} to {first + count - 1}{hint}"
    known = list(asked.labels if way == "letter" else asked.choices)
    return f"{column} is {said}, expected exactly one of {shown(known)}"
