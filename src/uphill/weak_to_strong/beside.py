"""What a generation asks: the items of its shard, and the texts that each is shown beside its question, by id."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from uphill.errors import UphillError
from uphill.prompts.asks import ANSWERS
from uphill.randomness import keyed_seed
from uphill.running.job import Running
from uphill.schemas.clusters import CLUSTERS, NO_CLUSTER
from uphill.schemas.files import read_arrow
from uphill.schemas.generations import GENERATIONS

log = logging.getLogger(__name__)
Texts = Mapping[str, Sequence[str]]
"""Texts to show, by item."""


@dataclass(frozen=True)
class Asked:
    """What one job asks.

    Attributes:
        ids: items of the shard, in order.
        beside: by slot, the texts of each of these items.
    """

    ids: list[str]
    beside: Mapping[str, Texts]


def asked(job: Running, items: pd.DataFrame) -> Asked:
    """The items of a job's shard: of its pool, or those that all which is shown beside them holds.

    Args:
        job: the job.
        items: rows of the items contract, indexed by item_id.

    Raises:
        UphillError: what is shown was made by another config, or holds no item in common, or an unknown one.
    """
    settings = job.settings
    if settings["pool"] is not None:
        pool = [str(item_id) for item_id in items.index[items["pool"] == settings["pool"]]]
        seed, dataset = settings["seed"][0], settings["dataset"]
        return Asked(_shard(settings, half(pool, settings["half"], dataset, seed)), {})
    held = {slot: _held(job, slot, kind) for slot, kind in settings["beside"].items()}
    common = sorted(set.intersection(*map(set, held.values())))
    counts = ", ".join(f"{slot} {len(ids)}" for slot, ids in held.items())
    log.info("%d items are in all that is shown (%s)", len(common), counts)
    if not common and all(held.values()):
        raise UphillError(
            f"generations.{job.wildcards.generation}.beside: no item is in all of it ({counts}), expected some"
        )
    for item_id in common:
        if item_id not in items.index:
            raise UphillError(f"item {item_id!r} is none of dataset {settings['dataset']!r}, expected one of its items")
    ids = _shard(settings, common)
    return Asked(ids, {slot: _texts(job, slot, kind, set(ids)) for slot, kind in settings["beside"].items()})


def half(ids: Iterable[str], which: str | None, dataset: str, seed: int) -> list[str]:
    """One of two halves of a pool, by a key of each item, in order; the first has one more of an odd number."""
    if which is None:
        return sorted(ids)
    order = sorted(ids, key=lambda item_id: (keyed_seed("half", dataset, item_id, seed), item_id))
    middle = (len(order) + 1) // 2
    return sorted(order[:middle] if which == "first" else order[middle:])


def _shard(settings: Mapping[str, Any], ids: Sequence[str]) -> list[str]:
    """A fixed slice of sorted ids; shards differ in size by one item at most."""
    number, count = settings["shard"], settings["shards"]
    return list(ids[len(ids) * number // count : len(ids) * (number + 1) // count])


def _held(job: Running, slot: str, kind: str) -> list[str]:
    """Items of which there is a text to show; of clusters, those that are not certain."""
    found: dict[str, None] = {}
    for path in job.input.get(slot):
        table = read_arrow(path, CLUSTERS if kind == "clusters" else GENERATIONS, job.upstream(path))
        if kind == "clusters":
            frame = table.select(["item_id", "cluster", "certain"]).to_pandas()
            own = frame.loc[(frame["cluster"] != NO_CLUSTER) & ~frame["certain"], "item_id"]
            found.update(dict.fromkeys(own))
        else:
            found.update(dict.fromkeys(table["item_id"].to_pylist()))
    return list(found)


def _texts(job: Running, slot: str, kind: str, ids: set[str]) -> dict[str, list[str]]:
    """Of each item, its texts in order: of clusters the largest first, of several the earliest."""
    found: dict[str, list[str]] = {}
    for path in job.input.get(slot):
        table = read_arrow(path, CLUSTERS if kind == "clusters" else GENERATIONS, job.upstream(path)).to_pandas()
        own = table[table["item_id"].isin(ids)]
        if kind == "clusters":
            own = own.sort_values(["item_id", "size", "cluster"], ascending=[True, False, True])
        else:
            own = own.sort_values(["item_id", "sample"])
        for item_id, text in zip(own["item_id"], own["text"], strict=True):
            found.setdefault(str(item_id), []).append(str(text))
    if kind == "generations" and slot != ANSWERS:
        for item_id, texts in found.items():
            if len(texts) != 1:
                raise UphillError(f"item {item_id!r} has {len(texts)} texts for the slot {{{slot}}}, expected one")
    return found
