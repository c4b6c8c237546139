"""Two published readings of what training on one level does for the items of another, each with a paired test.

*As good* (Hase et al. 2024): it is as good as training on the hardest level. *Not carried* (Kordi et al. 2025): it is
no better than no training. Both are of the same items and have one margin, within which no difference matters. Neither
is confirmed by what helps nobody: the first only where this level's training is seen to help these items, the second
only where that of the hardest level is, so that there is something which could have been carried.
"""

from __future__ import annotations

from dataclasses import dataclass

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition
from uphill.stats.equivalence import LEVEL, Verdict, not_worse, one_sided
from uphill.stats.estimates import Difference, difference_parts, summarised
from uphill.stats.random_effects import spread


@dataclass(frozen=True)
class Readings:
    """What becomes of the two readings.

    Attributes:
        margin: as a fraction.
        short: accuracy of the hardest level's training less that of this one.
        as_good: whether this one is as good within the margin.
        as_good_p: one-sided, against its being worse by the margin or more.
        not_carried: whether no training is as good as this one within the margin.
        not_carried_p: one-sided, against this one's being better by the margin or more.
        helps_p: one-sided, against the hardest level's training being no better than none.
    """

    margin: float
    short: Difference
    as_good: Verdict
    as_good_p: float
    not_carried: Verdict
    not_carried_p: float
    helps_p: float


def readings(
    own: Condition, hardest: Condition, untrained: Condition, margin: float, coverage: float = COVERAGE
) -> Readings:
    """The two readings of one training condition.

    `own` is trained on some level, `hardest` on the hardest, `untrained` on none; all of the same test items.

    Raises ValueError for other numbers of items, a margin outside (0, 1), or a coverage outside (0, 1).
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"margin must lie strictly between 0 and 1, got {margin}")
    short, gain = hardest.accuracy - own.accuracy, own.accuracy - untrained.accuracy
    of_short, of_gain = spread(difference_parts(own, hardest)), spread(difference_parts(untrained, own))
    good_p, good = not_worse(of_short, short, margin)
    carried_p, carried = not_worse(of_gain, gain, margin)
    own_p = one_sided(of_gain, gain)
    helps_p = one_sided(spread(difference_parts(untrained, hardest)), hardest.accuracy - untrained.accuracy)
    return Readings(
        margin,
        summarised(short, of_short, coverage),
        only_if(own_p, good),
        good_p,
        only_if(helps_p, carried),
        carried_p,
        helps_p,
    )


def only_if(helps_p: float, verdict: Verdict) -> Verdict:
    """A verdict whose yes stands only where a one-sided test of what it rests on is passed at 5 %."""
    return verdict if verdict == "no" or helps_p < LEVEL else "cannot tell"
