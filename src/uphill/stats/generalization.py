"""The generalization gap: what a condition loses between items like those it was trained on and other items."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import COVERAGE, DRAWS, FloatArray, check_settings, chunked_counts, resample_counts
from uphill.stats.paired import Difference, accuracy, mean_of_means, summarised, tested_cells


def generalization_gap(
    target: npt.ArrayLike, own: npt.ArrayLike, rng: np.random.Generator, draws: int = DRAWS, coverage: float = COVERAGE
) -> Difference:
    """accuracy(target) - accuracy(own): below 0 where a condition does worse than on its training level's test items.

    Both are items x boots of *one* condition, with the same items as rows and the same boots as columns; an item that
    is not in a group is NaN in all of that group's boots. Boots are resampled jointly, since one training run was
    tested on both groups. Items are resampled within the target alone, within the training level alone and within what
    the two share, each to its own number: disjoint groups vary independently, shared items move both accuracies.

    Raises ValueError for what `accuracy` refuses, for other shapes, and where the two differ on a shared item's result.

    Source: Hase et al. 2024, section 8.4 of the specification (test_acc - test_acc_train_distr); the interval is ours.
    """
    check_settings(draws, coverage)
    point = accuracy(target) - accuracy(own)
    first, second = _checked(target, own)
    alive = (tested_cells(first) | tested_cells(second)).any(axis=0)
    first, second = first[:, alive], second[:, alive]
    boots = resample_counts(rng, first.shape[1], draws)
    sums = _sums(first, second, rng, draws)
    right, tested = sums[:2], sums[2:]
    samples = [mean_of_means(*pair, boots) for pair in zip(right, tested, strict=True)]
    return summarised(point, samples[0] - samples[1], coverage)


def _sums(first: FloatArray, second: FloatArray, rng: np.random.Generator, draws: int) -> list[FloatArray]:
    """(draws, boots) right answers in either group, then tested items in either, over strata of the items."""
    columns = np.hstack([np.nan_to_num(first), np.nan_to_num(second), tested_cells(first), tested_cells(second)])
    stratum = tested_cells(first).any(axis=1) + 2 * tested_cells(second).any(axis=1)
    sums = np.zeros((draws, columns.shape[1]))
    # One stratum after the other: then the chunks of draws do not move the generator's stream.
    for number in (1, 2, 3):
        members = columns[stratum == number]
        if len(members):
            for chunk, items in chunked_counts(rng, len(members), draws):
                sums[chunk] += items @ members
    return np.hsplit(sums, 4)


def _checked(target: npt.ArrayLike, own: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = np.asarray(target, dtype=np.float64), np.asarray(own, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"expected the same items and boots, got shapes {first.shape} and {second.shape}")
    differ = tested_cells(first) & tested_cells(second) & (first != second)
    if differ.any():
        item, boot = (int(place) for place in np.argwhere(differ)[0])
        raise ValueError(f"item {item} has two results in boot {boot}, expected one condition's results")
    return first, second
