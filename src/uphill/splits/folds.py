"""Folds: each item of a level is tested in one boot, in which nobody trains on it."""

from collections.abc import Mapping, Sequence

from uphill.randomness import keyed_rng

Members = Mapping[str, Sequence[str]]
"""Items of each level."""


def folds_of(pools: Members, dataset: str, folds: int, seed: int) -> list[dict[str, list[str]]]:
    """Each fold's items by level; within a level, folds differ by one item at most.

    The order in which a level deals its items out is keyed by the item, so that variables have nearly the same folds.

    Args:
        pools: items of each level.
        dataset: the dataset's name, part of the key.
        folds: how many.
        seed: the run's seed.
    """
    found: list[dict[str, list[str]]] = [{} for _ in range(folds)]
    dealt = 0
    for level, pool in sorted(pools.items()):
        places = {item: keyed_rng("fold", dataset, item, seed).random() for item in pool}
        order = sorted(pool, key=places.__getitem__)
        for number, fold in enumerate(found):
            # Each level goes on where the one before ended, so that what does not divide falls on no fold twice.
            fold[level] = sorted(order[(number - dealt) % folds :: folds])
        dealt += len(order)
    return found


def trainable(pools: Members, fold: Members) -> dict[str, list[str]]:
    """The items of each level that nobody tests in a fold's boot, as an item may be of two levels."""
    held = {item for items in fold.values() for item in items}
    return {level: [item for item in pool if item not in held] for level, pool in pools.items()}
