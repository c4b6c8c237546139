"""Pools of a dataset's items: who hardness models, supervisors and experiments train on, and what is tested alone."""

import logging
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from uphill.datasets.alike import groups_of, whole_groups
from uphill.datasets.cells import NoText, as_text, is_null
from uphill.errors import UphillError
from uphill.randomness import keyed_rng
from uphill.running.noting import AGAIN, note
from uphill.schemas.names import EXPERIMENT_POOL, HARDNESS_POOL, SUPERVISOR_POOL, TEST_POOL
from uphill.schemas.spelling import distinct

log = logging.getLogger(__name__)

MOST_NAMED = 8
"""Values of a column that a message names."""


class PoolFile(BaseModel):
    """Items that are named, such as those that a published study set aside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: Path = Field(description="A text file with one item_id a line.")

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        pool_ids(self.ids)
        return self


class Holds(BaseModel):
    """Items whose column holds one of some values."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    column: str = Field(description="A column of the dataset's metadata.")
    values: Annotated[
        list[bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | str], AfterValidator(distinct)
    ] = Field(alias="is", min_length=1, description="What it holds of these items.")


Count = Annotated[int, Field(ge=0, le=1_000_000), Tag("[count]")]
Share = Annotated[float, Field(gt=0, lt=1), Tag("[share]")]


def _number(value: Any) -> str:
    """Which of two ways to say a size is meant; the brackets keep it out of messages."""
    return "[share]" if isinstance(value, float) else "[count]"


def _size(value: Any) -> str:
    """Which of three."""
    return "[file]" if isinstance(value, Mapping | PoolFile) else _number(value)


def _tested_by(value: Any) -> str:
    """Which of three."""
    return "[column]" if isinstance(value, Mapping | Holds) else _number(value)


