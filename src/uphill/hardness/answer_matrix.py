"""A file of which models answered which items rightly: a row an item, a column a model, 1, 0 or empty."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from uphill.datasets.cells import NoText, as_text
from uphill.datasets.raw_files import read_csv
from uphill.errors import UphillError, damaged
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, Answers
from uphill.schemas import parquet
from uphill.schemas.files import METADATA_KEY, made_by, written_whole

WORDS = {"1": RIGHT, "1.0": RIGHT, "true": RIGHT, "0": WRONG, "0.0": WRONG, "false": WRONG}
EMPTY = {"", "nan", "na", "none"}
UNKNOWN = -2


@dataclass(frozen=True)
class AnswerMatrix:
    """Ids of items, names of models, and `answers`, [models, items] of RIGHT, WRONG and MISSING."""

    item_ids: list[str]
    models: list[str]
    answers: Answers


@dataclass(frozen=True)
class Answered:
    """One answer of one respondent: a model, or a model that was asked or trained in some way.

    Attributes:
        right: None where it is not known, which is not the same as wrong.
        where: the file and row that it is from, for messages.
    """

    respondent: str
    item_id: str
    right: bool | None
    where: str = ""


ITEM_ID = "item_id"
"""The column of ids in a matrix of ours."""


def build(answers: Iterable[Answered], trained_on: Mapping[str, Collection[str]] | None = None) -> AnswerMatrix:
    """A panel's answers as a matrix: items and respondents in the order of their names.

    Args:
        answers: one of each respondent and item at most; an item that a respondent did not answer is missing.
        trained_on: by respondent, items that it may have learnt: its answers to them are missing, for they tell of its
            training and not of the items.

    Raises:
        UphillError: a respondent answers an item twice, has no name or the name of the ids, or is none of those that
            answer; or there are fewer than two, or no right or no wrong answers.
    """
    known: dict[tuple[str, str], Answered] = {}
    for answer in answers:
        first = known.setdefault((answer.respondent, answer.item_id), answer)
        if first is not answer:
            places = f" ({first.where}; {answer.where})" if answer.where else ""
            raise UphillError(
                f"{answer.respondent!r} answers item {answer.item_id!r} twice{places}, expected one answer of each"
            )
    respondents = sorted({respondent for respondent, _ in known})
    _check_respondents(respondents, trained_on or {})
    items = sorted({item for _, item in known})
    row, column = ({name: place for place, name in enumerate(names)} for names in (respondents, items))
    matrix: Answers = np.full((len(respondents), len(items)), MISSING, dtype=np.int8)
    learnt = {name: set(own) for name, own in (trained_on or {}).items()}
    for (respondent, item), answer in known.items():
        if answer.right is not None and item not in learnt.get(respondent, ()):
            matrix[row[respondent], column[item]] = RIGHT if answer.right else WRONG
    if not ((matrix == RIGHT).any() and (matrix == WRONG).any()):
        raise UphillError(f"the answers of {len(respondents)} respondents are of one kind at most, expected both")
    return AnswerMatrix(items, respondents, matrix)


def _check_respondents(respondents: list[str], trained_on: Mapping[str, Collection[str]]) -> None:
    if len(respondents) < 2:
        raise UphillError(f"{len(respondents)} respondents ({', '.join(respondents)}), expected two or more")
    if wrong := [name for name in respondents if not name.strip() or name == ITEM_ID]:
        raise UphillError(f"a respondent is called {wrong[0]!r}, expected a name, and not that of the ids' column")
    if absent := sorted(set(trained_on) - set(respondents)):
        raise UphillError(f"{absent[0]!r} was trained and answers nothing, expected one of {', '.join(respondents)}")


def write_matrix(matrix: AnswerMatrix, path: Path | str, identity: Mapping[str, Any] | None = None) -> None:
    """Write a matrix as `read_matrix` reads it: `item_id`, and a column a respondent of 1, 0 and null.

    Args:
        matrix: what is written.
        path: a .parquet file.
        identity: of what made it, kept in the file's metadata.

    Raises:
        UphillError: the file is no .parquet, or cannot be written.
    """
    if Path(path).suffix != ".parquet":
        raise UphillError(f"{path}: a matrix is written as Parquet, expected a name that ends in .parquet")
    columns = [pa.array(row, pa.int8(), mask=row == MISSING) for row in matrix.answers]
    table = pa.table([pa.array(matrix.item_ids, pa.string()), *columns], [ITEM_ID, *matrix.models])
    if identity is not None:
        table = table.replace_schema_metadata({METADATA_KEY: json.dumps(identity).encode()})
    with written_whole(path) as temporary:
        parquet.write(table, temporary)


def read_panel(path: Path | str, identity: str) -> AnswerMatrix:
    """A panel's matrix, as its job wrote it.

    Raises:
        UphillError: it is missing or damaged, or another job made it.
    """
    if made_by(path).get("id") != identity:
        raise damaged(path, "made by another config or by older code")
    return read_matrix(Path(path), ITEM_ID, [])


def read_matrix(path: Path, item_id: str, not_models: list[str]) -> AnswerMatrix:
    """Read a matrix from a CSV or Parquet file.

    Args:
        path: the file.
        item_id: the column of items' ids.
        not_models: further columns that are no model's answers.

    Raises:
        UphillError: it cannot be read, names a model or an item twice, lacks a named column, has fewer than two models,
            an item without an id, a cell that is neither 1, 0 nor empty, or only one kind of answer.
    """
    table = _read(path)
    models = _models(path, table.column_names, item_id, not_models)
    ids = _ids(path, table.column(item_id), item_id)
    answers: Answers = np.empty((len(models), len(ids)), dtype=np.int8)
    for row, model in enumerate(models):
        answers[row] = _answers(path, table.column(model), model, ids)
    if not ((answers == RIGHT).any() and (answers == WRONG).any()):
        raise UphillError(f"{path}: its cells hold one kind of answer at most, expected both 1 and 0")
    return AnswerMatrix(ids, models, answers)


def _read(path: Path) -> pa.Table:
    if path.suffix not in (".csv", ".parquet"):
        raise UphillError(f"{path}: unknown kind of file {path.suffix!r}, expected one of .csv, .parquet")
    try:
        return _read_csv(path) if path.suffix == ".csv" else parquet.read_given(path)
    except FileNotFoundError:
        raise UphillError(f"{path}: no such file, expected a matrix of items by models") from None
    except (pa.ArrowException, OSError) as error:
        raise UphillError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _read_csv(path: Path) -> pa.Table:
    """Every cell as text, so that one wrong cell does not change how the others are read."""
    names, rows = read_csv(path, ",")
    columns = zip(*(cells for _, cells in rows), strict=True) if rows else [() for _ in names]
    return pa.table([pa.array(cells, pa.string()) for cells in columns], names)


def _models(path: Path, columns: list[str], item_id: str, not_models: list[str]) -> list[str]:
    for column in (item_id, *not_models):
        if column not in columns:
            raise UphillError(f"{path}: no column {column!r}, found {', '.join(columns)}")
    repeated = [column for column in columns if columns.count(column) > 1]
    if repeated:
        raise UphillError(f"{path}: column {repeated[0]!r} occurs twice, expected each model once")
    models = [column for column in columns if column not in {item_id, *not_models}]
    if len(models) < 2:
        raise UphillError(f"{path}: {len(models)} columns of answers, expected one for each of two models or more")
    return models


def _ids(path: Path, column: pa.ChunkedArray, name: str) -> list[str]:
    first: dict[str, int] = {}
    for row, value in enumerate(column.to_pylist(), start=1):
        try:
            item = as_text(value)
        except NoText as error:
            raise UphillError(f"{path}: row {row}: {name} {error}, expected the id of an item") from None
        if not item.strip():
            raise UphillError(f"{path}: row {row}: {name} is empty, expected the id of an item")
        if first.setdefault(item, row) != row:
            raise UphillError(f"{path}: row {row}: item {item!r} is in row {first[item]} too, expected each item once")
    return list(first)


def _answers(path: Path, column: pa.ChunkedArray, model: str, ids: list[str]) -> Answers:
    try:
        cells = column.combine_chunks().dictionary_encode()
    except pa.ArrowException:
        raise UphillError(f"{path}: column {model!r} holds {column.type}, expected 1, 0 or empty cells") from None
    meanings = [_meaning(value) for value in cells.dictionary.to_pylist()]
    # An empty cell has no index; the last meaning is the one that -1 finds.
    answers = np.array([*meanings, MISSING], dtype=np.int8)[pc.fill_null(cells.indices, -1).to_numpy()]
    if UNKNOWN in meanings:
        row = int(np.argmax(answers == UNKNOWN))
        raise UphillError(
            f"{path}: row {row + 1} (item {ids[row]!r}): {model} is {column[row].as_py()!r}, expected 1, 0 or nothing "
            "(name columns that are no model in not_models)"
        )
    return answers


def _meaning(value: object) -> int:
    text = "" if value is None else str(value).strip().lower()
    return MISSING if text in EMPTY else WORDS.get(text, UNKNOWN)
