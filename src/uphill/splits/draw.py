"""Training and test items of every train level and boot.

A cell's training items depend on its own key (dataset, variable, level, boot) and on nothing else: not on the method,
the number of boots, or the other levels. Smaller training sets, and the few-shot examples, are the first of the larger.
No test item of a boot is in any level's training set, so that every condition answers the same questions and
comparisons are paired.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.level_names import in_order, is_level
from uphill.randomness import keyed_rng
from uphill.schemas import ALL, EXPERIMENT_POOL, LEVELS

COLUMNS = ["train_on", "boot", "item_id", "role", "rank", "noise_draw", "level", "value"]


@dataclass(frozen=True)
class SplitSettings:
    """Who trains and who tests.

    Attributes:
        boots: independent draws of the training items.
        n_train: training items of a level and boot.
        n_test: test items, equal shares a level, the same in every boot unless `fresh_test`; None tests all that a boot
            does not train on.
        min_test: items that a level must keep for testing.
        own_test: published switch: without `n_test`, a level tests on all that it does not train on itself, though
            another level may train on it; conditions are then not paired.
        fresh_test: published switch: the `n_test` items are drawn anew for each boot, whose levels share them.
        fixed_noise: published switch: noise falls on the same ranks in every boot.
        seed: the run's seed.
        train_on: levels that are trained on; one that the dataset has not is trained on elsewhere and tested here.
            None for every level.
        test_on: levels that are tested; None for every level.
    """

    boots: int
    n_train: int
    n_test: int | None
    min_test: int
    seed: int
    own_test: bool = False
    fresh_test: bool = False
    fixed_noise: bool = False
    train_on: Sequence[str] | None = None
    test_on: Sequence[str] | None = None

    def trains(self, level: str) -> bool:
        """Whether a level is trained on."""
        return self.train_on is None or level in self.train_on

    def tests(self, level: str) -> bool:
        """Whether a level is tested."""
        return self.test_on is None or level in self.test_on


def draw_splits(graded: pd.DataFrame, dataset: str, variable: str, settings: SplitSettings) -> pd.DataFrame:
    """Rows (train_on, boot, item_id, role, rank, noise_draw, level, value) of one variable.

    Args:
        graded: level and value of each item of the experiment pool, indexed by item_id; an item may be in two bands.
        dataset: the dataset's name, part of every draw's key.
        variable: the variable's name, likewise.
        settings: sizes, levels and seed.

    Raises:
        UphillError: a level is too small to train on and still test on.
    """
    pools = _pools(graded["level"])
    check_sizes(graded["level"], dataset, variable, settings)
    parts = []
    for boot in range(settings.boots):
        if boot == 0 or settings.fresh_test:
            reserved = _reserved(pools, dataset, boot, settings)
            held = set().union(*reserved.values())
        open_pools = {
            level: [item for item in pool if item not in held]
            for level, pool in pools.items()
            if settings.trains(level)
        }
        train = {level: _train(pool, dataset, variable, level, boot, settings) for level, pool in open_pools.items()}
        for level in settings.train_on or train:
            own = [train[level].assign(level=level)] if level in train else []
            untested = own if settings.own_test else list(train.values())
            test = _test(pools, reserved, untested, settings)
            parts.append(pd.concat([*own, test]).assign(train_on=level, boot=boot))
    rows = pd.concat(parts, ignore_index=True)
    values = graded.reset_index(names="item_id")[["item_id", "level", "value"]]
    return rows.merge(values, on=["item_id", "level"], how="left")[COLUMNS]


def check_sizes(levels: pd.Series, dataset: str, variable: str, settings: SplitSettings) -> None:
    """Whether each level is large enough to train on and still test on.

    Raises:
        UphillError: one is not, and the message counts all of them; or a level that is asked for has no item, or easy
            or hard has none where every level is.
    """
    pools = _pools(levels)
    counts = ", ".join(f"{len(pools[name])} {name}" for name in in_order(pools)) or "none"
    for level, use in _asked_for(pools, settings):
        if level not in pools:
            raise UphillError(
                f"dataset {dataset!r}, variable {variable!r}: no item of level {level!r} to {use}; all levels: {counts}"
            )
    for (level, pool), share in zip(sorted(pools.items()), _shares(len(pools), settings), strict=True):
        tested = max(settings.min_test, share) if settings.tests(level) else 0
        needed = settings.n_train * settings.trains(level) + tested
        if settings.n_test is not None and settings.tests(level) and not share:
            raise UphillError(
                f"dataset {dataset!r}, variable {variable!r}: n_test {settings.n_test} leaves no item of level "
                f"{level!r} to test, expected at least one for each of {len(pools)} levels"
            )
        if len(pool) < needed:
            raise UphillError(
                f"dataset {dataset!r}, variable {variable!r}: level {level!r} has {len(pool)} items, expected at least "
                f"{needed} (n_train {needed - tested} + {tested} to test on); all levels: {counts}"
            )


def _asked_for(pools: Collection[str], settings: SplitSettings) -> Iterator[tuple[str, str]]:
    """(level, what for) of the levels that must have items: those that are named, else the ends of what was cut."""
    yield from ((level, "test") for level in settings.test_on or ())
    if all(map(is_level, pools)):
        # Rungs, in contrast, may be of another dataset, which is trained on and this one tested.
        yield from ((level, "train on") for level in settings.train_on or ())
    if settings.train_on is None and set(pools) <= set(LEVELS):
        yield from ((level, "train on and test; other cuts may give some") for level in (LEVELS[0], LEVELS[-1]))


def _pools(levels: pd.Series) -> dict[str, list[str]]:
    """The items of each level, by id."""
    return {str(level): sorted(members.index) for level, members in levels.groupby(levels.astype(str))}


def _shares(levels: int, settings: SplitSettings) -> list[int]:
    """Test items that each level gives, in the order of their names; 0 where everything left over is tested."""
    total = settings.n_test or 0
    return [total // levels + (number < total % levels) for number in range(levels)]


def _reserved(pools: dict[str, list[str]], dataset: str, boot: int, settings: SplitSettings) -> dict[str, set[str]]:
    """Test items of each level that nobody of a boot trains on; none where everything left over is tested.

    The order in which a level gives its share is keyed by the dataset, and by the boot where boots have test items of
    their own, so that variables test on nearly the same items.
    """
    if settings.n_test is None:
        return {level: set() for level in pools}
    held, own = {}, [boot] if settings.fresh_test else []
    for (level, pool), share in zip(sorted(pools.items()), _shares(len(pools), settings), strict=True):
        places = {item: keyed_rng("test", dataset, item, *own, settings.seed).random() for item in pool}
        held[level] = set(sorted(pool, key=places.__getitem__)[:share]) if settings.tests(level) else set()
    return held


def _test(
    pools: dict[str, list[str]], reserved: dict[str, set[str]], train: list[pd.DataFrame], settings: SplitSettings
) -> pd.DataFrame:
    """A boot's test items, in id order."""
    taken = {item for chosen in train for item in chosen["item_id"]}
    found = [
        (item, level)
        for level, pool in pools.items()
        if settings.tests(level)
        for item in (pool if settings.n_test is None else reserved[level])
        if item not in taken
    ]
    items = pd.DataFrame(sorted(found), columns=["item_id", "level"])
    return items.assign(role="test", rank=range(len(items)), noise_draw=np.nan)


