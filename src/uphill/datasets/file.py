"""A user's own questions: a JSON-lines, CSV or Parquet file, its columns named in the config."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill import parquet
from uphill.errors import UphillError


class Settings(BaseModel):
    """Where the file is, and which of its columns hold what. Columns not named here are kept as metadata."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="The file: .jsonl, .csv or .parquet.")
    item_id: str = Field("item_id", description="Column with a unique id for each item.")
    question: str = Field("question", description="Column with the question's text.")
    choices: str | None = Field("choices", description="Column with the list of choices; null if answers are written.")
    answer: str = Field(
        "answer", description="Column with the gold answer: the number of a choice, from 0, or a written answer."
    )
    reasoning: str | None = Field(None, description="Column with a written solution, if there is one.")

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the items."""
        return [self.path]

    @property
    def generative(self) -> bool:
        """Whether answers are written rather than chosen."""
        return self.choices is None


def load(settings: Settings) -> pd.DataFrame:
    """The rows of a file, under the names that the item table uses.

    Raises:
        UphillError: the file is missing, cannot be read, or lacks a named column.
    """
    raw = _read(settings.path, settings.item_id)
    named = [settings.item_id, settings.question, settings.choices, settings.answer, settings.reasoning]
    for column in named:
        if column is not None and column not in raw.columns:
            raise UphillError(f"{settings.path}: no column {column!r}, found {', '.join(map(str, raw.columns))}")
    rows = pd.DataFrame(
        {
            "item_id": [_text(value) for value in raw[settings.item_id]],
            "question": raw[settings.question],
            "choices": [_choices(value) for value in raw[settings.choices]] if settings.choices else _empty(len(raw)),
            "reasoning": raw[settings.reasoning].fillna("") if settings.reasoning else "",
        }
    )
    answers = raw[settings.answer]
    rows["answer_idx"] = pd.Series([_index(value) for value in answers], dtype=object) if settings.choices else None
    rows["answer_text"] = "" if settings.choices else [_text(value) for value in answers]
    rest = [column for column in raw.columns if column not in named and column not in rows.columns]
    return pd.concat([rows, raw[rest]], axis=1)


def _read(path: Path, item_id: str) -> pd.DataFrame:
    # An id such as 007 is no number.
    read_csv = partial(pd.read_csv, dtype={item_id: str})
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".jsonl": _read_json_lines,
        ".csv": read_csv,
        ".parquet": _given_parquet,
    }
    if path.suffix not in readers:
        raise UphillError(f"{path}: unknown kind of file {path.suffix!r}, expected one of {', '.join(readers)}")
    try:
        return readers[path.suffix](path)
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file, expected the items of a dataset") from None
    except (ValueError, OSError) as error:
        raise UphillError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _given_parquet(path: Path) -> pd.DataFrame:
    return parquet.read_given(path).to_pandas()


def _read_json_lines(path: Path) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(path.read_text().split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UphillError(f"{path}: line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise UphillError(f"{path}: line {number}: a {type(row).__name__}, expected a JSON object")
        rows.append(row)
    return pd.DataFrame(rows)


def _empty(count: int) -> list[list[str]]:
    return [[] for _ in range(count)]


def _text(value: Any) -> str:
    return "" if value is None or (not isinstance(value, list) and pd.isna(value)) else str(value)


def _choices(value: Any) -> Any:
    """A list of texts. CSV has no lists, so there the cell is a JSON list."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return [str(choice) for choice in value] if hasattr(value, "__iter__") else value


def _index(value: Any) -> Any:
    """An integer where `value` is one in any dress; anything else is left for the row check to name."""
    try:
        return int(value) if float(value) == int(float(value)) else value
    except (TypeError, ValueError):
        return value
