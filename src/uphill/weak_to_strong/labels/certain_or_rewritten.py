"""A teacher's text where it is certain, and its student's rewriting of it elsewhere (Alice, Wu et al. 2025).

Items whose texts fall into no cluster, and those whose rewriting was cut off, are dropped and counted.
"""

import pandas as pd
from pydantic import Field

from uphill.errors import UphillError
from uphill.schemas.clusters import NO_CLUSTER
from uphill.weak_to_strong.interface import TextLabels, Written
from uphill.weak_to_strong.rows import rows

CERTAIN, REWRITTEN = "original", "new"


class Settings(TextLabels):
    """Which clusters say what is certain, and who rewrites the rest."""

    clusters: str = Field(description="A name from `clusters`, whose `certain` says which items are.")
    rewrites: str = Field(description="A name from `generations`, of one text for each uncertain item.")

    @property
    def texts(self) -> str:
        """The generation that rewrites."""
        return self.rewrites

    @property
    def sorted_by(self) -> str | None:
        """The clusters that say what is certain."""
        return self.clusters

    @property
    def one_text(self) -> bool:
        """An item has one label."""
        return True


def label(settings: Settings, items: pd.DataFrame, written: Written) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The leader of the largest cluster, of several the earliest, or the rewriting.

    Raises:
        UphillError: an uncertain item has no rewriting, or another item has one.
    """
    assert written.clusters is not None, "it is sorted by some"
    held = written.clusters[written.clusters["cluster"] != NO_CLUSTER]
    uncertain = set(held.loc[~held["certain"], "item_id"])
    rewritten = written.texts
    for item_id in sorted(uncertain.symmetric_difference(rewritten["item_id"])):
        have, expected = ("no rewriting", "one") if item_id in uncertain else ("a rewriting", "none, as it is certain")
        raise UphillError(f"item {item_id!r} has {have}, expected {expected}")
    largest = held.sort_values(["item_id", "size", "cluster"], ascending=[True, False, True])
    originals = largest[largest["certain"]].drop_duplicates("item_id").rename(columns={"answer": "parsed"})
    whole = rewritten[rewritten["ended"]]
    written.counts.update(
        items=int(written.clusters["item_id"].nunique()),
        original=len(originals),
        new=len(whole),
        dropped_without_cluster=int((written.clusters["cluster"] == NO_CLUSTER).sum()),
        dropped_cut_off=len(rewritten) - len(whole),
    )
    return pd.concat([rows(originals, CERTAIN), rows(whole, REWRITTEN)], ignore_index=True)
