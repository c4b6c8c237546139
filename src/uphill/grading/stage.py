"""A grading job: one file of predictions, each raw output graded against its item."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from uphill import registry
from uphill.errors import UphillError, damaged
from uphill.grading.grade import Grade, Item, Output, grader_of
from uphill.identity.specs import together, versions
from uphill.running.job import Running
from uphill.running.noting import note
from uphill.running.slices import Slices
from uphill.schemas.files import made_by, read_arrow, write_arrow
from uphill.schemas.grades import GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.predictions import CONDITION, PREDICTIONS

KEPT = (*CONDITION, "item_id", "ended")
"""Columns that grades have from predictions."""
ROWS = 10_000
"""Rows that are objects at a time: as such they take many times their memory."""


def run_job(job: Running) -> None:
    """Bring the job's output up to date: grade what is new or was graded otherwise, keep the rest as it is.

    Raises:
        UphillError: predictions or items are not those of today, or the grader cannot read an item.
    """
    [predicted], [questions] = job.input.predictions, job.input.questions
    before, answers = Slices.before(job.output[0], GRADES), Slices.read(predicted, PREDICTIONS)
    of_today = job.upstream(predicted)
    made_of, tables, made_with = made_by(questions).get("versions", {}), [], {}
    for name, slice in job.settings["slices"].items():
        graded = before.rows(name, slice["id"])
        if graded is None:
            rows = answers.rows(name, of_today[name])
            if rows is None:
                raise damaged(predicted, f"{name!r} made by another config or by older code")
            graded = grades(rows, _items(questions, job.upstream(questions)), slice["settings"])
            made_with[name] = together(versions(), made_of, answers.versions.get(name, {}))
        else:
            made_with[name] = before.versions[name]
            note(*before.notes)
        tables.append(graded)
    write_arrow(pa.concat_tables(tables), job.output[0], GRADES, {**job.spec, "versions": made_with, **job.notes})


def grades(predictions: pa.Table, items: Mapping[str, Item], settings: Mapping[str, Any]) -> pa.Table:
    """A grade for each row of some predictions.

    Args:
        predictions: rows of the predictions contract.
        items: by id.
        settings: `grader`, a module of this room, and `settings`, its own; `also`, by name, the same of further ones.

    Raises:
        UphillError: the grader cannot read an item or an output.
    """
    main, where = _Reader(settings, "grader"), f"datasets.{settings['dataset']}"
    others = {name: _Reader(own, f"also_graded_by.{name}") for name, own in settings.get("also", {}).items()}
    batches = predictions.select(["item_id", "scores", "text", "n_tokens", "ended"]).to_batches(max_chunksize=ROWS)
    found, also = [], []
    for row in (row for batch in batches for row in batch.to_pylist()):
        asked = items[row["item_id"]]
        found.append(main.grade(asked, row, where))
        again = [{"name": name, "correct": one.grade(asked, row, where).correct} for name, one in others.items()]
        also.append(again or None)
    columns = {
        name: [getattr(each, name) for each in found]
        for name in ("status", "parsed", "correct", "p_gold", "shares", "f1")
    }
    columns["grader"] = [settings["grader"]] * len(found)
    columns["also"] = also
    own = {name: pa.array(values, GRADES.schema.field(name).type) for name, values in columns.items()}
    kept = {name: predictions[name] for name in KEPT}
    return pa.table([{**kept, **own}[name] for name in GRADES.schema.names], schema=GRADES.schema)


def grader(settings: Mapping[str, Any]) -> Callable[[Item, Output], Grade]:
    """The grader that is named, with its settings."""
    module = grader_of(settings["grader"])
    own = registry.settings_of(module, settings["settings"])
    return lambda item, output: module.grade(own, item, output)


class _Reader:
    """A grader, and the key of the dataset that names it."""

    def __init__(self, settings: Mapping[str, Any], key: str) -> None:
        self._of, self._kind, self._key = grader(settings), settings["grader"], key

    def grade(self, asked: Item, row: Mapping[str, Any], dataset: str) -> Grade:
        """The grade of a prediction; `dataset` is its key of the config."""
        # Scores have no end; a text has one.
        output = Output(row["text"], row["scores"], row["n_tokens"], ended=row["ended"] is not False)
        try:
            return self._of(asked, output)
        except ValueError as error:
            raise UphillError(f"{dataset}.{self._key}: {self._kind} of item {row['item_id']!r}: {error}") from error


@cache
def _items(path: str, identity: str) -> dict[str, Item]:
    """The items of a file, by id, as graders see them."""
    return {row["item_id"]: item(row) for row in read_arrow(path, ITEMS, identity).to_pylist()}


def item(row: Mapping[str, Any]) -> Item:
    """A row of the item table as graders see it."""
    metadata = {name: value for name, value in row.items() if name not in ITEMS.schema.names}
    return Item(row["question"], row["choices"], row["answer_idx"], row["answer_text"], metadata)
