"""The published analysis: a bootstrap that resamples test items and training boots, both as if there were many.

With three boots it covers too little (benchmarks/coverage.py): tables are made by `estimates` instead. It is here for
comparison, and its draws serve what a grid says that has no variance in closed form.

Source: Hase et al. 2024 (arXiv 2401.06751).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import (
    COVERAGE,
    DRAWS,
    FloatArray,
    Interval,
    check_settings,
    chunked_counts,
    percentile_interval,
    resample_counts,
)
from uphill.stats.conditions import accuracy, checked_pairs, tested_cells

# Accuracies closer than this differ by floating-point rounding only: one item in a million weighs 1e-6.
ROUNDING = 1e-12


@dataclass(frozen=True)
class BootstrapDifference:
    """accuracy(b) - accuracy(a) with its percentile interval and two-sided p-value; fractions, not percent."""

    point: float
    low: float
    high: float
    p_value: float
    draws: int


def bootstrap_accuracy(
    correct: npt.ArrayLike, rng: np.random.Generator, draws: int = DRAWS, coverage: float = COVERAGE
) -> Interval:
    """Accuracy with a percentile interval from resampling items and boots, both with replacement.

    `correct` is items x boots as in `accuracy`, with its errors. With one boot only the items vary.

    Source: Hase et al. 2024, section 8.2 of the specification; each draw is `accuracy` of the resampled matrix.
    """
    check_settings(draws, coverage)
    sample = paired_bootstrap({"correct": correct}, rng, draws)["correct"]
    return percentile_interval(accuracy(correct), sample, coverage)


def paired_bootstrap(
    conditions: Mapping[str, npt.ArrayLike], rng: np.random.Generator, draws: int = DRAWS
) -> dict[str, FloatArray]:
    """Bootstrap draws of each condition's accuracy, items resampled jointly and boots independently.

    Each condition is items x boots as in `accuracy`, the same items in the same order; the numbers of boots may
    differ. Items that no condition tested are dropped. Returns, per condition, (draws,) accuracies: draw i used the
    same items in every condition, so differences and ratios are taken draw by draw. A draw that hit no tested item
    of a condition is NaN there.

    Raises ValueError for no condition, different numbers of items, or whatever `accuracy` refuses.

    Source: Hase et al. 2024, section 8.5 of the specification.
    """
    check_settings(draws, COVERAGE)
    matrices = checked_pairs(conditions)
    # Boots are drawn before any item: then the chunks of items do not move the generator's stream.
    boots = {name: resample_counts(rng, matrix.shape[1], draws) for name, matrix in matrices.items()}
    kept = np.any([tested_cells(matrix).any(axis=1) for matrix in matrices.values()], axis=0)
    return accuracy_draws({name: matrix[kept] for name, matrix in matrices.items()}, boots, rng, draws)


def accuracy_draws(
    matrices: Mapping[str, FloatArray], boots: Mapping[str, FloatArray], rng: np.random.Generator, draws: int
) -> dict[str, FloatArray]:
    """Each matrix's accuracy in each draw, from one resample of the items and the given resamples of the boots.

    `matrices` are items x boots, checked; `boots` are (draws, boots) counts. The generator is used for the items alone.
    All right answers are summed by one matrix product per chunk. The sums are whole numbers, hence exact: a matrix's
    draws are the same to the bit whatever else is in the product.
    """
    stacked = np.hstack(list(matrices.values()))
    # Most boots of most conditions test every item, so that few columns tell which were tested.
    tested, place = np.unique(tested_cells(stacked), axis=1, return_inverse=True)
    columns = np.hstack([np.nan_to_num(stacked), tested])
    ends = np.cumsum([matrix.shape[1] for matrix in matrices.values()])
    samples = {name: np.empty(draws) for name in matrices}
    for chunk, items in chunked_counts(rng, len(stacked), draws):
        sums = items @ columns
        for (name, sample), end in zip(samples.items(), ends, strict=True):
            own = slice(end - matrices[name].shape[1], end)
            sample[chunk] = mean_of_means(sums[:, own], sums[:, stacked.shape[1] + place[own]], boots[name][chunk])
    return samples


def bootstrap_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, rng: np.random.Generator, draws: int = DRAWS, coverage: float = COVERAGE
) -> BootstrapDifference:
    """accuracy(b) - accuracy(a) on the same items, with interval and two-sided p-value.

    `a` and `b` are items x boots, paired by row as in `paired_bootstrap`, with its errors. The p-value is the share of
    draws, centred on their mean, at least as far from 0 as the observed difference; its resolution is 1 / draws.

    Source: Hase et al. 2024, sections 8.3 and 8.5 of the specification.
    """
    check_settings(draws, coverage)
    samples = paired_bootstrap({"a": a, "b": b}, rng, draws)
    return summarised(accuracy(b) - accuracy(a), samples["b"] - samples["a"], coverage)


def summarised(point: float, sample: FloatArray, coverage: float) -> BootstrapDifference:
    """A statistic that is 0 where nothing differs, with the interval and p-value that its draws give it."""
    interval = percentile_interval(point, sample, coverage)
    p_value = centred_p_value(point, sample[np.isfinite(sample)])
    return BootstrapDifference(interval.point, interval.low, interval.high, p_value, interval.draws)


def centred_p_value(point: float, sample: FloatArray) -> float:
    """Two-sided p-value against 0: the share of draws, centred on their mean, at least as far from 0 as `point`.

    `sample` holds finite draws; NaN without any. Source: Hase et al. 2024, section 8.3 of the specification.
    """
    if not sample.size:
        return float("nan")
    # Without the allowance, rounding would decide the many exact ties of a difference between counts.
    extreme = np.abs(sample - sample.mean()) >= abs(point) - ROUNDING
    return float(extreme.mean())


def mean_of_means(right: FloatArray, tested: FloatArray, boots: FloatArray) -> FloatArray:
    """Accuracy per draw from (draws, boots) weighted sums, skipping boots that a draw left without a tested item."""
    weights = boots * (tested > 0)
    means = right / np.where(tested > 0, tested, 1.0)
    with np.errstate(invalid="ignore"):  # 0 / 0: a draw without any tested item is NaN
        return np.asarray((weights * means).sum(axis=1) / weights.sum(axis=1), dtype=np.float64)
