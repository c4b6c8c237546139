"""GSM8K: grade-school word problems whose answer is written, with worked solutions (Cobbe et al. 2021).

Spec: Hase et al. 2024, section 2.4. The publishers give no ids, so an item is named by split and row number (from 0, as
the hub counts): `train/0012`.

* In a folder: `train.jsonl` and `test.jsonl`, as published; with socratic questions, `train_socratic.jsonl` and
  `test_socratic.jsonl`.
* On the hub: openai/gsm8k, config main or socratic (Parquet).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, Field

from uphill.datasets.sources import (
    BadRow,
    Fields,
    Part,
    Published,
    RawRow,
    by_number,
    collect,
    get_text,
    hub_rows,
    in_order,
    json_lines,
    shown,
)

FILES = {"main": "{}.jsonl", "socratic": "{}_socratic.jsonl"}
"""By the hub's names of configs, those of the files."""
SPLITS = ("train", "test")
MARK = "####"
MOST_STEPS = 10
NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")


class Settings(Published):
    """GSM8K's files, and how its steps are counted."""

    hub_id: str = Field("openai/gsm8k", description="repository of plain Parquet, at the")
    config: Literal["main", "socratic"] = Field(
        "main", description="Solutions as plain steps, or each step behind a question of its own."
    )
    splits: Annotated[list[Literal["train", "test"]], AfterValidator(in_order(SPLITS))] = Field(
        ["train", "test"], min_length=1, description="Splits to read."
    )
    num_steps: Literal["lines", "lines_plus_one"] = Field(
        "lines_plus_one",
        description="Lines of the solution, as the released code counts; or one more, as the paper did.",
    )

    @property
    def generative(self) -> bool:
        """Answers are written."""
        return True

    @property
    def files(self) -> list[Path]:
        """Every local file that is read."""
        named = FILES[self.config]
        return [self.folder / named.format(split) for split in self.splits] if self.folder else []


def load(settings: Settings) -> pd.DataFrame:
    """GSM8K's items, train before test: no choices, the reasoning with its line breaks and calculator annotations.

    Beside the columns of every item: split and num_steps, at most `MOST_STEPS`.

    Raises:
        UphillError: a missing file, or a bad row (unless not `strict`).
    """
    more = 1 if settings.num_steps == "lines_plus_one" else 0
    return collect(_rows(settings), lambda fields: _item(fields, more), "gsm8k", settings.strict)


def _rows(settings: Settings) -> Iterator[RawRow]:
    for place, split in enumerate(settings.splits):
        part = Part(by_number(split), _from_publisher, {"split": split})
        if settings.folder:
            yield from json_lines(settings.files[place], part)
        else:
            yield from hub_rows(settings.hub_id, settings.config, split, settings.revision, part)


def _from_publisher(value: Any) -> Fields:
    """The hub lays a row out as the files do."""
    return {"question": get_text(value, "question"), "solution": get_text(value, "answer")}


def _item(fields: Fields, more: int) -> Fields:
    reasoning, *answers = fields["solution"].split(MARK)
    if len(answers) != 1:
        raise BadRow(f"answer has {len(answers)} {MARK!r}, expected one, between solution and final answer")
    reasoning, answer = reasoning.strip("\n"), answers[0].strip()
    if not reasoning.strip():
        raise BadRow(f"answer has nothing before {MARK!r}, expected a solution of at least one line")
    if not NUMBER.fullmatch(answer):
        raise BadRow(f"the final answer is {shown(answer)}, expected a number")
    return {
        "item_id": fields["item_id"],
        "question": fields["question"],
        "choices": [],
        "answer_idx": None,
        "answer_text": answer,
        "reasoning": reasoning,
        "split": fields["split"],
        "num_steps": min(len(reasoning.split("\n")) + more, MOST_STEPS),
    }
