"""Bins of equal size: items in the order of their difficulty, equal ones in that of a draw."""

from bisect import bisect_left

import numpy as np
import pandas as pd

from uphill.randomness import keyed_seed


def number_of_bin(values: pd.Series, pool: pd.Index, bins: int, variable: str, seed: int) -> pd.Series:
    """Number, from 1 for the easiest, of each item's bin; sizes within the pool differ by one at most.

    Items are in the order of their values, equal ones in that of a draw for each item: an order that items are given
    in, such as that of their ids, often runs through their subjects. An item outside the pool falls into the first bin
    that reaches it in that order.

    Args:
        values: by item_id; larger is harder.
        pool: the items that bins are cut from.
        bins: how many.
        variable: part of the draws' key, so that two variables with the same ties break them apart.
        seed: likewise.
    """
    places = {item: (value, keyed_seed("ties", variable, item, seed)) for item, value in values.items()}
    order = sorted(places[item] for item in pool)
    sizes = [len(part) for part in np.array_split(np.arange(len(order)), bins)]
    ends = [order[end - 1] for end, size in zip(np.cumsum(sizes), sizes, strict=True) if size]
    return pd.Series([min(bisect_left(ends, places[item]), bins - 1) + 1 for item in values.index], index=values.index)


def drawn_by_lot(values: pd.Series, number: pd.Series) -> tuple[int, float]:
    """Borders between bins that pass through items of one value, and the share of items that such a border parts.

    Args:
        values: of the items that bins are cut from.
        number: their bins.
    """
    ends = values.groupby(number.to_numpy()).agg(["min", "max"]).sort_index()
    cut = ends["max"].to_numpy()[:-1] == ends["min"].to_numpy()[1:]
    parted = values.isin(ends["max"].to_numpy()[:-1][cut])
    return int(cut.sum()), float(parted.mean())
