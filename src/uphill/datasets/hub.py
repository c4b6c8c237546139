"""Any multiple-choice dataset of the Hugging Face hub, its columns named in the config.

A column inside an object or a list of objects is named by a path with dots: `choices.text` reads both
`{"choices": {"text": [...]}}` and `{"choices": [{"text": ...}, ...]}`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from uphill.datasets.items import ROW_COLUMNS
from uphill.datasets.sources import BadRow, Fields, Part, RawRow, by_number, collect, get, hub_rows, shown
from uphill.snapshots import pinned

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Settings(BaseModel):
    """Which rows of which repository, and which of their columns hold what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hub_id: str = Field(description="Repository of plain Parquet, JSON or CSV (loading scripts are not run), at the")
    revision: str = Field(description="commit with this hash.")
    config: str | None = Field(None, description="Its config; null if it has one only.")
    splits: list[str] = Field(min_length=1, description="Splits to take rows from.")
    question: str = Field("question", description="Column with the question's text.")
    choices: str | list[str] = Field("choices", description="Column with the list of choices, or a column a choice.")
    answer: str = Field("answer", description="Column with the gold answer:")
    answer_is: Literal["index", "number", "letter", "text"] = Field(
        "index",
        description="counted from 0 (index) or from 1 (number), the label of a choice (letter) or its text.",
    )
    labels: str | None = Field(None, description="Column with the choices' labels; null: A, B, C, ...")
    item_id: str | None = Field(None, description="Column with a unique id; null: split and row number, from 0.")
    reasoning: str | None = Field(None, description="Column with a written solution, if there is one.")
    metadata: list[str] = Field([], description="Columns to keep, such as a grade of difficulty.")
    strict: bool = Field(True, description="Stop at a bad row; false drops bad rows, counts and logs them.")

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str) -> str:
        return pinned(revision)

    @field_validator("metadata")
    @classmethod
    def _own_names(cls, metadata: list[str]) -> list[str]:
        taken = [name for name in metadata if name in ROW_COLUMNS]
        if taken:
            raise ValueError(f"holds {taken[0]!r}, expected names other than {', '.join(ROW_COLUMNS)}")
        return metadata

    @property
    def generative(self) -> bool:
        """Answers are chosen."""
        return False

    @property
    def remote(self) -> bool:
        """Rows come over the network."""
        return True


def load(settings: Settings) -> pd.DataFrame:
    """The rows of some splits of a hub dataset, under the names that the item table uses.

    Raises:
        UphillError: the dataset cannot be read, or has a bad row (unless not `strict`).
    """
    name = settings.hub_id if settings.config is None else f"{settings.hub_id}/{settings.config}"
    return collect(_rows(settings), lambda row: _item(row, settings), f"hub dataset {name}", settings.strict)


def _rows(settings: Settings) -> Iterator[RawRow]:
    for split in settings.splits:
        name_of = by_number(split) if settings.item_id is None else _by_path(settings.item_id)
        part = Part(name_of, lambda value: {"row": value})
        yield from hub_rows(settings.hub_id, settings.config, split, settings.revision, part)


def _item(fields: Fields, settings: Settings) -> Fields:
    row = fields["row"]
    choices = _choices(row, settings)
    answer = _answer(row, choices, settings)
    return {
        "item_id": fields["item_id"],
        "question": _at(row, settings.question),
        "choices": choices,
        "answer_idx": answer,
        "answer_text": choices[answer],
        "reasoning": (_at(row, settings.reasoning) or "") if settings.reasoning else "",
        **{column: get(row, column) for column in settings.metadata},
    }


def _at(value: Any, path: str) -> Any:
    """What a dotted path leads to; through a list, from each of its elements."""
    for name in path.split("."):
        value = [get(part, name) for part in value] if isinstance(value, list) else get(value, name)
    return value


def _by_path(path: str) -> Callable[[Any, int], str | None]:
    """The id in a column: a text, or a whole number as one."""

    def name_of(row: Any, _: int) -> str | None:
        try:
            value = _at(row, path)
        except BadRow:
            return None
        return str(value) if isinstance(value, str | int) else None

    return name_of


def _choices(row: Any, settings: Settings) -> list[str]:
    named = settings.choices
    choices = _at(row, named) if isinstance(named, str) else [_at(row, column) for column in named]
    if not isinstance(choices, list) or not choices:
        raise BadRow(f"{named} is {shown(choices)}, expected a list of choices")
    return [str(choice) if isinstance(choice, int | float) else choice for choice in choices]


def _answer(row: Any, choices: list[str], settings: Settings) -> int:
    """The index of the gold choice."""
    answer, count = _at(row, settings.answer), len(choices)
    if settings.answer_is in ("index", "number"):
        first = 0 if settings.answer_is == "index" else 1
        known = [str(number) for number in range(first, first + count)]
    elif settings.answer_is == "letter":
        known = list(LETTERS[:count]) if settings.labels is None else list(map(str, _at(row, settings.labels)))
    else:
        known = choices
    if known.count(str(answer)) != 1 or len(known) != count:
        raise BadRow(f"{settings.answer} is {shown(answer)}, expected exactly one of {shown(known)}")
    return known.index(str(answer))
