"""How much of a gap in accuracy is recovered: SGR for easy-to-hard, PGR for weak-to-strong.

A ratio of two differences has no standard error where the lower one may be 0. Its interval is Fieller's set: all ratios
that the two differences do not contradict, which is an interval, everything but one, or everything.

Sources: Hase et al. 2024 (arXiv 2401.06751) for SGR; Burns et al. 2023 (arXiv 2312.09390) for PGR; Fieller 1954 for the
set, whose three cases are those of von Luxburg and Franz 2009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition, same_items
from uphill.stats.estimates import (
    Accuracy,
    Difference,
    accuracy_interval,
    check_coverage,
    difference_parts,
    summarised,
)
from uphill.stats.random_effects import Spread, spread

Status = Literal["defined", "negative gap", "unbounded", "undefined"]


@dataclass(frozen=True)
class RatioSet:
    """All ratios that the data do not contradict.

    Attributes:
        kind: `interval`: those from `low` to `high`; `outside`: those up to `low` and those from `high`; `all`: any.
        low, high: NaN for `all`.
    """

    kind: Literal["interval", "outside", "all"]
    low: float
    high: float

    def __contains__(self, ratio: float) -> bool:
        """Whether a ratio is in the set."""
        if self.kind == "interval":
            return self.low <= ratio <= self.high
        return self.kind == "all" or ratio <= self.low or ratio >= self.high

    def __str__(self) -> str:
        """For readers."""
        if self.kind == "all":
            return "any value"
        said = [f"{round(bound, 2) + 0.0:.2f}" for bound in (self.low, self.high)]
        return f"[{said[0]}, {said[1]}]" if self.kind == "interval" else f"up to {said[0]} or from {said[1]}"


@dataclass(frozen=True)
class GapRecovered:
    """(reached - floor) / (ceiling - floor), on the same test items.

    Attributes:
        reached, ceiling, floor: the accuracies, each with its interval.
        ceiling_reached: ceiling - reached, what is not recovered.
        reached_floor: reached - floor.
        ceiling_floor: ceiling - floor, the gap.
        point: the ratio; NaN unless `status` is `defined` or `negative gap`.
        ratios: its set.
        p_value: two-sided, against nothing recovered: that of `reached_floor`; NaN where `point` is.
        status: `defined`; `negative gap` where the ceiling is below the floor; `unbounded` where the gap cannot be told
            from 0 but some ratios are excluded; `undefined` where none is.
    """

    reached: Accuracy
    ceiling: Accuracy
    floor: Accuracy
    ceiling_reached: Difference
    reached_floor: Difference
    ceiling_floor: Difference
    point: float
    ratios: RatioSet
    p_value: float
    status: Status


def gap_recovered(reached: Condition, ceiling: Condition, floor: Condition, coverage: float = COVERAGE) -> GapRecovered:
    """(reached - floor) / (ceiling - floor) with the set of ratios that the data allow.

    SGR (Hase et al. 2024, section 5): `reached` is trained on easy data, `ceiling` on hard data, `floor` is no
    supervision. PGR (Burns et al. 2023): `reached` is the strong model trained on weak labels, `ceiling` on true
    labels, `floor` the weak supervisor.

    The variances are those of `difference`; covariances follow from them, as the three differences add up. Raises
    ValueError for other numbers of items, or a coverage outside (0, 1).
    """
    check_coverage(coverage)
    same_items(reached=len(reached.correct), ceiling=len(ceiling.correct), floor=len(floor.correct))
    first, second, third = (accuracy_interval(one, coverage) for one in (reached, ceiling, floor))
    above, gap, short = (
        spread(difference_parts(*pair)) for pair in ((floor, reached), (floor, ceiling), (reached, ceiling))
    )
    risen, whole = first.point - third.point, second.point - third.point
    ratios = allowed(risen, whole, above, gap, short, 1.0 - coverage)
    status: Status = "defined"
    if ratios.kind != "interval":
        status = "unbounded" if ratios.kind == "outside" else "undefined"
    elif whole < 0.0:
        status = "negative gap"
    known = ratios.kind == "interval"
    reached_floor = summarised(risen, above, coverage)
    return GapRecovered(
        first,
        second,
        third,
        summarised(whole - risen, short, coverage),
        reached_floor,
        summarised(whole, gap, coverage),
        risen / whole if known else math.nan,
        ratios,
        reached_floor.p_value if known else math.nan,
        status,
    )


def allowed(a: float, b: float, of_a: Spread, of_b: Spread, of_rest: Spread, alpha: float) -> RatioSet:
    """Fieller's set of a / b, from the variances of a, of b and of b - a, with the fewest degrees of freedom of all.

    `alpha` is 1 - the coverage.
    """
    if any(math.isnan(one.items) for one in (of_a, of_b, of_rest)):
        return RatioSet("all", math.nan, math.nan)
    known = [one.draws_df for one in (of_a, of_b, of_rest) if not math.isnan(one.draws_df)]
    df = min(known) if known else math.nan
    squares = [
        sum(Spread(one.items, one.items_df, one.draws, df, None).squares(alpha)) for one in (of_a, of_b, of_rest)
    ]
    return fieller(a, b, squares[0], squares[1], (squares[0] + squares[1] - squares[2]) / 2.0)


def fieller(a: float, b: float, v_aa: float, v_bb: float, v_ab: float) -> RatioSet:
    """Fieller's set of a / b: all ratios r with (a - r b)² <= v_aa - 2 r v_ab + r² v_bb.

    Args:
        a, b: the estimates.
        v_aa, v_bb, v_ab: their variances and covariance, times the square of the quantile.
    """
    lead, middle, last = b * b - v_bb, a * b - v_ab, a * a - v_aa
    inside = middle * middle - lead * last
    if lead > 0.0:
        root = math.sqrt(max(0.0, inside))  # never below 0 but by rounding: a / b itself is in the set
        return RatioSet("interval", (middle - root) / lead, (middle + root) / lead)
    if lead == 0.0 or inside <= 0.0:
        # A gap exactly at its half width bounds one side only, which no table could say; all is no wrong answer.
        return RatioSet("all", math.nan, math.nan)
    root = math.sqrt(inside)
    return RatioSet("outside", *sorted(((middle - root) / lead, (middle + root) / lead)))
