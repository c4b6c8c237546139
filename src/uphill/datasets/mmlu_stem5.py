"""MMLU-STEM-5: the high-school and college tests of five STEM subjects (Hendrycks et al. 2021; Hase et al. 2024).

Spec: Hase et al. 2024, section 2.2. The publishers give no ids, so an item is named by test, split and row number (from
0, as the hub counts): `high_school_biology/validation/0007`.

* In a folder: `{high_school,college}_{subject}_{val,test}.csv`, as published: no header; question, A, B, C, D, key.
* On the hub: cais/mmlu, a config a test (Parquet).
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

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
    csv_rows,
    get,
    get_text,
    get_texts,
    hub_rows,
    in_order,
    shown,
)

SUBJECTS = ("computer_science", "physics", "mathematics", "chemistry", "biology")
SCHOOLS = {"high_school": 0, "college": 1}
"""The two kinds of test, and their human_hardness."""
SPLITS = {"dev": "dev", "validation": "val", "test": "test"}
"""The hub's names, and those of the files."""
Subject = Literal["computer_science", "physics", "mathematics", "chemistry", "biology"]
School = Literal["high_school", "college"]
Split = Literal["dev", "validation", "test"]
LETTERS = "ABCD"


class Settings(Published):
    """MMLU's files."""

    hub_id: str = Field("cais/mmlu", description="repository of plain Parquet, at the")
    subjects: Annotated[list[Subject], AfterValidator(in_order(SUBJECTS))] = Field(
        [*get_args(Subject)], min_length=1, description="Which subjects to read,"
    )
    schools: Annotated[list[School], AfterValidator(in_order([*SCHOOLS]))] = Field(
        [*get_args(School)], min_length=1, description="whose tests of them,"
    )
    splits: Annotated[list[Split], AfterValidator(in_order([*SPLITS]))] = Field(
        ["validation", "test"], min_length=1, description="and which splits; dev is five examples a test."
    )

    @property
    def files(self) -> list[Path]:
        """Every local file that is read."""
        return [self.folder / f"{test}_{SPLITS[split]}.csv" for test, split, _ in _tests(self)] if self.folder else []


def load(settings: Settings) -> pd.DataFrame:
    """The items of ten tests, or of those named: by subject, high school before college, validation before test.

    Beside the columns of every item: subject (one of `SUBJECTS`), split and human_hardness (0 high school, 1 college).

    Raises:
        UphillError: a missing file, or a bad row (unless not `strict`).
    """
    return collect(_rows(settings), _item, "mmlu_stem5", settings.strict)


def _tests(settings: Settings) -> Iterator[tuple[str, str, Fields]]:
    """Test, split, and what is the same for all items of both."""
    for subject, school, split in product(settings.subjects, settings.schools, settings.splits):
        yield f"{school}_{subject}", split, {"subject": subject, "split": split, "human_hardness": SCHOOLS[school]}


def _rows(settings: Settings) -> Iterator[RawRow]:
    for test, split, fields in _tests(settings):
        name_of = by_number(f"{test}/{split}")
        if settings.folder:
            part = Part(name_of, _from_file, fields)
            yield from csv_rows(settings.folder / f"{test}_{SPLITS[split]}.csv", part)
        else:
            part = Part(name_of, _from_hub, fields)
            yield from hub_rows(settings.hub_id, test, split, settings.revision, part)


def _from_file(cells: Any) -> Fields:
    if len(cells) != 6:
        raise BadRow(f"{len(cells)} cells, expected 6: question, four choices, key")
    if cells[5] not in tuple(LETTERS):
        raise BadRow(f"key is {shown(cells[5])}, expected one of {', '.join(LETTERS)}")
    return {"question": cells[0], "choices": cells[1:5], "answer": LETTERS.index(cells[5])}


def _from_hub(value: Any) -> Fields:
    answer = get(value, "answer")
    if not isinstance(answer, int) or answer not in range(len(LETTERS)):
        raise BadRow(f"answer is {shown(answer)}, expected a number from 0 to 3")
    return {"question": get_text(value, "question"), "choices": get_texts(value, "choices"), "answer": answer}


def _item(fields: Fields) -> Fields:
    choices, answer = fields["choices"], fields["answer"]
    if len(choices) != len(LETTERS):
        raise BadRow(f"{len(choices)} choices, expected 4")
    return {
        "item_id": fields["item_id"],
        "question": fields["question"],
        "choices": choices,
        "answer_idx": answer,
        "answer_text": choices[answer],
        "reasoning": "",
        "subject": fields["subject"],
        "split": fields["split"],
        "human_hardness": fields["human_hardness"],
    }
