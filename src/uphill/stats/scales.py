"""Whether a conclusion is the same by two scales: what easy data is short of hard data by, on the same test items."""

from __future__ import annotations

from dataclasses import dataclass

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition
from uphill.stats.equivalence import Verdict, differs
from uphill.stats.estimates import OF_DIFFERENCES, Difference, difference_parts, summarised
from uphill.stats.random_effects import Part, spread


@dataclass(frozen=True)
class Compared:
    """Two scales.

    Attributes:
        difference: (hard - easy by the first) less (hard - easy by the second).
        alike_p: of two one-sided tests, the larger: small where the two differ by less than the margin either way.
        depends: `no` where they do, `yes` where they differ by more than the margin, each by tests at 5 %.
    """

    difference: Difference
    alike_p: float
    depends: Verdict


def compared(
    first: tuple[Condition, Condition],
    second: tuple[Condition, Condition],
    margin: float,
    coverage: float = COVERAGE,
) -> Compared:
    """Two pairs (trained on easy, trained on hard), each of a scale's own levels and draws, all of the same items.

    Items are paired. Raises ValueError for other numbers of items, or a margin outside (0, 1).
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"margin must lie strictly between 0 and 1, got {margin}")
    shorts = [hard.accuracy - easy.accuracy for easy, hard in (first, second)]
    parts: list[Part] = [*difference_parts(*first), *(one.times(-1.0) for one in difference_parts(*second))]
    found, point = spread(parts), shorts[0] - shorts[1]
    alike_p, depends = differs(found, point, margin)
    return Compared(summarised(point, found, coverage, OF_DIFFERENCES), alike_p, depends)
