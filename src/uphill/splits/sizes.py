"""Whether levels are large enough to train on and to test on."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pandas as pd

from uphill.errors import UphillError
from uphill.splits.folds import Members, folds_of, trainable
from uphill.splits.settings import SplitSettings

TRAIN, TEST, BOTH = "train on", "test", "train on and test; other cuts may give some"


def members(levels: pd.Series) -> dict[str, list[str]]:
    """The items of each level, by id."""
    return {str(level): sorted(own.index) for level, own in levels.groupby(levels.astype(str))}


def check_sizes(
    levels: pd.Series, dataset: str, variable: str, settings: SplitSettings, tested: pd.Series | None = None
) -> None:
    """Whether each level is large enough to train on and still test on.

    Args:
        levels: of the items of the experiment pool, by item_id.
        dataset: the dataset's name.
        variable: what its levels are cut by.
        settings: what is asked of them.
        tested: levels of the items of the test pool, if there is one.

    Raises:
        UphillError: one is not, and the message counts all of them and says which sizes would do; or a level that is
            asked for has no item, or the easiest or the hardest has none where every level is.
    """
    where, pools = f"dataset {dataset!r}, variable {variable!r}", members(levels)
    held = None if tested is None else members(tested)
    try:
        _check(pools, held, dataset, where, settings)
    except UphillError as error:
        raise UphillError(f"{error}{_instead(pools, held, dataset, settings)}") from None


def _check(pools: Members, tested: Members | None, dataset: str, where: str, settings: SplitSettings) -> None:
    if tested is not None:
        _check_two_pools(pools, tested, where, settings)
        return
    for level, use in _asked_for(settings):
        if level not in pools:
            raise UphillError(f"{where}: no item of level {level!r} to {use}; all levels: {_counted(pools, settings)}")
    for level, share in zip(sorted(pools), settings.shares(len(pools)), strict=True):
        _check_share(level, share, pools, where, settings)
        if not settings.folds:
            _check_level(level, share, pools, where, settings)
    if settings.folds:
        _check_folds(pools, dataset, where, settings)


def _instead(pools: Members, tested: Members | None, dataset: str, settings: SplitSettings) -> str:
    """Sizes that would do, as the end of a line: what is asked for in proportion, then each as large as it may be."""
    asked = {"n_train": settings.n_train, "min_test": settings.min_test, "n_test": settings.n_test or 0}
    least = {"n_train": 1, "min_test": 1, "n_test": len(pools if tested is None else tested) if settings.n_test else 0}

    def fits(sizes: Mapping[str, int]) -> bool:
        tried = replace(settings, n_train=sizes["n_train"], min_test=sizes["min_test"], n_test=sizes["n_test"] or None)
        try:
            _check(pools, tested, dataset, "", tried)
        except UphillError:
            return False
        return True

    def in_proportion(part: int) -> dict[str, int]:
        return {name: max(least[name], size * part // settings.n_train) for name, size in asked.items()}

    def raised(name: str) -> int:
        return _most(found[name], asked[name], lambda size: fits({**found, name: size}))

    found = in_proportion(_most(1, settings.n_train, lambda part: fits(in_proportion(part))))
    if not fits(found):
        return ""
    for name in ("min_test", "n_test", "n_train"):
        found[name] = raised(name)
    said = [f"{name} {size}" for name, size in found.items() if asked[name]]
    return f"; {', '.join(said[:-1])} and {said[-1]} would do"


def _most(least: int, asked: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `asked` that fits, if none fits that is larger than one that does not; or `least`."""
    return least + max(0, bisect_left(range(least, asked + 1), True, key=lambda number: not fits(number)) - 1)


def _check_level(level: str, share: int, pools: Members, where: str, settings: SplitSettings) -> None:
    """A level whose items are trained on or tested."""
    tested = max(settings.min_test, share) if settings.tests(level) else 0
    trained = settings.drawn(level)
    needed = max(trained, tested) if settings.train_on_test else trained + tested
    if len(pools[level]) < needed:
        said = f"n_train {trained} {'and' if settings.train_on_test else '+'} {tested} to test on"
        raise _too_small(where, level, len(pools[level]), needed, said, _counted(pools, settings))