class Pools(BaseModel):
    """Which items are set aside, and for what. All others are the experiment pool."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hardness: Annotated[Count | Share | Annotated[PoolFile, Tag("[file]")], Discriminator(_size)] = Field(
        1000,
        description="Items to train hardness models on: how many, or a share of all that is not tested, or "
        "`{ids: FILE}`, one id a line.",
    )
    supervisor: Annotated[Count | Share, Discriminator(_number)] = Field(
        0, description="Items to train supervisors on: how many, or a share of what is neither hardness nor test."
    )
    parts: int = Field(
        1,
        ge=1,
        le=20,
        description="Equal parts that the supervisor pool is cut into, one for each teacher of a chain: the pools "
        "supervisor, supervisor_2 and so on.",
    )
    test: Annotated[Count | Share | Annotated[Holds, Tag("[column]")], Discriminator(_tested_by)] | None = Field(
        None,
        description="Items that are tested and never trained on, such as `{column: split, is: [test]}`, or how many, "
        "or a share of all, drawn by the seed; experiments then test these alone. null: what they do not train on.",
    )
    drawn: Literal["keyed", "published"] = Field(
        "keyed", description="How supervisor items are drawn: by the seed, or the first in the source's order."
    )
    question_id: str | None = Field(
        None, description="A column: of items that share its value one is kept, a tested one before others."
    )

    near: int | None = Field(
        None,
        ge=2,
        le=100,
        description="Words of a run that makes two questions near-duplicates, such as 13; so do the same words. "
        "A group of them lies in one pool: a drawn pool takes whole groups, and of a group with an item that is tested "
        "or named the others are left out. null: items are drawn one by one, and a caution says how many ask the same.",
    )

    @property
    def supervisors(self) -> list[str]:
        """Names of the parts of the supervisor pool, of which the first is called as the whole."""
        later = [f"{SUPERVISOR_POOL}_{number}" for number in range(2, self.parts + 1)]
        return [SUPERVISOR_POOL, *later] if self.supervisor else []

    @property
    def hardness_size(self) -> float:
        """How many items train hardness models, or their share."""
        return len(pool_ids(self.hardness.ids)) if isinstance(self.hardness, PoolFile) else self.hardness


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


def items_of(size: float, count: int) -> int:
    """How many of `count` items a size is, a number of them or a share, which is rounded down."""
    # A share is the number that was written: .29 of 100 are 29, and in binary a little less.
    return size if isinstance(size, int) else math.floor(Fraction(repr(size)) * count)


def with_pools(items: pd.DataFrame, name: str, pools: Pools, seed: int, where: str) -> pd.DataFrame:
    """Items with the column `pool`, without those that ask a question again. No item is in two pools.

    Args:
        items: N rows with item_id and metadata, sorted by id, whose index is their place in the source.
        name: the dataset's name, part of the key of what is drawn.
        pools: what is set aside.
        seed: the run's seed.
        where: how error messages name the items.

    Raises:
        UphillError: a column, a value or an id that no item has, an item in two pools, or none left for experiments.
    """
    tested = _holds(items, pools.test, where)
    if pools.question_id is not None:
        first = _first(items, pools.question_id, tested, where)
        items, tested = items[first], tested[first]
    groups = pd.Series(range(len(items)), index=items.index)
    if pools.near is not None:
        groups = pd.Series(groups_of(list(items["question"]), pools.near), index=items.index)
        kept = _beside_fixed(items, groups, tested, pools, where)
        items, tested, groups = items[kept], tested[kept], groups[kept]
    if isinstance(pools.test, int | float):
        size, rng = _sized("test", pools.test, len(items), where), keyed_rng("test", name, seed)
        drawn = _drawn("test", items.index[rng.permutation(len(items))], size, groups, where)
        tested = pd.Series(items.index.isin(drawn), index=items.index)
    pool = pd.Series(EXPERIMENT_POOL, index=items.index).mask(tested, TEST_POOL)
    hardness = _hardness(items, tested, groups, name, pools, seed, where)
    pool.loc[list(hardness)] = HARDNESS_POOL
    rest = pool.index[pool == EXPERIMENT_POOL]
    size = _sized("supervisor", pools.supervisor, len(rest), where)
    sizes = {"test": int(tested.sum()), "hardness": len(hardness), "supervisor": size}
    if sum(sizes.values()) >= len(items):
        said = " + ".join(f"pools.{one} ({count})" for one, count in sizes.items() if count)
        raise UphillError(f"{where}: {len(items)} items, expected more than {said}")
    rng = keyed_rng("supervisor", name, seed)
    order = rest.sort_values() if pools.drawn == "published" else rest[rng.permutation(len(rest))]
    left = _drawn("supervisor", order, size, groups, where)
    pool.loc[left] = SUPERVISOR_POOL
    for part, own in _parts(left, pools, groups, where).items():
        pool.loc[own] = part
    if pools.near is None:
        _say_what_asks_again(items, pool, where)
    return items.assign(pool=pool)


def _parts(drawn: Sequence[int], pools: Pools, groups: pd.Series, where: str) -> dict[str, list[int]]:
    """Items of each part of the supervisor pool but the first, which has the rest.

    Args:
        drawn: items of the whole pool, in order.
        pools, groups, where: as in `with_pools`.
    """
    if pools.supervisors and len(drawn) < pools.parts:
        raise UphillError(
            f"{where}: pools.parts is {pools.parts} and the supervisor pool has {len(drawn)} items, expected one each"
        )
    found, left = dict[str, list[int]](), list(drawn)
    # From the end, so that the first part stays where the source begins.
    for part in reversed(pools.supervisors[1:]):
        found[part] = _drawn("parts", pd.Index(left[::-1]), len(drawn) // pools.parts, groups, where)
        taken = set(found[part])
        left = [place for place in left if place not in taken]
    return found


def _drawn(name: str, order: pd.Index, size: int, groups: pd.Series, where: str) -> list[int]:
    """The first items of an order, in whole groups."""
    found = whole_groups(order, size, groups)
    if len(found) < size:
        raise UphillError(
            f"{where}: pools.{name} is {size} of {len(order)} items, of which whole groups of near-duplicates "
            f"(pools.near) give {len(found)}; expected another size"
        )
    return found


def _beside_fixed(items: pd.DataFrame, groups: pd.Series, tested: pd.Series, pools: Pools, where: str) -> pd.Series:
    """[N] bool: whether an item may stay: it is tested or named, or no near-duplicate of one that is.

    Raises:
        UphillError: a named item is a near-duplicate of a tested one.
    """
    fixed = tested.copy()
    if isinstance(pools.hardness, PoolFile):
        named = pd.Series(False, index=items.index)
        named[_named(items, tested, pools.hardness.ids, where)] = True
        both = named & groups.isin(set(groups[tested]))
        if both.any():
            item = items.loc[both, "item_id"].iloc[0]
            raise UphillError(
                f"{pools.hardness.ids}: {item!r} is a near-duplicate (pools.near) of an item of the test pool of "
                f"{where}, expected items of one pool each"
            )
        fixed |= named
    alike = ~fixed & groups.isin(set(groups[fixed]))
    dropped = int(alike.sum())
    log.log(
        logging.WARNING if dropped else logging.INFO,
        "%s: dropped %d of %d items, which are near-duplicates of one that is tested or named",
        *(where, dropped, len(items)),
    )
    return ~alike


def _say_what_asks_again(items: pd.DataFrame, pool: pd.Series, where: str) -> None:
    """Note how many items ask, word for word, what one of another pool asks."""
    if pool.nunique() == 1:
        return
    groups = pd.Series(groups_of(list(items["question"]), None), index=items.index)
    again = int((pool.groupby(groups).transform("nunique") > 1).sum())
    if again:
        log.warning("%s: %d items ask, word for word, what one of another pool asks", where, again)
        note(
            f"{AGAIN}{where}: {again} items ask, word for word, what one of another pool asks; "
            "pools.near keeps them together"
        )


def _sized(name: str, size: float, count: int, where: str) -> int:
    found = items_of(size, count)
    if size and not found:
        raise UphillError(f"{where}: pools.{name} is {size:g} of {count} items, which is none; expected at least one")
    return found


def _hardness(
    items: pd.DataFrame, tested: pd.Series, groups: pd.Series, name: str, pools: Pools, seed: int, where: str
) -> Sequence[int]:
    """Index of the items that train hardness models."""
    if isinstance(pools.hardness, PoolFile):
        return _named(items, tested, pools.hardness.ids, where)
    rest = items.index[~tested]
    size = _sized("hardness", pools.hardness, len(rest), where)
    order = rest[keyed_rng("pool", name, seed).permutation(len(rest))].astype(np.int64)
    return _drawn("hardness", order, size, groups, where)


def _named(items: pd.DataFrame, tested: pd.Series, path: Path, where: str) -> list[int]:
    """Index of the items that a file names."""
    try:
        ids = pool_ids(path)
    except ValueError as error:
        raise UphillError(str(error)) from None
    place = dict(zip(items["item_id"], items.index, strict=True))
    unknown = [one for one in ids if one not in place]
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UphillError(f"{path}: {unknown[0]!r} is no item of {where}{more}, expected ids of its items")
    both = [one for one in ids if tested[place[one]]]
    if both:
        more = f" (and {len(both) - 1} more)" if len(both) > 1 else ""
        raise UphillError(f"{path}: {both[0]!r} is of the test pool of {where}{more}, expected items of one pool each")
    return [place[one] for one in ids]


def _holds(items: pd.DataFrame, test: Holds | float | None, where: str) -> pd.Series:
    """[N] bool: whether an item is of the test pool by its column."""
    if not isinstance(test, Holds):
        return pd.Series(False, index=items.index)
    found = _column(items, test.column, "pools.test.column", where)
    known = list(dict.fromkeys(found.dropna()))
    for value in test.values:
        if as_text(value) not in known:
            said = ", ".join(map(repr, known[:MOST_NAMED])) + (", ..." if len(known) > MOST_NAMED else "")
            raise UphillError(
                f"{where}: pools.test.is: no item has {as_text(value)!r} in column {test.column!r}, expected one of "
                f"{said}"
            )
    return found.isin({as_text(value) for value in test.values})


def _first(items: pd.DataFrame, column: str, tested: pd.Series, where: str) -> pd.Series:
    """[N] bool: whether an item is the first with its question: a tested one, else the first by id."""
    asked = _column(items, column, "pools.question_id", where)
    if asked.isna().any():
        item = items.loc[asked.isna(), "item_id"].iloc[0]
        raise UphillError(f"{where}: item {item!r} has no {column!r}, expected the id of its question")
    again = asked.loc[(~tested).sort_values(kind="stable").index].duplicated()
    dropped = int(again.sum())
    log.log(
        logging.WARNING if dropped else logging.INFO,
        "%s: dropped %d of %d items, whose %s another has",
        *(where, dropped, len(items), column),
    )
    return ~again.reindex(items.index)


def _column(items: pd.DataFrame, column: str, key: str, where: str) -> pd.Series:
    """A column's values as texts, null where there is none."""
    if column not in items:
        raise UphillError(f"{where}: {key} is {column!r}, expected one of its columns: {', '.join(items.columns)}")
    try:
        found = [None if is_null(value) else as_text(value) for value in items[column]]
    except NoText as error:
        raise UphillError(f"{where}: {key}: a value of {column!r} {error}, expected texts or numbers") from None
    return pd.Series(found, index=items.index, dtype=object)
