"""How much of a gap in accuracy is recovered: SGR for easy-to-hard, PGR for weak-to-strong.

Sources: Hase et al. 2024 (arXiv 2401.06751) for SGR; Burns et al. 2023 (arXiv 2312.09390) for PGR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import COVERAGE, DRAWS, FloatArray, Interval, check_settings, percentile_interval
from uphill.stats.paired import ROUNDING, Difference, accuracy, paired_bootstrap, summarised

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class GapRecovered:
    """(reached - floor) / (ceiling - floor): three accuracies, the ratio `point` and its interval.

    `p_value` is two-sided, against a ratio of 0: nothing recovered. Where the interval of ceiling - floor includes 0
    the ratio is undefined: `defined` is False and `point`, `low`, `high` and `p_value` are NaN. `draws` is the number
    of draws behind the interval.
    """

    reached: float
    ceiling: float
    floor: float
    point: float
    low: float
    high: float
    p_value: float
    defined: bool
    draws: int


@dataclass(frozen=True)
class SGR:
    """Supervision gap recovered; accuracies are fractions, `sgr` is 1 where easy data loses nothing.

    `p_value` is against `sgr` = 0. `sgr`, `low`, `high` and `p_value` are NaN where `defined` is False.
    """

    easy: float
    hard: float
    unsupervised: float
    sgr: float
    low: float
    high: float
    p_value: float
    defined: bool
    draws: int


@dataclass(frozen=True)
class Supervision:
    """What easy, hard and no supervision give on the same hard test items, all from the same draws.

    `hard_easy` is accuracy(hard) - accuracy(easy), `easy_unsupervised` accuracy(easy) - accuracy(unsupervised).
    """

    easy: Interval
    hard: Interval
    unsupervised: Interval
    hard_easy: Difference
    easy_unsupervised: Difference
    sgr: SGR


@dataclass(frozen=True)
class PGR:
    """Performance gap recovered; accuracies are fractions, `pgr` is 1 where weak labels lose nothing.

    `p_value` is against `pgr` = 0. `pgr`, `low`, `high` and `p_value` are NaN where `defined` is False.
    """

    weak: float
    weak_to_strong: float
    strong: float
    pgr: float
    low: float
    high: float
    p_value: float
    defined: bool
    draws: int


def gap_recovered(
    reached: npt.ArrayLike,
    ceiling: npt.ArrayLike,
    floor: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    coverage: float = COVERAGE,
) -> GapRecovered:
    """(reached - floor) / (ceiling - floor) with a paired-bootstrap percentile interval and two-sided p-value.

    The three are items x boots, paired by row as in `paired_bootstrap`, with its errors. The published analysis divided
    by gaps of any size; here a gap that the bootstrap cannot tell from 0 leaves the ratio undefined. Draws in which
    the gap is 0 are dropped. The p-value is the share of the remaining draws, centred on their mean, at least as far
    from 0 as the ratio; a few draws with a gap near 0 can move that mean, which a difference's draws cannot.

    Source: Hase et al. 2024, sections 8.3 to 8.5 of the specification, with defect S3 of section 9.6 repaired.
    """
    check_settings(draws, coverage)
    samples = paired_bootstrap({"reached": reached, "ceiling": ceiling, "floor": floor}, rng, draws)
    return _gap_recovered((accuracy(reached), accuracy(ceiling), accuracy(floor)), samples, coverage)


def _gap_recovered(points: Triple, samples: Mapping[str, FloatArray], coverage: float) -> GapRecovered:
    gaps = samples["ceiling"] - samples["floor"]
    gap = percentile_interval(points[1] - points[2], gaps, coverage)
    if not _excludes_zero(gap.point, gap.low, gap.high):
        nan = float("nan")
        return GapRecovered(*points, nan, nan, nan, nan, False, 0)
    usable = np.abs(gaps) > ROUNDING  # False for NaN too
    ratios = (samples["reached"] - samples["floor"])[usable] / gaps[usable]
    ratio = summarised((points[0] - points[2]) / gap.point, ratios, coverage)
    return GapRecovered(*points, ratio.point, ratio.low, ratio.high, ratio.p_value, True, ratio.draws)


def supervision_gap_recovered(
    easy: npt.ArrayLike,
    hard: npt.ArrayLike,
    unsupervised: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    coverage: float = COVERAGE,
) -> SGR:
    """SGR = (easy - unsupervised) / (hard - unsupervised), all three measured on the same hard test items.

    `easy` and `hard` are items x boots after training on easy and on hard data, `unsupervised` is the zero-shot result
    (items x 1). Shapes, errors and the undefined case are those of `gap_recovered`.

    Source: Hase et al. 2024, section 8.4 of the specification.
    """
    return _as_sgr(gap_recovered(easy, hard, unsupervised, rng, draws, coverage))


def compare_supervision(
    easy: npt.ArrayLike,
    hard: npt.ArrayLike,
    unsupervised: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    coverage: float = COVERAGE,
) -> Supervision:
    """`supervision_gap_recovered` with the accuracies' intervals and the differences between them, of the same draws.

    Arguments, errors and the SGR itself are those of `supervision_gap_recovered` at the same state of `rng`.

    Source: Hase et al. 2024, section 8.5 of the specification and the table of comparisons in 8.8 (T2).
    """
    check_settings(draws, coverage)
    samples = paired_bootstrap({"reached": easy, "ceiling": hard, "floor": unsupervised}, rng, draws)
    points = (accuracy(easy), accuracy(hard), accuracy(unsupervised))
    found = {
        name: percentile_interval(point, samples[name], coverage) for name, point in zip(samples, points, strict=True)
    }
    return Supervision(
        easy=found["reached"],
        hard=found["ceiling"],
        unsupervised=found["floor"],
        hard_easy=summarised(points[1] - points[0], samples["ceiling"] - samples["reached"], coverage),
        easy_unsupervised=summarised(points[0] - points[2], samples["reached"] - samples["floor"], coverage),
        sgr=_as_sgr(_gap_recovered(points, samples, coverage)),
    )


def performance_gap_recovered(
    weak: npt.ArrayLike,
    weak_to_strong: npt.ArrayLike,
    strong: npt.ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
    coverage: float = COVERAGE,
) -> PGR:
    """PGR = (weak_to_strong - weak) / (strong - weak), all three measured on the same test items.

    `weak` is the supervisor, `weak_to_strong` the strong model trained on its labels, `strong` the strong model trained
    on true labels; each is items x boots. Shapes, errors and the undefined case are those of `gap_recovered`.

    Source: Burns et al. 2023.
    """
    gap = gap_recovered(weak_to_strong, strong, weak, rng, draws, coverage)
    return PGR(gap.floor, gap.reached, gap.ceiling, gap.point, gap.low, gap.high, gap.p_value, gap.defined, gap.draws)


def _as_sgr(gap: GapRecovered) -> SGR:
    return SGR(gap.reached, gap.ceiling, gap.floor, gap.point, gap.low, gap.high, gap.p_value, gap.defined, gap.draws)


def _excludes_zero(point: float, low: float, high: float) -> bool:
    # The point is asked too: boots with different untested items can bias the draws away from it.
    return (low > ROUNDING and point > ROUNDING) or (high < -ROUNDING and point < -ROUNDING)
