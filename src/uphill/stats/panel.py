"""Every condition of a panel from one set of item resamples: what a table costs is then one panel, not each cell."""

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
    percentile_interval,
    resample_counts,
)
from uphill.stats.paired import Difference, accuracy, accuracy_draws, checked_pairs, summarised


@dataclass(frozen=True)
class PanelCell:
    """One condition's accuracy, and its gain over the panel's baseline; None for the baseline, and without one."""

    accuracy: Interval
    gain: Difference | None


def bootstrap_panel(
    conditions: Mapping[str, npt.ArrayLike],
    baseline: str | None,
    rng: np.random.Generator,
    draws: int = DRAWS,
    coverage: float = COVERAGE,
) -> dict[str, PanelCell]:
    """Accuracy of every condition with its interval, and its paired difference from `baseline`.

    Each condition is items x boots as in `accuracy`, the same items in the same order. Draw i uses the same items in
    every condition; boots are resampled per condition, by a generator that hangs on `rng`'s state and the condition's
    name alone. So neither a condition's accuracy nor its gain depends on which other conditions there are, or on their
    order. For that, resamples are of all items given, also of such as no condition tested, unlike `paired_bootstrap`'s.

    Raises ValueError for a baseline that is no condition, and whatever `paired_bootstrap` refuses.

    Source: Hase et al. 2024, sections 8.2, 8.3 and 8.5 of the specification.
    """
    check_settings(draws, coverage)
    if baseline is not None and baseline not in conditions:
        raise ValueError(f"baseline {baseline!r} is none of the conditions {list(conditions)}")
    matrices = checked_pairs(conditions)
    key = rng.integers(2**32, size=4)
    boots = {name: _boots(key, name, matrix.shape[1], draws) for name, matrix in matrices.items()}
    samples = accuracy_draws(matrices, boots, rng, draws)
    points = {name: accuracy(matrix) for name, matrix in matrices.items()}
    cells = {}
    for name, sample in samples.items():
        gain = None
        if baseline is not None and name != baseline:
            gain = summarised(points[name] - points[baseline], sample - samples[baseline], coverage)
        cells[name] = PanelCell(percentile_interval(points[name], sample, coverage), gain)
    return cells


def _boots(key: npt.NDArray[np.int64], name: str, boots: int, draws: int) -> FloatArray:
    seed = np.random.SeedSequence(key.tolist(), spawn_key=tuple(name.encode()))
    return resample_counts(np.random.default_rng(seed), boots, draws)
