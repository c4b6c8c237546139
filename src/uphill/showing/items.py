"""An item as the study has it, with its levels where they are made."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pandas as pd

from uphill.config.complaints import guess
from uphill.datasets.items import make_items
from uphill.errors import UphillError
from uphill.schemas.files import made_by, read
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study


def items_of(study: Study, dataset: str) -> pd.DataFrame:
    """A dataset's items, indexed by id: of its table, or made from a source on this machine.

    Raises:
        UphillError: the study has no such dataset, or its source is not on this machine and its table not made.
    """
    job = study.job("items", {"dataset": dataset})
    if _is_made(job):
        return read(job.files[0], ITEMS, job.id).set_index("item_id")
    if getattr(study.config.source_settings(dataset), "remote", False):
        raise UphillError(f"{job.files[0]}: not made yet by this config, expected it: run snakemake {job.files[0]}")
    return make_items(job.settings).set_index("item_id")


def item_of(items: pd.DataFrame, dataset: str, item_id: str) -> Mapping[str, Any]:
    """One of them.

    Raises:
        UphillError: there is none of that id.
    """
    if item_id not in items.index:
        said = f"{dataset}: no item {item_id!r}, expected one of {len(items)}, such as {items.index[0]!r}"
        raise UphillError(said + guess(item_id, map(str, items.index)))
    found: Mapping[str, Any] = items.loc[item_id].to_dict()
    return found


def item_lines(study: Study, dataset: str, item_id: str) -> Iterator[str]:
    """An item, its metadata, and its level by each variable."""
    items = items_of(study, dataset)
    item = item_of(items, dataset, item_id)
    yield f"{item_id} of {dataset}, {item['pool']} pool"
    yield f"\nquestion   {item['question']}"
    for number, choice in enumerate(item["choices"]):
        yield f"{'*' if number == item['answer_idx'] else ' '} {ascii_uppercase[number % 26]}        {choice}"
    yield f"answer     {item['answer_text'] or '(none is told)'}"
    if item["reasoning"]:
        yield f"reasoning  {item['reasoning']}"
    rest = {name: value for name, value in item.items() if name not in ITEMS.schema.names}
    if rest:
        yield "metadata   " + ", ".join(f"{name} {value}" for name, value in rest.items())
    yield ""
    yield from _levels(study.job("hardness", {"dataset": dataset}), item_id)


def _levels(job: Job, item_id: str) -> Iterator[str]:
    if not _is_made(job):
        yield f"levels: {job.files[0]} is not made yet by this config"
        return
    rows = read(job.files[0], HARDNESS, job.id)
    for row in rows[rows["item_id"] == item_id].sort_values(["kind", "variable"]).to_dict("records"):
        yield f"{row['level']:8} {row['variable']} {row['value']:g} ({row['kind']})"


def _is_made(job: Job) -> bool:
    """Whether today's config and code made a job's first file."""
    try:
        return Path(job.files[0]).is_file() and made_by(job.files[0]).get("id") == job.id
    except (UphillError, OSError, ValueError):
        return False
