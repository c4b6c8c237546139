"""Training and test items of every train level and boot.

A cell's training items depend on its own key (dataset, variable, level, boot) and on nothing else: not on the method,
the number of boots, or the other levels. Smaller training sets, and the few-shot examples, are the first of the larger.
No test item of a boot is in any level's training set, so that every condition answers the same questions and
comparisons are paired.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from uphill.errors import UphillError
from uphill.level_names import in_order
from uphill.randomness import keyed_rng
from uphill.schemas import ALL, EXPERIMENT_POOL

COLUMNS = ["train_on", "boot", "item_id", "role", "rank", "noise_draw"]


@dataclass(frozen=True)
class SplitSettings:
    """Who trains and who tests.

    Attributes:
        boots: independent draws of the training items.
        n_train: training items of a level and boot.
        n_test: test items, equal shares a level, the same in every boot; None tests all that a boot does not train on.
        min_test: items that a level must keep for testing.
        own_test: published switch: without `n_test`, a level tests on all that it does not train on itself, though
            another level may train on it; conditions are then not paired.
        fixed_noise: published switch: noise falls on the same ranks in every boot.
        seed: the run's seed.
    """

    boots: int
    n_train: int
    n_test: int | None
    min_test: int
    seed: int
    own_test: bool = False
    fixed_noise: bool = False


def draw_splits(levels: pd.Series, dataset: str, variable: str, settings: SplitSettings) -> pd.DataFrame:
    """Rows (train_on, boot, item_id, role, rank, noise_draw) of one variable.

    Args:
        levels: level of each item of the experiment pool, indexed by item_id.
        dataset: the dataset's name, part of every draw's key.
        variable: the variable's name, likewise.
        settings: sizes and seed.

    Raises:
        UphillError: a level is too small to train on and still test on.
    """
    pools = _pools(levels)
    reserved = _reserved(pools, dataset, settings)
    check_sizes(levels, dataset, variable, settings)
    open_pools = {level: [item for item in pool if item not in reserved[level]] for level, pool in pools.items()}
    parts = []
    for boot in range(settings.boots):
        train = {level: _train(pool, dataset, variable, level, boot, settings) for level, pool in open_pools.items()}
        for level, chosen in train.items():
            untested = [chosen] if settings.own_test else list(train.values())
            test = _test(pools, reserved, untested, settings)
            parts.append(pd.concat([chosen, test]).assign(train_on=level, boot=boot))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def check_sizes(levels: pd.Series, dataset: str, variable: str, settings: SplitSettings) -> None:
    """Whether each level is large enough to train on and still test on; arguments as for `draw_splits`.

    Raises:
        UphillError: one is not; the message counts all of them.
    """
    pools = _pools(levels)
    for (level, pool), share in zip(sorted(pools.items()), _shares(len(pools), settings), strict=True):
        needed = settings.n_train + max(settings.min_test, share)
        if len(pool) < needed:
            counts = ", ".join(f"{len(pools[name])} {name}" for name in in_order(pools))
            raise UphillError(
                f"dataset {dataset!r}, variable {variable!r}: level {level!r} has {len(pool)} items, expected at least "
                f"{needed} (n_train {settings.n_train} + {needed - settings.n_train} to test on); all levels: {counts}"
            )


def _pools(levels: pd.Series) -> dict[str, list[str]]:
    """The items of each level, by id."""
    return {str(level): sorted(members.index) for level, members in levels.groupby(levels.astype(str))}


def _shares(levels: int, settings: SplitSettings) -> list[int]:
    """Test items that each level gives, in the order of their names; 0 where everything left over is tested."""
    total = settings.n_test or 0
    return [total // levels + (number < total % levels) for number in range(levels)]


def _reserved(pools: dict[str, list[str]], dataset: str, settings: SplitSettings) -> dict[str, set[str]]:
    """Test items of each level that nobody trains on; none where everything left over is tested.

    The order in which a level gives its share is keyed by the dataset alone, so that variables test on nearly the same
    items.
    """
    if settings.n_test is None:
        return {level: set() for level in pools}
    held = {}
    for (level, pool), share in zip(sorted(pools.items()), _shares(len(pools), settings), strict=True):
        places = {item: keyed_rng("test", dataset, item, settings.seed).random() for item in pool}
        held[level] = set(sorted(pool, key=places.__getitem__)[:share])
    return held


def _test(
    pools: dict[str, list[str]], reserved: dict[str, set[str]], train: list[pd.DataFrame], settings: SplitSettings
) -> pd.DataFrame:
    """A boot's test items, in id order."""
    if settings.n_test is None:
        taken = {item for chosen in train for item in chosen["item_id"]}
        items = sorted(item for pool in pools.values() for item in pool if item not in taken)
    else:
        items = sorted(item for held in reserved.values() for item in held)
    return pd.DataFrame({"item_id": items, "role": "test", "rank": range(len(items)), "noise_draw": np.nan})


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


def experiment_levels(items: pd.DataFrame, hardness: pd.DataFrame, variable: str) -> pd.Series:
    """Level of each item of the experiment pool by `variable`, indexed by item_id; of no variable, `all` for each.

    Args:
        items: the item table.
        hardness: the hardness table.
        variable: one of its variables, or `all`.

    Raises:
        UphillError: the hardness table lacks the variable.
    """
    pool = items.loc[items["pool"] == EXPERIMENT_POOL, "item_id"]
    if variable == ALL:
        return pd.Series(ALL, index=list(pool))
    levels = hardness[hardness["variable"] == variable].set_index("item_id")["level"]
    if levels.empty:
        raise UphillError(f"no variable {variable!r}, expected one of {', '.join(sorted(set(hardness['variable'])))}")
    return levels.loc[list(pool)]
