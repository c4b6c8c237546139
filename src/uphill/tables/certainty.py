"""Certainty against correctness: whether what most of a model's texts say is right, by how many of them say it."""

import itertools
from collections.abc import Iterator, Mapping

import pandas as pd

from uphill.schemas.clusters import NO_CLUSTER
from uphill.stats.conditions import condition
from uphill.stats.estimates import accuracy_interval

TITLE = "Certainty against correctness"
CAPTION = (
    "A row a group of items: all that have a cluster, those that the rule calls certain and uncertain, and those whose "
    "largest cluster has such a share of all texts. `accuracy` is how often the leader of the largest cluster is "
    "right, `share` the mean share of that cluster: a model whose certainty is true has both alike. `entropy` is the "
    "mean, in nats; `dropped` counts the items of which no two texts say the same. In brackets, an interval over items."
)
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COLUMNS = [
    "dataset",
    "clusters",
    "generation",
    "group",
    "items",
    "dropped",
    "share",
    "entropy",
    "accuracy",
    "low",
    "high",
]


def certainty_rows(
    name: str, entry: Mapping[str, str], clusters: pd.DataFrame, texts: pd.DataFrame | None, coverage: float
) -> pd.DataFrame:
    """Rows of some clusters.

    Args:
        name: of the clusters.
        entry: `generation`, whose texts they are of, and `dataset`.
        clusters: rows of the clusters contract.
        texts: item_id, text, correct of its texts, those of leaders at least; None where they are not graded.
        coverage: of intervals.
    """
    first = _largest(clusters)
    known = first[first["cluster"] != NO_CLUSTER]
    known = known.assign(share=known["size"] / known["n_samples"])
    if texts is not None:
        # Texts of an item that are the same to the letter are graded alike.
        graded = texts[["item_id", "text", "correct"]].drop_duplicates(["item_id", "text"])
        known = known.merge(graded, on=["item_id", "text"], how="left", validate="one_to_one")
    dropped = len(first) - len(known)
    rows = [
        {
            **{"dataset": entry["dataset"], "clusters": name, "generation": entry["generation"]},
            **{"group": group, "items": len(own)},
            **({"dropped": dropped} if group == "all" else {}),
            **{"share": own["share"].mean(), "entropy": own["entropy"].mean()},
            **_right(own, coverage),
        }
        for group, own in _groups(known)
        if len(own)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _largest(clusters: pd.DataFrame) -> pd.DataFrame:
    """The row of each item's largest cluster, the first of several; of an item without any, its one row."""
    ordered = clusters.sort_values(["item_id", "size", "cluster"], ascending=[True, False, True], kind="stable")
    return ordered.drop_duplicates("item_id")


def _groups(known: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", known
    yield "certain", known[known["certain"]]
    yield "uncertain", known[~known["certain"]]
    for low, high in itertools.pairwise(BINS):
        yield f"share {low:.1f} to {high:.1f}", known[(known["share"] > low) & (known["share"] <= high)]


def _right(own: pd.DataFrame, coverage: float) -> dict[str, float]:
    if "correct" not in own:
        return {}
    found = accuracy_interval(condition(own["correct"].to_numpy(dtype=float)[:, None], trained=False), coverage)
    return {"accuracy": found.point, "low": found.low, "high": found.high}
