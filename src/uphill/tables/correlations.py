"""Spearman correlation between all hardness variables of a dataset, with bootstrap intervals over items."""

import itertools

import pandas as pd

from uphill.randomness import keyed_rng
from uphill.schemas.names import EXPERIMENT_POOL
from uphill.stats.ranks import spearman_intervals


def correlation_rows(
    hardness: pd.DataFrame, items: pd.DataFrame, draws: int, coverage: float, seed: int
) -> pd.DataFrame:
    """One row per pair of variables, over the items of the experiment pool.

    A variable that is the same for all items ranks none, and is left out.

    Args:
        hardness: rows of one dataset's hardness table, with the dataset's name in `dataset`.
        items: its item table.
        draws: bootstrap draws.
        coverage: of the intervals.
        seed: the run's seed.
    """
    pool = items.loc[items["pool"] == EXPERIMENT_POOL, "item_id"]
    values = hardness.pivot(index="item_id", columns="variable", values="value").reindex(sorted(pool))
    values = values.loc[:, values.nunique() > 1]
    known = values.notna()
    dataset = str(hardness["dataset"].iloc[0])
    found = spearman_intervals(values.to_numpy(), keyed_rng("correlations", dataset, seed), draws, coverage)
    rows = [
        {
            "dataset": dataset,
            "variable_a": a,
            "variable_b": b,
            "rho": found.point[i, j],
            "low": found.low[i, j],
            "high": found.high[i, j],
            "n_items": int(known[[a, b]].all(axis=1).sum()),
        }
        for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(values.columns), 2)
    ]
    return pd.DataFrame(rows)


TITLE = "Rank correlations between hardness variables"
CAPTION = "Spearman correlations over the experiment pool, with bootstrap intervals over items."
