"""A look at some of a dataset's items: numbers of them are no results of the set, and are said to be of a look."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from uphill.randomness import keyed_seed
from uphill.running.noting import LOOK, note

Limit = Annotated[int, Field(ge=1, le=1_000_000)]
"""How many items a look keeps."""


def looked_at(items: pd.DataFrame, limit: int | None, name: str, seed: int) -> pd.DataFrame:
    """The `limit` items whose ids and the seed hash lowest, in their order; all of them where there are no more.

    Which stay depends on no other item's being there, nor on the dataset's name: two datasets of one source keep the
    same. That some were left out is noted.

    Args:
        items: N rows with item_id and pool, each of the pool that it has in the whole set.
        limit: how many stay; None keeps all.
        name: the dataset's.
        seed: the run's seed.
    """
    if limit is None or limit >= len(items):
        return items
    ranked = sorted(items.index, key=lambda place: keyed_seed("limit", items.at[place, "item_id"], seed))
    note(f"{LOOK}{limit:,} of {len(items):,} items of {name}")
    return items.loc[items.index.isin(ranked[:limit])]
