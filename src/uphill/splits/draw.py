"""Training and test items of every train level and boot.

A cell's training items depend on its own key (dataset, variable, level, boot) and on nothing else: not on the method,
the number of boots, or the other levels. Smaller training sets, and the few-shot examples, are the first of the larger.
Test items of a boot are in no level's training set, so that every condition answers the same questions and comparisons
are paired.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from uphill.errors import UphillError
from uphill.randomness import keyed_rng
from uphill.schemas import ALL, EXPERIMENT_POOL

COLUMNS = ["train_on", "boot", "item_id", "role", "rank", "noise_draw"]


@dataclass(frozen=True)
class SplitSettings:
    """Who trains and who tests.

    Attributes:
        boots: independent draws of the training items.
        n_train: training items of a level and boot.
        n_test: test items of a boot, equal shares a level; None tests all that are left.
        min_test: items that a level must keep for testing.
        seed: the run's seed.
    """

    boots: int
    n_train: int
    n_test: int | None
    min_test: int
    seed: int


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
    pools = {str(level): sorted(members.index) for level, members in levels.groupby(levels.astype(str))}
    for level, pool in pools.items():
        if len(pool) < settings.n_train + settings.min_test:
            raise UphillError(
                f"dataset {dataset!r}, variable {variable!r}: level {level!r} has {len(pool)} items, expected at least "
                f"{settings.n_train + settings.min_test} (n_train {settings.n_train} + min_test {settings.min_test})"
            )
    parts = [part for boot in range(settings.boots) for part in _boot(pools, dataset, variable, boot, settings)]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _boot(
    pools: dict[str, list[str]], dataset: str, variable: str, boot: int, settings: SplitSettings
) -> Iterator[pd.DataFrame]:
    train = {level: _train(pool, dataset, variable, level, boot, settings) for level, pool in pools.items()}
    taken = {item for chosen in train.values() for item in chosen["item_id"]}
    test = pd.DataFrame({"item_id": _test(pools, taken, dataset, settings)})
    test["role"], test["rank"], test["noise_draw"] = "test", range(len(test)), None
    for level, chosen in train.items():
        yield pd.concat([chosen, test.astype({"noise_draw": float})]).assign(train_on=level, boot=boot)


def _train(
    pool: list[str], dataset: str, variable: str, level: str, boot: int, settings: SplitSettings
) -> pd.DataFrame:
    rng = keyed_rng("train", dataset, variable, level, boot, settings.seed)
    order = rng.permutation(len(pool))[: settings.n_train]
    noise = keyed_rng("noise", dataset, variable, level, boot, settings.seed).random(len(order))
    return pd.DataFrame(
        {
            "item_id": [pool[index] for index in order],
            "role": "train",
            "rank": range(len(order)),
            "noise_draw": noise,
        }
    )


def _test(pools: dict[str, list[str]], taken: set[str], dataset: str, settings: SplitSettings) -> list[str]:
    """Test items in id order: all that nobody trains on, or equal shares of each level.

    The order in which a level gives its share is keyed by the dataset alone, so that boots and variables test on nearly
    the same items and their comparisons have less noise.
    """
    chosen: list[str] = []
    for number, level in enumerate(sorted(pools)):
        left = [item for item in pools[level] if item not in taken]
        if settings.n_test is not None:
            share = settings.n_test // len(pools) + (number < settings.n_test % len(pools))
            places = {item: keyed_rng("test", dataset, item, settings.seed).random() for item in left}
            left = sorted(left, key=places.__getitem__)[:share]
        chosen += left
    return sorted(chosen)


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
