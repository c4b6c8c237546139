"""What a study reads from the Hugging Face hub."""

import logging
from collections.abc import Iterable
from typing import Any

from uphill.config.study import Config
from uphill.running.hub import fetch

log = logging.getLogger(__name__)


def repositories(config: Config, models: Iterable[str], datasets: Iterable[str]) -> list[dict[str, Any]]:
    """The hub repositories behind some models and datasets, each once, as arguments of `snapshots.fetch`."""
    found: list[dict[str, Any]] = []
    embedders = {clusters.model for clusters in config.clusters.values()}
    for name in models:
        entry = config.model(name)
        if entry.hub_id:
            more = {"code": True} if entry.trust_remote_code else {}
            more |= {"parts": True} if name in embedders else {}
            found.append({"kind": "model", "hub_id": entry.hub_id, "revision": entry.revision} | more)
    for name in datasets:
        source = config.source_settings(name)
        if getattr(source, "remote", False):
            # Only the sources that come with this library are remote, and they all name a repository.
            where = {field: getattr(source, field) for field in ("hub_id", "revision")}
            found.append({"kind": "dataset", **where})
    return [repository for number, repository in enumerate(found) if repository not in found[:number]]


def fetch_all(wanted: list[dict[str, Any]]) -> None:
    """Fetch every repository, telling where it lies.

    Raises:
        UphillError: one cannot be fetched.
    """
    for repository in wanted:
        folder = fetch(**repository)
        log.info("%s %s: in %s", repository["kind"], repository["hub_id"], folder)
