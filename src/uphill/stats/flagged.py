"""What differs between two groups of test items that the same trainings were tested on.

One training run is tested on both groups, so that its draw moves both; items of one group alone vary by themselves,
and items of both move both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition, accuracy
from uphill.stats.equivalence import Verdict, differs
from uphill.stats.estimates import OF_DIFFERENCES, Difference, check_coverage, difference_parts, summarised
from uphill.stats.generalization import Items
from uphill.stats.random_effects import Part, spread


@dataclass(frozen=True)
class Apart:
    """How far a difference between two trainings differs between two groups of items.

    Attributes:
        difference: (b - a on the target group) less (b - a on the other).
        alike_p: of two one-sided tests, the larger: small where the two groups differ by less than the margin.
        depends: `no` where they do, `yes` where they differ by more than the margin, each by tests at 5 %.
    """

    difference: Difference
    alike_p: float
    depends: Verdict


def apart(a: Condition, b: Condition, target: Items, other: Items, margin: float, coverage: float = COVERAGE) -> Apart:
    """accuracy(b) - accuracy(a) on the items of `target`, less the same on those of `other`.

    `target` and `other` are [items], True for the items of a group; they may share some.

    Raises ValueError where nothing of a group was tested, for other numbers of items, or a margin or coverage outside
    (0, 1).
    """
    check_coverage(coverage)
    if not 0.0 < margin < 1.0:
        raise ValueError(f"margin must lie strictly between 0 and 1, got {margin}")
    ours, theirs = (accuracy(b.of(group)) - accuracy(a.of(group)) for group in (target, other))
    found = spread(_minus(*(difference_parts(_only(a, group), _only(b, group)) for group in (target, other))))
    alike_p, depends = differs(found, ours - theirs, margin)
    return Apart(summarised(ours - theirs, found, coverage, OF_DIFFERENCES), alike_p, depends)


def _only(found: Condition, items: Items) -> Condition:
    """A condition on some items, with all of its boots, so that those of two groups are the same ones."""
    return replace(found, correct=found.of(items))


def _minus(ours: list[Part], theirs: list[Part]) -> list[Part]:
    """The difference of two sums of parts, draw by draw; draws are taken for other ones where their parts differ."""
    if len(ours) != len(theirs):
        return [*ours, *(one.times(-1.0) for one in theirs)]
    return [one.minus(other) for one, other in zip(ours, theirs, strict=True)]
