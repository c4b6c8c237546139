"""How much of a gap in accuracy is recovered: SGR for easy-to-hard, PGR for weak-to-strong.

Sources: Hase et al. 2024 (arXiv 2401.06751) for SGR; Burns et al. 2023 (arXiv 2312.09390) for PGR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import DRAWS, LEVEL, check_settings, percentile_interval
from uphill.stats.paired import ROUNDING, accuracy, paired_bootstrap


@dataclass(frozen=True)
class GapRecovered:
    """(reached - floor) / (ceiling - floor): three accuracies, the ratio `point` and its interval.

    Where the interval of ceiling - floor includes 0 the ratio is undefined: `defined` is False and `point`, `low` and
    `high` are NaN. `draws` is the number of draws behind the interval.
    """

    reached: float
    ceiling: float
    floor: float
    point: float
    low: float
    high: float
    defined: bool
    draws: int


@dataclass(frozen=True)
class SGR:
    """Supervision gap recovered; accuracies are fractions, `sgr` is 1 where easy data loses nothing.

    `sgr`, `low` and `high` are NaN where `defined` is False.
    """

    easy: float
    hard: float
    unsupervised: float
    sgr: float
    low: float
    high: float
    defined: bool
    draws: int


@dataclass(frozen=True)
class PGR:
    """Performance gap recovered; accuracies are fractions, `pgr` is 1 where weak labels lose nothing.

    `pgr`, `low` and `high` are NaN where `defined` is False.
    """

    weak: float
    weak_to_strong: float
    strong: float
    pgr: float
    low: float
    high: float
    defined: bool
    draws: int


def gap_recovered(
    reached: npt.ArrayLike,
    ceiling: npt.ArrayLike,
    floor: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> GapRecovered:
    """(reached - floor) / (ceiling - floor) with a paired-bootstrap percentile interval.

    The three are items x boots, paired by row as in `paired_bootstrap`, with its errors. The published analysis divided
    by gaps of any size; here a gap that the bootstrap cannot tell from 0 leaves the ratio undefined. Draws in which
    the gap is 0 are dropped.

    Source: Hase et al. 2024, sections 8.4 and 8.5 of the specification, with defect S3 of section 9.6 repaired.
    """
    check_settings(draws, level)
    samples = paired_bootstrap({"reached": reached, "ceiling": ceiling, "floor": floor}, rng, draws)
    points = (accuracy(reached), accuracy(ceiling), accuracy(floor))
    gaps = samples["ceiling"] - samples["floor"]
    gap = percentile_interval(points[1] - points[2], gaps, level)
    if not _excludes_zero(gap.point, gap.low, gap.high):
        return GapRecovered(*points, float("nan"), float("nan"), float("nan"), False, 0)
    usable = np.abs(gaps) > ROUNDING  # False for NaN too
    ratios = (samples["reached"] - samples["floor"])[usable] / gaps[usable]
    ratio = percentile_interval((points[0] - points[2]) / gap.point, ratios, level)
    return GapRecovered(*points, ratio.point, ratio.low, ratio.high, True, ratio.draws)


def supervision_gap_recovered(
    easy: npt.ArrayLike,
    hard: npt.ArrayLike,
    unsupervised: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> SGR:
    """SGR = (easy - unsupervised) / (hard - unsupervised), all three measured on the same hard test items.

    `easy` and `hard` are items x boots after training on easy and on hard data, `unsupervised` is the zero-shot result
    (items x 1). Shapes, errors and the undefined case are those of `gap_recovered`.

    Source: Hase et al. 2024, section 8.4 of the specification.
    """
    gap = gap_recovered(easy, hard, unsupervised, rng, draws, level)
    return SGR(gap.reached, gap.ceiling, gap.floor, gap.point, gap.low, gap.high, gap.defined, gap.draws)


def performance_gap_recovered(
    weak: npt.ArrayLike,
    weak_to_strong: npt.ArrayLike,
    strong: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> PGR:
    """PGR = (weak_to_strong - weak) / (strong - weak), all three measured on the same test items.

    `weak` is the supervisor, `weak_to_strong` the strong model trained on its labels, `strong` the strong model trained
    on true labels; each is items x boots. Shapes, errors and the undefined case are those of `gap_recovered`.

    Source: Burns et al. 2023.
    """
    gap = gap_recovered(weak_to_strong, strong, weak, rng, draws, level)
    return PGR(gap.floor, gap.reached, gap.ceiling, gap.point, gap.low, gap.high, gap.defined, gap.draws)


def _excludes_zero(point: float, low: float, high: float) -> bool:
    # The point is asked too: boots with different untested items can bias the draws away from it.
    return (low > ROUNDING and point > ROUNDING) or (high < -ROUNDING and point < -ROUNDING)
