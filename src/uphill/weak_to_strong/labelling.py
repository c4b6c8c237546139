"""The job that makes labels: items, and the answers of a teacher that was never trained on them."""

from typing import Any

from uphill.errors import UphillError, damaged
from uphill.registry import settings_of
from uphill.running.job import Running
from uphill.running.slices import Slices
from uphill.schemas.files import read, write
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS
from uphill.weak_to_strong.interface import Answers, LabelSettings, label_kind


def run_job(job: Running) -> None:
    """Make one file of labels.

    Raises:
        UphillError: an item cannot be labelled, or what the job reads was made by another config or other code.
    """
    settings, [questions] = job.settings, job.input.questions
    kind = label_kind(settings["kind"])
    items = read(questions, ITEMS, job.upstream(questions))
    own = settings_of(kind, settings["settings"])
    assert isinstance(own, LabelSettings), "of every kind of labels"
    items = items[items["pool"] == own.of_pool].reset_index(drop=True)
    try:
        labels = kind.label(own, items, _answers(job, settings))
    except UphillError as error:
        raise UphillError(f"labels.{settings['labels']}: {error}") from None
    write(labels.sort_values("item_id", ignore_index=True), job.output[0], LABELS, job.made_by)


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
        trained |= {*read(learned, LABELS, job.upstream(learned))["item_id"]}
    return Answers(rows.to_pandas(), sorted(trained), settings["grader"])
