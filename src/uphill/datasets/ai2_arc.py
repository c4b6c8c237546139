"""AI2 ARC, Easy and Challenge, with the human grades of its questions (Clark et al. 2018; Hase et al. 2024).

Spec: Hase et al. 2024, section 2.1. Items are named by the publishers' ids.

* In a folder: `ARC-{Easy,Challenge}-{Train,Dev,Test}.jsonl`, as published.
* On the hub: allenai/ai2_arc, configs ARC-Easy and ARC-Challenge (Parquet).
* The grades are `arc-challenge-easy-annotations.json` of the code release of Hase et al. 2024, a local file either way.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
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
    json_lines,
    read_json,
    shown,
)
from uphill.errors import UphillError

ANNOTATIONS = "arc-challenge-easy-annotations.json"
SUBSETS = {"ARC-Easy": "ARCEZ_", "ARC-Challenge": "ARCCH_"}
"""The two parts, and what the annotation file puts before the ids of each."""
SPLITS = {"train": "Train", "validation": "Dev", "test": "Test"}
"""The hub's names, and those of the files."""
Subset = Literal["ARC-Easy", "ARC-Challenge"]
Split = Literal["train", "validation", "test"]
LABELS = ("ABCDE", "12345")

UNGRADED = ("Biology", "Earth and Space Sciences")
DIFFICULTY = {"Low": 1, "Medium": 2, "High": 3}
BLOOM = {"Remembering": 1, "Understanding": 2, "Applying": 3, "Analyzing": 4, "Evaluating": 5}
DEPTH = {"I": 1, "II": 2, "III": 3}


class Settings(Published):
    """ARC's files, and the file of its grades."""

    hub_id: str = Field("allenai/ai2_arc", description="repository of plain Parquet, at the")
    subsets: Annotated[list[Subset], AfterValidator(in_order([*SUBSETS]))] = Field(
        ["ARC-Easy", "ARC-Challenge"], min_length=1, description="Which of the two parts to read,"
    )
    splits: Annotated[list[Split], AfterValidator(in_order([*SPLITS]))] = Field(
        ["train", "validation", "test"], min_length=1, description="and which splits of them."
    )
    annotated: bool = Field(True, description="Keep the items with all human grades; false keeps all, without grades.")
    annotations: Path | None = Field(
        None, validate_default=True, description=f"The file of grades; in a folder, its {ANNOTATIONS}."
    )

    @field_validator("annotations")
    @classmethod
    def _where(cls, annotations: Path | None, info: ValidationInfo) -> Path | None:
        if not info.data.get("annotated"):
            return None
        folder = info.data.get("folder")
        if annotations is None and folder is None and info.data.get("revision"):
            raise ValueError(f"missing, expected the path of {ANNOTATIONS}, which the hub does not have")
        return annotations or (folder / ANNOTATIONS if folder else None)

    @property
    def files(self) -> list[Path]:
        """Every local file that is read."""
        grades = [self.annotations] if self.annotations else []
        return [*(path for path, _ in _local(self, self.folder)), *grades] if self.folder else grades


def load(settings: Settings) -> pd.DataFrame:
    """ARC's items: Easy, then Challenge, each train, validation, test; of these what the settings name.

    Beside the columns of every item: subset, split and, if `annotated`, human_grade (3 to 8), human_difficulty (1 to
    3), human_bloom (1 to 5) and human_depth_of_knowledge (1 to 3), whole numbers. An item that lacks any is left out,
    as published: one without annotation, and one whose grade is the name of a high-school subject.

    Raises:
        UphillError: a missing file, a bad row (unless not `strict`), or (if `strict`) grades of an unknown item.
    """
    rows = list(_rows(settings))
    grades = _grades(settings.annotations)
    items = collect(rows, lambda fields: _item(fields, grades), "ai2_arc", settings.strict)
    # What the grades are of can be known where all of it is read.
    if grades and settings.strict and len(settings.splits) == len(SPLITS):
        _check_known(grades, rows, settings.annotations)
    return items


def _rows(settings: Settings) -> Iterator[RawRow]:
    if settings.folder:
        for path, part in _local(settings, settings.folder):
            yield from json_lines(path, part)
        return
    for subset, split in product(settings.subsets, settings.splits):
        part = Part(by_field("id"), _from_hub, {"subset": subset, "split": split})
        yield from hub_rows(settings.hub_id, subset, split, settings.revision, part)


