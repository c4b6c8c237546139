"""Easy, medium and hard: values cut at published cut-offs or at quantiles (Hase et al. 2024, section 3.1)."""

import numpy as np
import pandas as pd

from uphill.schemas import EXPERIMENT_POOL, LEVELS

QUANTILES = (0.3, 0.7)


def cut(values: pd.Series, easy_max: float, hard_min: float) -> pd.Series:
    """Level of each value: easy up to `easy_max`, else hard from `hard_min`, else medium; easy wins where both hold."""
    chosen = np.select([values <= easy_max, values >= hard_min], ["easy", "hard"], default="medium")
    return pd.Series(pd.Categorical(chosen, categories=LEVELS, ordered=True), index=values.index)


def add_levels(measures: pd.DataFrame, items: pd.DataFrame, cuts: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Add a level to every (item, variable) value.

    Args:
        measures: rows item_id, variable, value, kind.
        items: the item table, indexed by item_id.
        cuts: (easy_max, hard_min) by variable; any other variable is cut at its .3 and .7 quantiles, inclusive on both
            sides, taken over the experiment pool.
    """
    in_experiments = set(items.index[items["pool"] == EXPERIMENT_POOL])
    parts = []
    for variable, rows in measures.groupby("variable", sort=True):
        pool = rows.loc[rows["item_id"].isin(in_experiments), "value"]
        easy_max, hard_min = cuts.get(str(variable), tuple(pool.quantile(q) for q in QUANTILES))
        parts.append(rows.assign(level=cut(rows["value"], easy_max, hard_min).astype(str)))
    return pd.concat(parts, ignore_index=True)
