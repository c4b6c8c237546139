"""A user's own columns to items: what the config entries `file` and `hub` share.

A column inside an object or a list of objects is named by a path with dots: `choices.text` reads both
`{"choices": {"text": [...]}}` and `{"choices": [{"text": ...}, ...]}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.datasets.answers import LETTERS, READINGS, AnswerIs, Asked, Told, problem, told
from uphill.datasets.cells import NoText, Number, as_text, is_blank, is_null
from uphill.datasets.raw_files import parse_json
from uphill.datasets.sources import BadRow, Fields, RawRow, get, shown
from uphill.errors import UphillError

NATURAL = tuple(
    [*map(str, labels)] for labels in (LETTERS, LETTERS.lower(), range(len(LETTERS)), range(1, len(LETTERS) + 1))
)
"""Keys of choices that have an order of their own."""


class Columns(BaseModel):
    """Which columns hold what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = Field("question", description="Column with the question's text.")
    choices: str | list[str] | None = Field(
        "choices",
        description="Column with the choices, a list or an object whose values they are; or a column a choice; null if "
        "answers are written.",
    )
    answer: str = Field("answer", description="Column with the gold answer:")
    answer_is: AnswerIs | None = Field(
        None,
        description="the place of a choice counted from 0 (index) or from 1 (one_based), its label (letter), or its "
        "text. Null: as all rows can be read, never from 1; what can be read in two ways is refused.",
    )
    labels: str | None = Field(
        None, description="Column with the choices' labels; null: the keys of an object, else A, B, C, ..."
    )
    reasoning: str | None = Field(None, description="Column with a written solution, if there is one.")

    @property
    def generative(self) -> bool:
        """Whether answers are written rather than chosen."""
        return self.choices is None

    @model_validator(mode="after")
    def _chosen_or_written(self) -> Self:
        if self.choices is None and self.answer_is is not None:
            raise ValueError(
                f"answer_is is {self.answer_is!r} beside choices: null, expected it where answers are chosen"
            )
        return self


def at(value: Any, path: str) -> Any:
    """What a column's name, or a path with dots, leads to; through a list, from each of its elements."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for name in path.split("."):
        value = [get(part, name) for part in value] if isinstance(value, list) else get(value, name)
    return value


def text_at(row: Any, path: str, expected: str = "text") -> str:
    """A column that should hold a text.

    Raises:
        BadRow: it is not there, empty, or no text.
    """
    return _text(at(row, path), path, expected)


def _text(value: Any, name: str, expected: str = "text") -> str:
    try:
        text = as_text(value)
    except NoText as error:
        raise BadRow(f"{name} {error}, expected {expected}") from None
    if is_blank(text):
        raise BadRow(f"{name} is empty, expected {expected}")
    return text


def way_told(rows: Sequence[RawRow], columns: Columns, where: str) -> Told | None:
    """How the rows tell their answers: as the config says, or as they agree; None where answers are written.

    Raises:
        UphillError: the config does not say, and it is not clear from the rows; or no row has the named solution.
    """
    if columns.reasoning and not any(_has(row.value, columns.reasoning) for row in rows):
        raise UphillError(f"{where}: no row has a {columns.reasoning!r}, expected the written solution there")
    if columns.choices is None or columns.answer_is:
        return columns.answer_is
    return told([asked for row in rows if (asked := _try(row.value, columns))], where, columns.answer)


def _has(row: Any, path: str) -> bool:
    try:
        return at(row, path) is not None
    except BadRow:
        return False


def _try(row: Any, columns: Columns) -> Asked | None:
    try:
        return asked_of(row, columns)
    except BadRow:
        return None  # it is named when its item is made


def item(fields: Fields, columns: Columns, way: Told | None) -> Fields:
    """The item of a row, without metadata.

    Raises:
        BadRow: a column is not there, empty or no text, or the answer is no choice.
    """
    row = fields["row"]
    made = {
        "item_id": fields["item_id"],
        "question": text_at(row, columns.question),
        "reasoning": _reasoning(row, columns),
    }
    if columns.choices is None or way is None:
        return made | {
            "choices": [],
            "answer_idx": None,
            "answer_text": text_at(row, columns.answer, "the gold answer"),
        }
    asked = asked_of(row, columns)
    _text(asked.answer, columns.answer, "the gold answer")
    answer = READINGS[way](asked)
    if answer is None:
        raise BadRow(problem(asked, way, columns.answer, shown(asked.answer)))
    return made | {"choices": list(asked.choices), "answer_idx": answer, "answer_text": asked.choices[answer]}


def _reasoning(row: Any, columns: Columns) -> str:
    """The solution; none where the row has none."""
    try:
        value = at(row, columns.reasoning) if columns.reasoning else ""
    except BadRow:
        return ""
    blank = isinstance(value, str) and is_blank(value)
    return "" if is_null(value) or blank else _text(value, columns.reasoning or "")


def asked_of(row: Any, columns: Columns) -> Asked:
    """A row's choices and answer.

    Raises:
        BadRow: the choices are no list of texts, or there is no answer.
    """
    named = columns.choices
    answer = at(row, columns.answer)
    if isinstance(named, list):
        return Asked(answer, [_choice(at(row, name), name) for name in named], LETTERS[: len(named)])
    cell = at(row, named or "")
    value = _parsed(cell, str(named)) if isinstance(cell, str) and not isinstance(cell, Number) else cell
    keys = list(value) if isinstance(value, dict) else None
    listed = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(listed, list) or not listed:
        raise BadRow(f"{named} is {shown(cell)}, expected a list of choices")
    choices = [_choice(choice, str(named)) for choice in listed]
    return Asked(answer, choices, _labels(row, columns, keys, len(choices)), keys is None or _in_order(keys))


def _in_order(keys: list[str]) -> bool:
    """Whether an object's keys leave no doubt which choice is the first: B, A do."""
    return not any(sorted(keys) == sorted(known[: len(keys)]) and known[: len(keys)] != keys for known in NATURAL)


def _choice(value: Any, name: str) -> str:
    try:
        text = as_text(value)
    except NoText as error:
        said = f"is {shown(value)}" if not str(error).startswith("is empty") else error
        raise BadRow(f"{name}: a choice {said}, expected text") from None
    if is_blank(text):
        raise BadRow(f"{name}: a choice is empty, expected text")
    return text


def _labels(row: Any, columns: Columns, keys: list[str] | None, count: int) -> list[str]:
    if columns.labels is None:
        return list(LETTERS[:count]) if keys is None else keys
    labels = at(row, columns.labels)
    if not isinstance(labels, list) or len(labels) != count:
        raise BadRow(f"{columns.labels} is {shown(labels)}, expected a label for each of {count} choices")
    return [_text(label, f"{columns.labels}: a label") for label in labels]


def _parsed(text: str, named: str) -> Any:
    """The list or object in a cell that can only hold text, as CSV's."""
    try:
        return parse_json(text)
    except ValueError:
        raise BadRow(f'{named} is {shown(text)}, expected a list of choices, such as ["one", "two"]') from None
