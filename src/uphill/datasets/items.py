"""The item table: rows of any source, checked one by one, with a pool for each."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from uphill import registry
from uphill.datasets.binary import as_binary, even
from uphill.datasets.cells import is_blank
from uphill.datasets.interface import source_of
from uphill.datasets.looks import looked_at
from uphill.datasets.pools import Pools, with_pools
from uphill.datasets.stress import Stress, stressed
from uphill.errors import UphillError
from uphill.schemas.items import ITEMS

ROW_COLUMNS = ("item_id", "question", "choices", "answer_idx", "answer_text", "reasoning")
ITEM_COLUMNS = (*ROW_COLUMNS, "pool")
"""Names that no metadata may have."""


def problems(row: dict[str, Any], answered: bool = True) -> Iterator[str]:
    """What is wrong with one row, in words that say what was expected.

    Args:
        row: the columns of every item.
        answered: whether the source says what is right, which it need not where answers are written.
    """
    if not _is_text(row["question"]):
        yield "question is empty, expected text"
    choices = row["choices"]
    if not isinstance(choices, list):
        yield f"choices is {choices!r}, expected a list of texts"
        return
    if len(choices) == 1:
        yield "one choice, expected none (a generative item) or at least two"
    if not all(_is_text(choice) for choice in choices):
        yield "a choice is empty, expected text"
    answer = row["answer_idx"]
    if choices and not (isinstance(answer, int | np.integer) and 0 <= answer < len(choices)):
        yield f"answer_idx is {answer!r}, outside the choices, expected 0 to {len(choices) - 1}"
    elif choices and [str(choice).strip() for choice in choices].count(str(choices[answer]).strip()) > 1:
        # Two equal wrong choices do occur in published data, and make no answer ambiguous.
        yield "a choice occurs twice and is the right one, expected one right choice"
    if answered and not choices and not _is_text(row["answer_text"]):
        yield "answer_text is empty, expected the gold answer of a generative item"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not is_blank(value)


def check_rows(rows: pd.DataFrame, where: str, answered: bool = True) -> None:
    """Check every row of a source, one that tells the right answers unless not `answered`.

    Raises:
        UphillError: names `where`, the first bad row by id (or by number, if it has none) and what was expected.
    """
    missing = [name for name in ROW_COLUMNS if name not in rows.columns]
    if missing:
        raise UphillError(f"{where}: no column {missing[0]!r}, expected the columns {', '.join(ROW_COLUMNS)}")
    if rows.empty:
        raise UphillError(f"{where}: no rows, expected at least one item")
    seen: set[str] = set()
    for number, row in enumerate(rows[list(ROW_COLUMNS)].to_dict("records"), start=1):
        item_id = row["item_id"]
        if not _is_text(item_id):
            raise UphillError(f"{where}: row {number}: item_id is empty, expected a unique text")
        if item_id in seen:
            raise UphillError(f"{where}: row {number}: item_id {item_id!r} occurs twice, expected unique ids")
        seen.add(item_id)
        for problem in problems(row, answered):
            raise UphillError(f"{where}: row {number} (item_id {item_id!r}): {problem}")


def build_items(
    rows: pd.DataFrame,
    name: str,
    pools: Pools,
    seed: int,
    where: str | None = None,
    answered: bool = True,
    limit: int | None = None,
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """The item table of a dataset: checked rows, sorted by id, each in one pool.

    Args:
        rows: what a source module's `load` returned.
        name: the dataset's name, part of the key that draws the pools.
        pools: what is set aside, such as items that hardness models train on (spec: Hase et al. 2024, section 3.2).
        seed: the run's seed.
        where: how error messages name the source; `name` unless given.
        answered: whether the source tells the right answers.
        limit: how many items are kept, each in the pool that it has among all; None keeps all.
        change: what is done to all items once they have their pools.

    Raises:
        UphillError: a bad row, or pools that cannot be made of these items.
    """
    where = where or f"dataset {name!r}"
    check_rows(rows, where, answered)
    # Sorting first makes the table independent of the order of the source's rows, which the index keeps.
    items = rows.reset_index(drop=True).sort_values("item_id", kind="stable")
    items = with_pools(items, name, pools, seed, where)
    if change is not None:
        items = change(items)
        check_rows(items, where, answered)
    items = looked_at(items, limit, name, seed).reset_index(drop=True)
    items["answer_idx"] = items["answer_idx"].astype("Int64")
    has_choices = items["choices"].map(len) > 0
    items.loc[has_choices, "answer_text"] = [
        row.choices[row.answer_idx] for row in items[has_choices].itertuples(index=False)
    ]
    metadata = [column for column in items.columns if column not in ITEMS.schema.names]
    return items[[*ITEMS.schema.names, *metadata]]


def make_items(settings: Mapping[str, Any]) -> pd.DataFrame:
    """The item table of a dataset from its source.

    Args:
        settings: `kind`, the source module; `source`, its settings; `dataset`, `pools` and `seed`; `binary`, where
            items are made true or false; `stress`, where they are changed; `limit`, where some are kept alone.

    Raises:
        UphillError: as `build_items`, or the source cannot be read.
    """
    kind, entry = source_of(settings["kind"]), settings["source"]
    where = next((str(entry[key]) for key in ("path", "folder", "hub_id") if entry.get(key)), None)
    known = registry.settings_of(kind, entry)
    rows = kind.load(known)
    # As JSON has it: a path is a text there.
    pools = registry.strict(Pools, settings["pools"])
    answered = getattr(known, "answered", True)
    change = _change(settings, where or f"dataset {settings['dataset']!r}")
    return build_items(
        rows, settings["dataset"], pools, settings["seed"], where, answered, settings.get("limit"), change
    )


def _change(settings: Mapping[str, Any], where: str) -> Callable[[pd.DataFrame], pd.DataFrame] | None:
    """What a config asks to be done to items, if anything."""
    name, seed = settings["dataset"], settings["seed"]
    binary = partial(_binary, name, seed, where) if settings.get("binary") else None
    if settings.get("stress"):
        stress = registry.strict(Stress, settings["stress"])
        return lambda items: stressed(items, stress, binary, seed, where)
    return binary


def _binary(
    name: str, seed: int, where: str, items: pd.DataFrame, share: Callable[[Mapping[str, Any]], float] = even
) -> pd.DataFrame:
    return as_binary(items, name, seed, where, share)