def _local(settings: Settings, folder: Path) -> Iterator[tuple[Path, Part]]:
    for subset, split in product(settings.subsets, settings.splits):
        part = Part(by_field("id"), _from_file, {"subset": subset, "split": split})
        yield folder / f"{subset}-{SPLITS[split]}.jsonl", part


def _from_file(value: Any) -> Fields:
    question = get(value, "question")
    choices = get(question, "choices")
    if not isinstance(choices, list):
        raise BadRow(f"choices is {shown(choices)}, expected a list of objects with text and label")
    return {
        "question": get_text(question, "stem"),
        "choices": [get_text(choice, "text") for choice in choices],
        "labels": [get_text(choice, "label") for choice in choices],
        "key": get_text(value, "answerKey"),
    }


def _from_hub(value: Any) -> Fields:
    choices = get(value, "choices")
    return {
        "question": get_text(value, "question"),
        "choices": get_texts(choices, "text"),
        "labels": get_texts(choices, "label"),
        "key": get_text(value, "answerKey"),
    }


def _item(fields: Fields, grades: Mapping[str, Any] | None) -> Fields | None:
    labels, key, choices = fields["labels"], fields["key"], fields["choices"]
    if len(labels) != len(choices) or not any(list(known[: len(labels)]) == labels for known in LABELS):
        raise BadRow(f"labels are {shown(labels)}, expected A, B, C, ... or 1, 2, 3, ..., one a choice, at most five")
    if key not in labels:
        raise BadRow(f"answerKey is {key!r}, expected one of {', '.join(labels)}")
    human: Fields = {}
    if grades is not None:
        annotation = grades.get(SUBSETS[fields["subset"]] + fields["item_id"])
        human = _human(annotation) if annotation is not None else {}
        if not human or None in human.values():
            return None
    answer = labels.index(key)
    return {
        "item_id": fields["item_id"],
        "question": fields["question"],
        "choices": choices,
        "answer_idx": answer,
        "answer_text": choices[answer],
        "reasoning": "",
        "subset": fields["subset"],
        "split": fields["split"],
        **human,
    }


def _grades(annotations: Path | None) -> Mapping[str, Any] | None:
    """The annotations by prefixed id; None if they are not asked for."""
    if annotations is None:
        return None
    expected = "an object that maps prefixed item ids to grades"
    grades = read_json(annotations, expected)
    if not isinstance(grades, dict):
        raise UphillError(f"{annotations}: a {type(grades).__name__}, expected {expected}")
    return grades


def _check_known(grades: Mapping[str, Any], rows: list[RawRow], annotations: Path | None) -> None:
    known = {SUBSETS[row.part.fields["subset"]] + str(row.item_id) for row in rows}
    read = {SUBSETS[row.part.fields["subset"]] for row in rows}
    others = tuple(prefix for prefix in SUBSETS.values() if prefix not in read)
    for name in grades:
        if name not in known and not name.startswith(others):
            prefixes = " or ".join(SUBSETS.values())
            raise UphillError(f"{annotations}: {name!r}: no such item, expected {prefixes} and an ARC id")


def _human(annotation: Any) -> Fields:
    """Grades as whole numbers; None for one that is missing."""
    return {
        "human_grade": _grade(annotation),
        "human_difficulty": _level(annotation, "difficulty", DIFFICULTY),
        "human_bloom": _level(annotation, "bloom", BLOOM),
        "human_depth_of_knowledge": _level(annotation, "depth_of_knowledge", DEPTH),
    }


def _grade(annotation: Any) -> int | None:
    grade = _given(annotation, "grade")
    if grade is None or grade in UNGRADED:
        return None
    numeric = re.fullmatch(r"Grade (\d+)", grade)
    if not numeric:
        raise BadRow(f"its annotation's grade is {grade!r}, expected 'Grade' and a number, or {' or '.join(UNGRADED)}")
    return int(numeric[1])


def _level(annotation: Any, name: str, values: Mapping[str, int]) -> int | None:
    value = _given(annotation, name)
    if value is not None and value not in values:
        raise BadRow(f"its annotation's {name} is {value!r}, expected one of {', '.join(values)}")
    return None if value is None else values[value]


def _given(annotation: Any, name: str) -> str | None:
    if not isinstance(annotation, dict):
        raise BadRow(f"its annotation is {shown(annotation)}, expected an object with grades")
    value = annotation.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRow(f"its annotation's {name} is {shown(value)}, expected text")
    return value or None
