"""A user's own columns to items: what the config entries `file` and `hub` share.

A column inside an object or a list of objects is named by a path with dots: `choices.text` reads both
`{"choices": {"text": [...]}}` and `{"choices": [{"text": ...}, ...]}`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from uphill.datasets import lists
from uphill.datasets.answers import LETTERS, READINGS, AnswerIs, Asked, Told, problem, told
from uphill.datasets.cells import NoText, Number, as_text, is_blank, is_null
from uphill.datasets.sources import BadRow, Fields, RawRow, get, shown
from uphill.errors import UphillError
from uphill.randomness import keyed_rng

NATURAL = tuple(
    [*map(str, labels)] for labels in (LETTERS, LETTERS.lower(), range(len(LETTERS)), range(1, len(LETTERS) + 1))
)
"""Keys of choices that have an order of their own."""
ALIASES = "aliases"
"""Metadata that lists further right answers, as JSON."""
BLANK_LINE = "\n\n"
"""What stands between the texts of a question that several columns hold."""


def _some(names: str | list[str] | None) -> str | list[str] | None:
    if names in ([], ""):
        raise ValueError(f"is {names!r}, expected the name of at least one column")
    return names


class Columns(BaseModel):
    """Which columns hold what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Annotated[str | list[str], AfterValidator(_some)] = Field(
        "question", description="Column with the question's text; of several, the texts with a blank line between."
    )
    choices: str | list[str] | None = Field(
        "choices",
        description="Column with the choices, a list or an object whose values they are; or a column a choice; null if "
        "answers are written.",
    )
    choices_json: bool = Field(
        False, description="The choices are one text that holds their list, as JSON or as Python writes it (MuSR)."
    )
    correct: str | None = Field(
        None, description="In place of choices and answer: column with the right choice (GPQA), beside"
    )
    incorrect: Annotated[str | list[str] | None, AfterValidator(_some)] = Field(
        None,
        description="columns with the wrong ones, or one that lists them. An item's choices are put in an order that "
        "is drawn by its id and",
    )
    shuffle: int = Field(0, ge=0, le=2**32 - 1, description="this number.")
    answer: str | None = Field(
        "answer",
        description="Column with the gold answer; null where answers are written and the dataset's grader needs none "
        "(IFEval). Of chosen ones,",
    )
    answer_is: AnswerIs | None = Field(
        None,
        description="it is the place of a choice counted from 0 (index) or from 1 (one_based), its label (letter), or "
        "its text. Null: as all rows can be read, never from 1; what can be read in two ways is refused.",
    )
    labels: str | None = Field(
        None, description="Column with the choices' labels; null: the keys of an object, else A, B, C, ..."
    )
    reasoning: str | None = Field(None, description="Column with a written solution, if there is one.")
    answer_after: str | None = Field(
        None,
        min_length=1,
        description="A mark in a written answer, such as ####: the answer is what follows it, and what stands before "
        "it is the solution.",
    )
    aliases: Annotated[str | list[str] | None, AfterValidator(_some)] = Field(
        None, description="Columns that list further right answers; kept as `aliases`, which the grader span can read."
    )

    @property
    def generative(self) -> bool:
        """Whether answers are written rather than chosen."""
        return self.choices is None

    @property
    def answered(self) -> bool:
        """Whether rows say what is right."""
        return self.answer is not None

    @property
    def named(self) -> list[str]:
        """Columns that make the item."""
        chosen = [self.correct, *_all(self.incorrect)] if self.correct else [*_all(self.choices), self.answer]
        found = [*_all(self.question), *chosen, self.labels, self.reasoning, *_all(self.aliases)]
        return [name for name in found if name is not None]

    @model_validator(mode="after")
    def _chosen_or_written(self) -> Self:
        written = ("answer_after", "aliases")
        chosen = ("answer_is", "labels", "choices_json", "correct", "incorrect")
        for key in chosen if self.generative else written:
            if getattr(self, key):
                where = "beside choices: null, expected it where answers are chosen"
                other = "where answers are chosen, expected it beside choices: null"
                raise ValueError(f"{key} is {getattr(self, key)!r} {where if self.generative else other}")
        return self

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if (self.correct is None) != (self.incorrect is None):
            raise ValueError("expected both correct and incorrect, or neither")
        if self.answer is None and not self.generative:
            raise ValueError("answer is null where answers are chosen, expected the column that tells the right choice")
        for key in ("choices", "choices_json", "answer", "answer_is", "labels") if self.correct else ():
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key} is {getattr(self, key)!r} beside correct, expected one way to name the choices"
                )
        if self.choices_json and isinstance(self.choices, list):
            raise ValueError(
                "choices_json is on and choices a list of columns, expected one column that holds them all"
            )
        return self

    @model_validator(mode="after")
    def _one_solution(self) -> Self:
        for key in ("reasoning", "answer"):
            if self.answer_after and (getattr(self, key) is None) == (key == "answer"):
                raise ValueError(
                    f"{key} is {getattr(self, key)!r} beside answer_after, expected the answer's column to hold both "
                    "the solution and the answer"
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


def _all(names: str | list[str] | None) -> list[str]:
    """The columns that a key names."""
    return names if isinstance(names, list) else [] if names is None else [names]


def way_told(rows: Sequence[RawRow], columns: Columns, where: str) -> Told | None:
    """How the rows tell their answers: as the config says, or as they agree; None where answers are written.

    Raises:
        UphillError: the config does not say, and it is not clear from the rows; or no row has the named solution.
    """
    if columns.reasoning and not any(_has(row.value, columns.reasoning) for row in rows):
        raise UphillError(f"{where}: no row has a {columns.reasoning!r}, expected the written solution there")
    if columns.choices is None or columns.correct or columns.answer_is or columns.answer is None:
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
        "question": BLANK_LINE.join(text_at(row, name) for name in _all(columns.question)),
        "reasoning": _reasoning(row, columns),
    }
    if columns.correct:
        return made | _in_drawn_order(row, columns, fields["item_id"])
    return made | (_written(row, columns) if columns.choices is None or way is None else _chosen(row, columns, way))