def _train(
    pool: list[str], dataset: str, variable: str, level: str, boot: int, settings: SplitSettings
) -> pd.DataFrame:
    rng = keyed_rng("train", dataset, variable, level, boot, settings.seed)
    order = rng.permutation(len(pool))[: settings.n_train]
    noise_boot = 0 if settings.fixed_noise else boot
    noise = keyed_rng("noise", dataset, variable, level, noise_boot, settings.seed).random(len(order))
    return pd.DataFrame(
        {
            "item_id": [pool[index] for index in order],
            "role": "train",
            "rank": range(len(order)),
            "noise_draw": noise,
        }
    )


def experiment_levels(
    items: pd.DataFrame, hardness: pd.DataFrame, variable: str, bands: Mapping[str, Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Level and value of each item of the experiment pool by `variable`, indexed by item_id.

    Of no variable, the level is `all` and there is no value. With bands, a band's name is the level of its items, and
    an item in none is left out.

    Args:
        items: the item table.
        hardness: rows of the hardness table, of that variable or of those of the bands.
        variable: one of its variables, `all`, or what the bands are called together.
        bands: by name, a variable with a level of it, or with `min` and `max`.

    Raises:
        UphillError: the hardness table lacks the variable, or a band has no item.
    """
    pool = items.loc[items["pool"] == EXPERIMENT_POOL, "item_id"]
    if bands:
        found = {name: _band(_of(hardness, band["variable"], pool), band) for name, band in bands.items()}
        for name, members in found.items():
            if members.empty:
                raise UphillError(f"rung {name!r}: no item {_said(bands[name])}, expected some to train on or to test")
        return pd.concat([members.assign(level=name) for name, members in found.items()])
    if variable == ALL:
        return pd.DataFrame({"level": ALL, "value": np.nan}, index=list(pool))
    return _of(hardness, variable, pool)


def _of(hardness: pd.DataFrame, variable: str, pool: pd.Series) -> pd.DataFrame:
    rows = hardness[hardness["variable"] == variable].set_index("item_id")[["level", "value"]]
    if rows.empty:
        raise UphillError(f"no variable {variable!r}, expected one of {', '.join(sorted(set(hardness['variable'])))}")
    return rows.loc[list(pool)]


def _said(band: Mapping[str, Any]) -> str:
    """What a band's items have, in a message."""
    if band["level"] is not None:
        return f"of level {band['level']!r} of variable {band['variable']!r}"
    ends = [f"{end} {band[end]:g}" for end in ("min", "max") if band[end] is not None]
    return f"whose {band['variable']!r} has {' and '.join(ends)}"


def _band(graded: pd.DataFrame, band: Mapping[str, Any]) -> pd.DataFrame:
    """The items of a band."""
    if band["level"] is not None:
        return graded[graded["level"] == band["level"]]
    low, high = band["min"], band["max"]
    value = graded["value"]
    return graded[(value >= (-np.inf if low is None else low)) & (value <= (np.inf if high is None else high))]
