"""Is it as good, within a margin: yes, no, or the data cannot tell.

Sources: Schuirmann 1987 (two one-sided tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from uphill.stats.conditions import Condition
from uphill.stats.estimates import difference_parts
from uphill.stats.random_effects import Spread, spread

Verdict = Literal["yes", "no", "cannot tell"]
LEVEL = 0.05
"""Of each one-sided test."""


@dataclass(frozen=True)
class AsGood:
    """Whether an accuracy is as good as another within a margin.

    Attributes:
        margin: as a fraction.
        p_value: of equivalence, the larger of the two one-sided p-values: small where the two differ by less than the
            margin either way. NaN where no test can be made.
        verdict: `yes` where it is worse by less than the margin, `no` where it is worse by more, each by a one-sided
            test at 5 %; else `cannot tell`.
    """

    margin: float
    p_value: float
    verdict: Verdict


def as_good(a: Condition, b: Condition, margin: float) -> AsGood:
    """Whether condition `a` is as good as condition `b` within `margin`, on the same items.

    Raises ValueError for a margin outside (0, 1), or other numbers of items.
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"margin must lie strictly between 0 and 1, got {margin}")
    behind = b.accuracy - a.accuracy
    found = spread(difference_parts(a, b))
    most, verdict = not_worse(found, behind, margin)
    return AsGood(margin, max(one_sided(found, behind + margin), most), verdict)


def not_worse(found: Spread, behind: float, margin: float) -> tuple[float, Verdict]:
    """Whether something lies behind by less than `margin`, and the one-sided p-value against its being more.

    `behind` is by how much, and `found` the variance of that. The answer is `yes` or `no` by a test at 5 % each.
    """
    p_value = one_sided(found, margin - behind)
    if p_value < LEVEL:
        return p_value, "yes"
    return p_value, "no" if 1.0 - p_value < LEVEL else "cannot tell"


def differs(found: Spread, point: float, margin: float) -> tuple[float, Verdict]:
    """Whether a difference is larger than a margin either way, and the larger p-value of two one-sided tests.

    The p-value is against its being so large; the answer is `no` or `yes` by tests at 5 % each.
    """
    alike = max(one_sided(found, point + margin), one_sided(found, margin - point))
    if alike < LEVEL:
        return alike, "no"
    return alike, "yes" if 1.0 - alike < LEVEL else "cannot tell"


def one_sided(found: Spread, above: float) -> float:
    """The p-value against a number's being 0 or less, which was found `above` it; NaN where no test can be made."""
    two_sided = found.p_value(above)
    if math.isnan(two_sided):
        return math.nan
    return two_sided / 2.0 if above >= 0.0 else 1.0 - two_sided / 2.0
