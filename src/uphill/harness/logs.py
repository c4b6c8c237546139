"""Who answered what, from per-sample logs of other tools: an answer matrix for the `irt` measure.

The LM Evaluation Harness writes (with `--log_samples`) a file of JSON lines a task and model, in a folder called after
the model, a line an item and filter. Every Eval Ever's instance records are JSON lines too, each with its model. Which
of the two a file is, its first line tells.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uphill.datasets.cells import NoText, as_number, as_text, is_null
from uphill.datasets.raw_files import Record, listed, read_records
from uphill.errors import UphillError
from uphill.hardness.answer_matrix import Answered, AnswerMatrix, build
from uphill.harness.instances import sample_hash

log = logging.getLogger(__name__)

POSITION = "doc_id"
"""The harness's own number of an item: its place in that run's split, and no id of the dataset's."""
OF_TASK = (POSITION, "target")
"""Fields that may be 0 or 1, and are no metric."""


@dataclass(frozen=True)
class Wanted:
    """What is read of each line.

    Attributes:
        metric: the field of the harness's lines that holds 1 or 0; of instance records, in which `is_correct` says
            so, it is not read.
        item: the field with the item's id, such as `doc.id`; of instance records `sample_id` is.
        filter: which of several filters is meant; of instance records which `evaluation_result_id`.
    """

    metric: str = "acc"
    item: str = "doc.id"
    filter: str | None = None


@dataclass(frozen=True)
class Panel:
    """What logs say: the matrix, and how many lines without an id were left out, by file."""

    matrix: AnswerMatrix
    without_id: Mapping[str, int]


def read_logs(paths: Sequence[Path], wanted: Wanted) -> Panel:
    """The answers in some files as a matrix of items by models.

    Raises:
        UphillError: a file cannot be read, has no lines, lacks a field, or holds a value that is neither 1 nor 0,
            several filters of which none is chosen, or no id at all; a model answers an item twice; or an id stands
            for different questions.
    """
    answers, contents, without = [], dict[str, tuple[str, str]](), dict[str, int]()
    for path in paths:
        records = read_records(path).rows
        if not records:
            raise UphillError(f"{path}: no lines, expected one an item")
        is_instances = "sample_id" in records[0].cells
        lines = list(_instances(path, records, wanted) if is_instances else _samples(path, records, wanted))
        without[str(path)] = _check_ids(path, lines, "sample_id" if is_instances else wanted)
        for line in lines:
            if line.item is not None:
                _check_same(contents, line)
                answers.append(Answered(line.model, line.item, line.right, line.where))
    return Panel(build(answers), {path: count for path, count in without.items() if count})


@dataclass(frozen=True)
class _Line:
    where: str
    model: str
    item: str | None
    right: bool | None
    content: str | None


def _check_ids(path: Path, lines: Sequence[_Line], wanted: "Wanted | str") -> int:
    field = wanted if isinstance(wanted, str) else wanted.item
    missing = sum(line.item is None for line in lines)
    if missing == len(lines):
        raise UphillError(
            f"{path}: none of {len(lines)} lines has {field}, expected the item's id there; name another field, or "
            f"{POSITION} for its place in the split"
        )
    if missing:
        log.warning("%s: %d of %d lines have no %s and are left out", path, missing, len(lines), field)
    return missing


def _check_same(contents: dict[str, tuple[str, str]], line: _Line) -> None:
    """Whether an id stands for one question in all files, where the files tell."""
    if line.content is None or line.item is None:
        return
    content, where = contents.setdefault(line.item, (line.content, line.where))
    if content != line.content:
        raise UphillError(
            f"{line.where}: item {line.item!r} is another question than in {where}, expected ids that mean the same "
            "in all files; name a field of the item's own"
        )


# -- the LM Evaluation Harness ---------------------------------------------------------------------------------------


