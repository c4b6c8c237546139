"""The job that makes labels: of answers of a teacher that was never trained on the items, or of texts."""

import logging
from typing import Any

import pandas as pd

from uphill.errors import UphillError, damaged
from uphill.registry import settings_of
from uphill.running.job import Running
from uphill.running.noting import LOST, note
from uphill.running.slices import Slices
from uphill.schemas.clusters import CLUSTERS
from uphill.schemas.files import read, write
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS, UNSURE
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS
from uphill.weak_to_strong.graded_texts import graded
from uphill.weak_to_strong.interface import Answers, LabelSettings, Written, label_kind, text_kind

log = logging.getLogger(__name__)
NOT_WHOLE = ("cut", "dropped")
"""How counts of what is not taught, or not whole, begin: a note for the report."""


def run_job(job: Running) -> None:
    """Make one file of labels.

    Raises:
        UphillError: an item cannot be labelled, or what the job reads was made by another config or other code.
    """
    settings = job.settings
    items = job.read("questions", ITEMS)
    try:
        labels, counts = _of_texts(job, items) if job.input.get("texts") else (_of_dataset(job, items), {})
    except UphillError as error:
        raise UphillError(f"labels.{settings['labels']}: {error}") from None
    told = {"counts": counts} if counts else {}
    write(labels.sort_values("item_id", ignore_index=True), job.output[0], LABELS, {**job.made_by, **told})


def _of_dataset(job: Running, items: pd.DataFrame) -> pd.DataFrame:
    """Labels of a pool."""
    kind = label_kind(job.settings["kind"])
    own = settings_of(kind, job.settings["settings"])
    assert isinstance(own, LabelSettings), "of every such kind"
    of_pool = items[items["pool"] == own.of_pool].reset_index(drop=True)
    return kind.label(own, of_pool, _answers(job, job.settings))


def _of_texts(job: Running, items: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Labels that are texts of a generation, and what is counted of them."""
    kind, [grades] = text_kind(job.settings["kind"]), job.input.grades
    shards = [read(path, GENERATIONS, job.upstream(path)) for path in job.input.texts]
    texts = graded(pd.concat(shards, ignore_index=True), read(grades, TEXT_GRADES, job.upstream(grades)))
    sorted_by = job.read("clusters", CLUSTERS) if job.input.get("clusters") else None
    written = Written(texts, sorted_by)
    labels = kind.label(settings_of(kind, job.settings["settings"]), items, written)
    said = ", ".join(f"{name} {count}" for name, count in written.counts.items())
    log.info("%s", said)
    lost = [f"{name.replace('_', ' ')} {n}" for name, n in written.counts.items() if n and name.startswith(NOT_WHOLE)]
    if lost:
        note(f"{LOST}labels.{job.settings['labels']}: {', '.join(lost)}")
    return labels, written.counts


def _answers(job: Running, settings: dict[str, Any]) -> Answers | None:
    """What the kind's arm says, if it has one."""
    if settings["slice"] is None:
        return None
    [path], [splits] = job.input.predictions, job.input.splits
    rows = Slices.read(path, PREDICTIONS).rows(settings["slice"], job.upstream(path)[settings["slice"]])
    if rows is None:
        raise damaged(path, f"{settings['slice']!r} made by another config or by older code")
    drawn = read(splits, SPLITS, job.upstream(splits))
    trained = {*drawn.loc[drawn["role"] == "train", "item_id"]}
    for learned in job.input.get("learned", []):
        # Of a teacher that is trained here, and of its bases.
        taught = read(learned, LABELS, job.upstream(learned))
        trained |= {*taught.loc[taught["origin"] != UNSURE, "item_id"]}
    return Answers(rows.to_pandas(), sorted(trained), settings["grader"])