def _check_folds(pools: Members, dataset: str, where: str, settings: SplitSettings) -> None:
    """Each fold tests its share of each level, and leaves enough to train on."""
    folds = folds_of(pools, dataset, settings.boots, settings.seed)
    left = [trainable(pools, fold) for fold in folds]
    for level, share in zip(sorted(pools), settings.shares(len(pools)), strict=True):
        tested = max(settings.min_test, max(share, 1) * settings.boots) if settings.tests(level) else 0
        if len(pools[level]) < tested:
            said = f"to test, {max(share, 1)} or more in each of {settings.boots} folds"
            raise _too_small(where, level, len(pools[level]), tested, said, _counted(pools, settings))
        fewest = min(len(boot[level]) for boot in left)
        if fewest < settings.drawn(level):
            raise UphillError(
                f"{where}: level {level!r} has {len(pools[level])} items, of which {fewest} are left beside a fold, "
                f"expected at least n_train {settings.drawn(level)}; all levels: {_counted(pools, settings)}"
            )


def _check_two_pools(pools: Members, tested: Members, where: str, settings: SplitSettings) -> None:
    """Levels of the experiment pool to train on, and of the test pool to test on."""
    asked = list(_asked_for(settings))
    for level in sorted({*pools, *tested, *(level for level, _ in asked)}):
        named = any(level == one and use != TEST for one, use in asked)
        needed = settings.drawn(level) if level in {*pools, *tested} or named else 0
        if len(pools.get(level, ())) < needed:
            counts = f"{_counted(pools, settings)} of the experiment pool"
            raise _too_small(where, level, len(pools.get(level, ())), needed, "n_train", counts)
    for level, share in zip(sorted(tested), settings.shares(len(tested)), strict=True):
        _check_share(level, share, tested, where, settings)
    shares = dict(zip(sorted(tested), settings.shares(len(tested)), strict=True))
    levels = settings.test_on if settings.test_on is not None else sorted({*pools, *tested})
    for level in levels:
        needed, found = max(settings.min_test, shares.get(level, 0), 1), len(tested.get(level, ()))
        if found < needed:
            counts = f"{_counted(tested, settings)} of the test pool"
            raise _too_small(where, level, found, needed, "to test on", counts)


def _check_share(level: str, share: int, pools: Members, where: str, settings: SplitSettings) -> None:
    if settings.n_test is not None and settings.tests(level) and not share:
        raise UphillError(
            f"{where}: n_test {settings.n_test} leaves no item of level {level!r} to test, expected at least one for "
            f"each of {len(pools)} levels"
        )


def _too_small(where: str, level: str, size: int, needed: int, said: str, counts: str) -> UphillError:
    return UphillError(
        f"{where}: level {level!r} has {size} items, expected at least {needed} ({said}); all levels: {counts}"
    )


def _counted(pools: Members, settings: SplitSettings) -> str:
    order = dict.fromkeys([*settings.levels, *sorted(pools)])
    return ", ".join(f"{len(pools[name])} {name}" for name in order if name in pools) or "none"


def _asked_for(settings: SplitSettings) -> Iterator[tuple[str, str]]:
    """(level, what for) of the levels that must have items: those that are named, else the ends of what was cut."""
    yield from ((level, TEST) for level in settings.test_on or ())
    # Others are of another dataset, which is trained on and this one tested.
    named = [part for level in settings.train_on or () for part in settings.mixes.get(level, [level])]
    yield from ((level, TRAIN) for level in dict.fromkeys(named) if level in settings.levels)
    if settings.train_on is None:
        yield from ((level, BOTH) for level in dict.fromkeys([*settings.levels[:1], *settings.levels[-1:]]))