def _samples(path: Path, records: Sequence[Record], wanted: Wanted) -> Iterator[_Line]:
    chosen = _of_filter(path, records, "filter", wanted.filter)
    for record in chosen:
        where = f"{path}: line {record.line}"
        model = record.cells.get("model")
        doc = record.cells.get("doc")
        yield _Line(
            where,
            str(model) if isinstance(model, str) and model else path.resolve().parent.name,
            _id(where, _at(record.cells, wanted.item), wanted.item),
            _right(where, record.cells, wanted.metric),
            # Options may be in another order in another run.
            _digest(doc) if wanted.item == POSITION and doc is not None else None,
        )


def _of_filter(path: Path, records: Sequence[Record], field: str, name: str | None) -> list[Record]:
    found = sorted({str(record.cells[field]) for record in records if not is_null(record.cells.get(field))})
    if name is None and len(found) > 1:
        raise UphillError(f"{path}: lines of several kinds, expected one {field} to be chosen: {listed(found)}")
    if name is not None and name not in found:
        raise UphillError(f"{path}: no line whose {field} is {name!r}, found {listed(found)}")
    return [record for record in records if name is None or str(record.cells.get(field)) == name]


def _at(cells: Mapping[str, Any], field: str) -> Any:
    """What a dotted path leads to; None where it leads nowhere."""
    found: Any = cells
    for part in field.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _id(where: str, cell: Any, field: str) -> str | None:
    try:
        text = None if is_null(cell) else as_text(cell)
    except NoText as error:
        raise UphillError(f"{where}: {field} {error}, expected the id of an item") from None
    return text if text and text.strip() else None


def _right(where: str, cells: Mapping[str, Any], metric: str) -> bool | None:
    if metric not in cells:
        known = [name for name in cells if name not in OF_TASK and _is_truth(cells[name])]
        raise UphillError(f"{where}: no {metric}, expected the metric's value; fields of 1 and 0: {listed(known)}")
    return _truth(where, cells[metric], metric)


def _is_truth(cell: Any) -> bool:
    return isinstance(cell, bool) or as_number(cell) in (0.0, 1.0)


def _truth(where: str, cell: Any, name: str) -> bool | None:
    """A cell that says right or wrong; None where it is empty."""
    if is_null(cell):
        return None
    number = float(cell) if isinstance(cell, bool) else as_number(cell) if not isinstance(cell, list) else None
    if number not in (0.0, 1.0):
        raise UphillError(f"{where}: {name} is {str(cell)[:80]}, expected 1 for right or 0 for wrong")
    return number == 1.0


def _digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(_sorted(doc), sort_keys=True, default=str).encode()).hexdigest()


def _sorted(value: Any) -> Any:
    """A value with every list in order."""
    if isinstance(value, Mapping):
        return {str(key): _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value


# -- Every Eval Ever -------------------------------------------------------------------------------------------------


def _instances(path: Path, records: Sequence[Record], wanted: Wanted) -> Iterator[_Line]:
    for record in _of_filter(path, records, "evaluation_result_id", wanted.filter):
        where, cells = f"{path}: line {record.line}", record.cells
        model, correct = cells.get("model_id"), _at(cells, "evaluation.is_correct")
        if not isinstance(model, str) or not model.strip():
            raise UphillError(f"{where}: model_id is {model!r}, expected the name of a model")
        if not isinstance(correct, bool):
            raise UphillError(f"{where}: evaluation.is_correct is {correct!r}, expected true or false")
        failed = not is_null(cells.get("error"))
        item = _id(where, cells.get("sample_id"), "sample_id")
        # An error of the run says nothing of the item.
        yield _Line(where, model, item, None if failed else correct, _asked(cells))


def _asked(cells: Mapping[str, Any]) -> str | None:
    """The hash of what was asked, made anew: tools differ in the recipe of the one that they store."""
    raw, reference = _at(cells, "input.raw"), _at(cells, "input.reference")
    if not isinstance(raw, str) or not isinstance(reference, list):
        return None
    return sample_hash(raw, [str(one) for one in reference])
