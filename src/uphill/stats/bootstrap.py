"""What every bootstrap here shares: counts of a resample, draws in bounded chunks, percentile intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

DRAWS = 10_000
COVERAGE = 0.95

# Numbers held at once by one chunk of draws: 2 MB as float64, which stays in a core's cache.
CHUNK_CELLS = 2**18


@dataclass(frozen=True)
class Interval:
    """A point estimate and its percentile bootstrap interval, in the estimate's own unit.

    `draws` is the number of finite draws behind `low` and `high`; with none of them both are NaN.
    """

    point: float
    low: float
    high: float
    draws: int


def check_settings(draws: int, coverage: float) -> None:
    """Raise ValueError unless `draws` is at least 1 and `coverage` lies strictly between 0 and 1."""
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage must lie strictly between 0 and 1, got {coverage}")


def resample_counts(rng: np.random.Generator, size: int, draws: int) -> FloatArray:
    """How often each of `size` units occurs in each of `draws` resamples of that size, with replacement.

    Returns (draws, size); each row is one multinomial draw and sums to `size`. Counting picks is several times faster
    than `rng.multinomial`, and consumes the generator draw by draw, so that chunking cannot change a result.
    """
    picks = rng.integers(0, size, size=(draws, size))
    picks += np.arange(0, draws * size, size)[:, None]
    counts = np.bincount(picks.ravel(), minlength=draws * size)
    return counts.reshape(draws, size).astype(np.float64)


def chunked_counts(
    rng: np.random.Generator, size: int, draws: int, copies: int = 1
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield (slice of the draws, their `resample_counts`) until all draws are made, in bounded memory.

    `copies` is how many arrays of the counts' shape the caller builds from each chunk.
    """
    step = max(1, CHUNK_CELLS // (size * copies))
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        yield slice(start, stop), resample_counts(rng, size, stop - start)


def percentile_interval(point: float, draws: FloatArray, coverage: float) -> Interval:
    """The central `coverage` of the finite draws, by linear-interpolated quantiles."""
    finite = draws[np.isfinite(draws)]
    if not finite.size:
        return Interval(point, float("nan"), float("nan"), 0)
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(finite, [tail, 1.0 - tail])
    return Interval(point, float(low), float(high), int(finite.size))
