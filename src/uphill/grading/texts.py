"""A grading job of one generation: each text graded against its item, shard by shard."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from uphill.errors import UphillError
from uphill.grading.grade import Grade, Item, Output
from uphill.grading.stage import ROWS, grader, item
from uphill.running.job import Running
from uphill.schemas.files import read_arrow, write_arrow
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.schemas.items import ITEMS


def run_job(job: Running) -> None:
    """Grade all texts of a generation.

    Raises:
        UphillError: texts or items are not those of today, or the grader cannot read an item.
    """
    [questions] = job.input.questions
    items = {row["item_id"]: item(row) for row in read_arrow(questions, ITEMS, job.upstream(questions)).to_pylist()}
    tables = [
        table
        for path in job.input.texts
        for table in graded(read_arrow(path, GENERATIONS, job.upstream(path)), items, job.settings)
    ]
    found = pa.concat_tables([TEXT_GRADES.schema.empty_table(), *tables]).combine_chunks()
    write_arrow(found, job.output[0], TEXT_GRADES, job.made_by)


def graded(texts: pa.Table, items: Mapping[str, Item], settings: Mapping[str, Any]) -> Iterator[pa.Table]:
    """A grade for each text, in order, some at a time.

    Args:
        texts: rows of the generations contract.
        items: by id.
        settings: `grader`, a module of this room, `settings`, its own, and `dataset`.

    Raises:
        UphillError: the grader cannot read an item or a text.
    """
    grade = grader(settings)
    for batch in texts.to_batches(max_chunksize=ROWS):
        rows = [_row(grade, items, row, settings) for row in batch.to_pylist()]
        yield pa.Table.from_pylist(rows, schema=TEXT_GRADES.schema)


def _row(
    grade: Callable[[Item, Output], Grade],
    items: Mapping[str, Item],
    row: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    output = Output(row["text"], n_tokens=[row["n_tokens"]], ended=row["ended"])
    try:
        found = grade(items[row["item_id"]], output)
    except ValueError as error:
        raise UphillError(
            f"datasets.{settings['dataset']}.grader: {settings['grader']} of item {row['item_id']!r}: {error}"
        ) from error
    return {
        **{name: row[name] for name in ("item_id", "sample", "ended")},
        **{name: getattr(found, name) for name in ("status", "parsed", "correct", "f1")},
        "grader": settings["grader"],
    }
