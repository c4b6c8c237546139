"""StrategyQA: yes or no, by steps that the question does not name (Geva et al. 2021; Hase et al. 2024).

Spec: Hase et al. 2024, section 2.3. Items are named by the publishers' `qid`. The 2290 questions with an answer are the
official training set; the publishers' code release cuts it into `train.json` and `dev.json`.

* In a folder: those two files.
* On the hub: tasksource/strategy-qa, one `train` split of 2290 rows (plain JSON, no loading script). Another copy will
  do, such as havens2/strategyQA_train (Parquet), if it has qid, question, answer, facts and decomposition, the last two
  as lists; ChilleD/StrategyQA has no decomposition, and wics/strategy-qa is a loading script.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from uphill.datasets.sources import (
    BadRow,
    Fields,
    Part,
    Published,
    RawRow,
    by_field,
    collect,
    get,
    get_text,
    get_texts,
    hub_rows,
    in_order,
    json_list,
    shown,
)

FILES = {"train": "train.json", "dev": "dev.json"}
HUB_SPLIT = "train"
CHOICES = ("yes", "no")


class Settings(Published):
    """StrategyQA's files."""

    hub_id: str = Field("tasksource/strategy-qa", description="repository of plain JSON or Parquet, at the")
    splits: Annotated[list[Literal["train", "dev"]], AfterValidator(in_order([*FILES]))] = Field(
        ["train", "dev"],
        min_length=1,
        description="Which of the folder's two files to read; the hub has one split, of the rows of both.",
    )

    @field_validator("splits")
    @classmethod
    def _of_a_folder(cls, splits: list[str], info: ValidationInfo) -> list[str]:
        if len(splits) < len(FILES) and info.data.get("folder") is None:
            raise ValueError(f"is {splits!r} without a folder, expected it beside the publishers' own files")
        return splits

    @property
    def files(self) -> list[Path]:
        """Every local file that is read."""
        return [self.folder / FILES[split] for split in self.splits] if self.folder else []


def load(settings: Settings) -> pd.DataFrame:
    """StrategyQA's items; the choices are yes and no, the reasoning is the facts, joined by spaces.

    Beside the columns of every item: num_steps, the length of the decomposition.

    Raises:
        UphillError: a missing file, or a bad row (unless not `strict`).
    """
    return collect(_rows(settings), _item, "strategyqa", settings.strict)


def _rows(settings: Settings) -> Iterator[RawRow]:
    part = Part(by_field("qid"), _from_publisher)
    if settings.folder:
        for path in settings.files:
            yield from json_list(path, part)
    else:
        yield from hub_rows(settings.hub_id, None, HUB_SPLIT, settings.revision, part)


def _from_publisher(value: Any) -> Fields:
    """The hub's copies lay a row out as the files do."""
    return {
        "question": get_text(value, "question"),
        "answer": get(value, "answer"),
        "facts": get_texts(value, "facts"),
        "decomposition": get_texts(value, "decomposition"),
    }


def _item(fields: Fields) -> Fields:
    for name in ("facts", "decomposition"):
        if not fields[name] or not all(text.strip() for text in fields[name]):
            raise BadRow(f"{name} is {shown(fields[name])}, expected at least one text, and none empty")
    if not isinstance(fields["answer"], bool):
        raise BadRow(f"answer is {shown(fields['answer'])}, expected true or false")
    answer = 0 if fields["answer"] else 1
    return {
        "item_id": fields["item_id"],
        "question": fields["question"],
        "choices": list(CHOICES),
        "answer_idx": answer,
        "answer_text": CHOICES[answer],
        "reasoning": " ".join(fields["facts"]),
        "num_steps": len(fields["decomposition"]),
    }
