"""Training and test items of every train level and boot.

A cell's training items depend on its own key (dataset, variable, level, boot) and on nothing else: not on the method,
the number of boots, or the other levels; a mix of levels is of their own draws, as many items of each. Smaller training
sets, and the few-shot examples, are the first of the larger.
No test item of a boot is in any level's training set, so that every condition answers the same questions and
comparisons are paired. Where a dataset has a test pool, its items alone are tested.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.randomness import keyed_rng
from uphill.splits.folds import Members, folds_of
from uphill.splits.settings import SplitSettings
from uphill.splits.sizes import check_sizes, members

COLUMNS = ["train_on", "boot", "item_id", "role", "rank", "noise_draw", "level", "value"]
Held = Mapping[str, set[str]]
"""Test items of each level that were chosen before anybody trains."""


def draw_splits(
    graded: pd.DataFrame, dataset: str, variable: str, settings: SplitSettings, tested: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rows (train_on, boot, item_id, role, rank, noise_draw, level, value) of one variable.

    Args:
        graded: level and value of each item of the experiment pool, indexed by item_id; an item may be of two levels.
        dataset: the dataset's name, part of every draw's key.
        variable: the variable's name, likewise.
        settings: sizes, levels and seed.
        tested: as `graded`, of the test pool, if there is one.

    Raises:
        UphillError: a level is too small to train on and still test on.
    """
    check_sizes(graded["level"], dataset, variable, settings, None if tested is None else tested["level"])
    pools = members(graded["level"])
    asked = pools if tested is None else members(tested["level"])
    parts = []
    for boot, (reserved, held) in enumerate(_boots(asked, dataset, settings)):
        open_pools = {
            level: [item for item in pool if item not in held] for level, pool in pools.items() if settings.drawn(level)
        }
        train = {level: _train(pool, dataset, variable, level, boot, settings) for level, pool in open_pools.items()}
        cells = {level: rows for level, rows in train.items() if settings.alone(level)} | {
            name: _mixed([train[part] for part in parts], settings.n_train) for name, parts in settings.mixes.items()
        }
        for level in settings.train_on or train:
            own = [cells[level]] if level in cells else []
            untested = own if settings.own_test else [] if settings.train_on_test else list(train.values())
            test = _test(asked, reserved, untested, settings)
            parts.append(pd.concat([*own, test]).assign(train_on=level, boot=boot))
    rows = pd.concat(parts, ignore_index=True)
    known = graded if tested is None else pd.concat([graded, tested])
    values = known.reset_index(names="item_id")[["item_id", "level", "value"]]
    return rows.merge(values, on=["item_id", "level"], how="left")[COLUMNS]


def _boots(pools: Members, dataset: str, settings: SplitSettings) -> Iterable[tuple[Held, set[str]]]:
    """Of each boot, the test items that are chosen beforehand, and all items that nobody trains on."""
    folds = folds_of(pools, dataset, settings.boots, settings.seed) if settings.folds else []
    once = _reserved(pools, dataset, 0, settings)
    for boot in range(settings.boots):
        own = settings.fresh_test and boot > 0
        reserved = _reserved(pools, dataset, boot, settings) if own else once
        held = set().union(*reserved.values())
        if folds:
            fold = folds[boot]
            reserved = _reserved(fold, dataset, 0, settings) if settings.n_test else _tested(fold, settings)
            held = set().union(*fold.values())
        yield reserved, set() if settings.train_on_test else held


def _tested(pools: Members, settings: SplitSettings) -> dict[str, set[str]]:
    return {level: set(pool) if settings.tests(level) else set() for level, pool in pools.items()}


def _reserved(pools: Members, dataset: str, boot: int, settings: SplitSettings) -> dict[str, set[str]]:
    """Test items of each level that nobody of a boot trains on; none where everything left over is tested.

    The order in which a level gives its share is keyed by the dataset, and by the boot where boots have test items of
    their own, so that variables test on nearly the same items.
    """
    if settings.n_test is None:
        return {level: set() for level in pools}
    held, own = {}, [boot] if settings.fresh_test else []
    for (level, pool), share in zip(sorted(pools.items()), settings.shares(len(pools)), strict=True):
        places = {item: keyed_rng("test", dataset, item, *own, settings.seed).random() for item in pool}
        held[level] = set(sorted(pool, key=places.__getitem__)[:share]) if settings.tests(level) else set()
    return held


def _test(pools: Members, reserved: Held, train: list[pd.DataFrame], settings: SplitSettings) -> pd.DataFrame:
    """A boot's test items, in id order."""
    taken = {item for chosen in train for item in chosen["item_id"]}
    chosen = settings.n_test is not None or settings.folds
    found = [
        (item, level)
        for level, pool in pools.items()
        if settings.tests(level)
        for item in (reserved[level] if chosen else pool)
        if item not in taken
    ]
    items = pd.DataFrame(sorted(found), columns=["item_id", "level"])
    return items.assign(role="test", rank=range(len(items)), noise_draw=np.nan)


def _train(
    pool: list[str], dataset: str, variable: str, level: str, boot: int, settings: SplitSettings
) -> pd.DataFrame:
    count = settings.drawn(level)
    if len(pool) < count:
        raise UphillError(
            f"dataset {dataset!r}, variable {variable!r}: {len(pool)} items of level {level!r} are not tested, "
            f"expected at least n_train {count}; test fewer, or levels that share no items"
        )
    rng = keyed_rng("train", dataset, variable, level, boot, settings.seed)
    order = rng.permutation(len(pool))[:count]
    noise_boot = 0 if settings.fixed_noise else boot
    noise = keyed_rng("noise", dataset, variable, level, noise_boot, settings.seed).random(len(order))
    return pd.DataFrame(
        {
            "item_id": [pool[index] for index in order],
            "role": "train",
            "rank": range(len(order)),
            "noise_draw": noise,
            "level": level,
        }
    )


def _mixed(parts: list[pd.DataFrame], n_train: int) -> pd.DataFrame:
    """The first items of several levels in turn, so that any first few are of each level alike, to one item."""
    turns = pd.concat([rows.assign(turn=number) for number, rows in enumerate(parts)])
    chosen = turns.sort_values(["rank", "turn"], kind="stable").head(n_train)
    return chosen.assign(rank=range(len(chosen))).drop(columns="turn")
