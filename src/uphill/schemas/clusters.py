"""Clusters: texts of an item that say the same, a row a cluster; an item without any has one row, of cluster -1."""

from uphill.schemas.contract import BOOL, FLOAT, INT, TEXT, Contract, columns

NO_CLUSTER = -1
CLUSTERS = Contract(
    "clusters",
    columns(
        {
            "item_id": TEXT,
            "cluster": INT,  # 0 is the first leader's; -1: the item has none
            "size": INT,  # texts in it; size over all clusters, n_singletons and n_unparsed add up to n_samples
            "text": TEXT,  # the leader's
            "answer": TEXT,  # the leader's, as it was read; empty where none is
            # Of the item, the same in each of its rows:
            "n_samples": INT,
            "n_singletons": INT,  # texts like no other
            "n_unparsed": INT,  # cut off, or without an answer
            "entropy": FLOAT,  # nats; each singleton is a class of its own, and all that is unparsed is one
            "certain": BOOL,
        }
    ),
    key=("item_id", "cluster"),
)
