"""The hardness pool: items that are drawn, or named in a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.randomness import keyed_rng


def pool_ids(path: Path) -> list[str]:
    """The ids in a file, one a line, in its order; blank lines are none.

    Raises:
        ValueError: it cannot be read, holds no id, or one of them twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"{path}: cannot be read ({why}), expected a text file with one item_id a line") from None
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise ValueError(f"{path}: no ids, expected one item_id a line")
    if len(set(ids)) < len(ids):
        twice = next(one for place, one in enumerate(ids) if one in ids[:place])
        raise ValueError(f"{path}: {twice!r} occurs twice, expected each item_id once")
    return ids


def pool_rows(items: pd.DataFrame, name: str, pool: int | Mapping[str, Any], seed: int, where: str) -> list[int]:
    """Rows of the hardness pool.

    Args:
        items: the item table, sorted by id.
        name: the dataset's name, part of the key that draws the pool.
        pool: how many items, or `ids`, the file that names them.
        seed: the run's seed.
        where: how error messages name the items.

    Raises:
        UphillError: there are too few items, or none of a name.
    """
    size = pool if isinstance(pool, int) else 0
    if not isinstance(pool, int):
        path = Path(pool["ids"])
        try:
            named = pool_ids(path)
        except ValueError as error:
            raise UphillError(str(error)) from None
        place = {item: row for row, item in enumerate(items["item_id"])}
        unknown = [one for one in named if one not in place]
        if unknown:
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            raise UphillError(f"{path}: {unknown[0]!r} is no item of {where}{more}, expected ids of its items")
        size = len(named)
    if size >= len(items):
        raise UphillError(f"{where}: {len(items)} items, expected more than hardness_pool ({size})")
    if not isinstance(pool, int):
        return [place[one] for one in named]
    drawn: list[int] = keyed_rng("pool", name, seed).permutation(len(items))[:size].astype(np.int64).tolist()
    return drawn