def _chosen(row: Any, columns: Columns, way: Told) -> Fields:
    asked, told_by = asked_of(row, columns), str(columns.answer)
    _text(asked.answer, told_by, "the gold answer")
    answer = READINGS[way](asked)
    if answer is None:
        raise BadRow(problem(asked, way, told_by, shown(asked.answer)))
    return {"choices": list(asked.choices), "answer_idx": answer, "answer_text": asked.choices[answer]}


def _written(row: Any, columns: Columns) -> Fields:
    answer = "" if columns.answer is None else text_at(row, columns.answer, "the gold answer")
    made: Fields = {"choices": [], "answer_idx": None, "answer_text": answer}
    if columns.answer_after:
        solution, *answers = answer.split(columns.answer_after)
        if len(answers) != 1 or is_blank(answers[0]):
            expected = f"expected one {columns.answer_after!r}, between solution and answer"
            raise BadRow(f"{columns.answer} is {shown(answer)}, {expected}")
        made |= {"answer_text": answers[0].strip(), "reasoning": solution.strip()}
    if columns.aliases:
        made[ALIASES] = [text for name in _all(columns.aliases) for text in lists.texts(at(row, name), name)]
    return made


def _in_drawn_order(row: Any, columns: Columns, item_id: str) -> Fields:
    """Choices whose order says nothing: it depends on the item's id, and not on which items there are."""
    named = columns.incorrect
    wrong = [(at(row, name), name) for name in named] if isinstance(named, list) else _each(at(row, named or ""), named)
    choices = [_choice(value, name) for value, name in [(at(row, columns.correct or ""), str(columns.correct)), *wrong]]
    order = keyed_rng("order of choices", columns.shuffle, item_id).permutation(len(choices)).tolist()
    return {
        "choices": [choices[place] for place in order],
        "answer_idx": order.index(0),
        "answer_text": choices[0],
    }


def _each(cell: Any, named: str | None) -> list[tuple[Any, str]]:
    return [(text, str(named)) for text in lists.texts(cell, str(named))]


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
    answer = at(row, columns.answer or "")
    if isinstance(named, list):
        return Asked(answer, [_choice(at(row, name), name) for name in named], LETTERS[: len(named)])
    cell = at(row, named or "")
    value = _parsed(cell, str(named), columns.choices_json)
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
    return lists.text_in(value, name, "a choice")


def _labels(row: Any, columns: Columns, keys: list[str] | None, count: int) -> list[str]:
    if columns.labels is None:
        return list(LETTERS[:count]) if keys is None else keys
    labels = at(row, columns.labels)
    if not isinstance(labels, list) or len(labels) != count:
        raise BadRow(f"{columns.labels} is {shown(labels)}, expected a label for each of {count} choices")
    return [_text(label, f"{columns.labels}: a label") for label in labels]


def _parsed(cell: Any, named: str, as_list_in_text: bool) -> Any:
    if as_list_in_text:
        return lists.from_text(cell, named)
    return lists.from_json(cell, named) if isinstance(cell, str) and not isinstance(cell, Number) else cell
