"""Random effects of test items and of training draws: the variance of an accuracy, and of sums of accuracies.

Both are samples: of the items that could have been asked, and of the training sets that could have been drawn. Where
boots answer the same items the two are crossed, and the variance of a mean over both is

    variance of its items' means / items  +  variance of its boots beyond what their items explain / boots,

the two-way analysis of variance (its three mean squares, rearranged). Where each boot has items of its own, as folds
have, boots and items are nested, and the boots' means tell the whole variance. Neither needs the answers to be
balanced: an answer enters by its influence, what it moves its boot's mean by.

Sources: Cornfield and Tukey 1956 (crossed random effects); Satterthwaite 1946 (degrees of freedom of the draws of
several conditions together); Banerjee 1961 (items and draws each with the quantile of their own degrees of freedom,
which holds its coverage however the two compare, where one common number of them does not with three draws).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy  # loads scipy.special when it is first used: the workflow imports this module before it builds its DAG

from uphill.stats.bootstrap import FloatArray
from uphill.stats.conditions import Condition, tested_cells

BoolArray = npt.NDArray[np.bool_]
FEWEST_BOOTS = 3
"""Fewer training draws than this say so little of how draws vary that no test is made of them."""
POWER = 0.8
TINY = 1e-100
"""No p-value is called smaller."""


@dataclass(frozen=True, eq=False)
class Part:
    """A number that each boot of a training condition gives, such as its accuracy, or its gain.

    Attributes:
        means: [boots]; NaN where a boot tested nothing of it.
        influence: [units, boots] what each item, or each cluster of items, moves the boot's number by; sums to 0.
        asked: [units] which were tested in any boot.
        doubt: the variance that one answer more of each kind would add, which is there even where all answers agree.
        nested: whether each boot has units of its own.
        drawn: whether boots are training draws.
    """

    means: FloatArray
    influence: FloatArray
    asked: BoolArray
    doubt: float
    nested: bool
    drawn: bool

    def minus(self, other: Part) -> Part:
        """The difference in each boot, of the same boots; the other's may be fewer only if it has one for all."""
        return Part(
            self.means - other.means,
            self.influence - other.influence,
            self.asked | other.asked,
            self.doubt + other.doubt,
            self.nested,
            self.drawn or other.drawn,
        )

    def plus(self, other: Part) -> Part:
        """The sum in each boot, of the same boots."""
        return self.minus(other.times(-1.0))

    def times(self, weight: float) -> Part:
        """A multiple."""
        return replace(self, means=weight * self.means, influence=weight * self.influence, doubt=weight**2 * self.doubt)

    def known(self) -> Part:
        """Without boots that tested nothing of it."""
        kept = ~np.isnan(self.means)
        nested = self.nested and bool(kept.sum() > 1)
        return replace(self, means=self.means[kept], influence=self.influence[:, kept], nested=nested)


@dataclass(frozen=True)
class Spread:
    """The variance of an estimate, in the part that items give it and the part that training draws give it.

    Attributes:
        items, draws: variances; `items` is NaN where a single unit was tested.
        items_df, draws_df: their degrees of freedom; `draws_df` is NaN where no draw varies.
        boots: the fewest of any condition that is trained; None where none is.
    """

    items: float
    items_df: float
    draws: float
    draws_df: float
    boots: int | None

    @property
    def testable(self) -> bool:
        """Whether there are enough training draws to make a test of."""
        return not math.isnan(self.items) and (self.boots is None or self.boots >= FEWEST_BOOTS)

    def half_width(self, alpha: float) -> float:
        """How far from an estimate its two-sided interval of coverage 1 - `alpha` goes; infinite for one unit alone."""
        if math.isnan(self.items):
            return math.inf
        return math.sqrt(sum(self.squares(alpha)))

    def squares(self, alpha: float) -> tuple[float, float]:
        """The two parts of a squared half width: those of the items and of the draws."""
        own = _quantile(self.items_df, alpha) ** 2 * self.items if self.items else 0.0
        return own, _quantile(self.draws_df, alpha) ** 2 * self.draws if self.draws else 0.0

    def p_value(self, distance: float) -> float:
        """The two-sided p-value of a distance: the `alpha` whose half width it is; NaN where no test can be made."""
        if not self.testable:
            return math.nan
        if distance == 0.0 or self.items + self.draws == 0.0:
            return 1.0
        # In logarithms, in which tails of few degrees of freedom are straight.
        wanted = math.log(abs(distance))
        return math.exp(_falling(lambda alpha: math.log(max(self.half_width(math.exp(alpha)), TINY)) - wanted))

    def detectable(self, alpha: float, power: float = POWER) -> float:
        """The difference that a two-sided test at `alpha` would find with probability `power`, at this variance."""
        if not self.testable:
            return math.nan
        return self.half_width(alpha) + self.half_width(2.0 * (1.0 - power))


def part(found: Condition, items: BoolArray | None = None, like: BoolArray | None = None) -> Part:
    """The accuracy of each boot of a condition.

    Args:
        found: the condition.
        items: [items] those that count; None counts all.
        like: [items, boots] of another condition, which items its boots tested: then this one's single boot answers for
            each of them, on the items which that one tested.
    """
    matrix = found.correct if items is None else found.of(items)
    if like is not None:
        matrix = np.where(like, matrix[:, :1], np.nan)
    tested = tested_cells(matrix)
    counts, right = tested.sum(axis=0), np.where(tested, matrix, 0.0)
    with np.errstate(invalid="ignore"):  # 0 / 0: a boot that tested nothing is NaN
        means = right.sum(axis=0) / counts
    influence = np.where(tested, (right - means) / np.maximum(counts, 1), 0.0)
    asked = tested
    if found.clusters is not None:
        groups = np.zeros((int(found.clusters.max()) + 1, matrix.shape[1]))
        asked = np.zeros(groups.shape, dtype=bool)
        np.add.at(groups, found.clusters, influence)
        np.logical_or.at(asked, found.clusters, tested)
        influence = groups
    units: BoolArray = np.any(asked, axis=1)
    level = float(means[counts > 0].mean()) if counts.any() else math.nan
    doubt = (level**2 + (1.0 - level) ** 2) / max(int(units.sum()), 1) ** 2
    nested = matrix.shape[1] > 1 and bool((asked.sum(axis=1) <= 1).all()) and like is None
    return Part(means, influence, units, doubt, nested, found.trained)


def spread(parts: Sequence[Part]) -> Spread:
    """The variance of the sum of parts, whose training draws were made independently of one another.

    A part whose boots each have items of their own is taken by the variance of its boots' numbers alone, if it is the
    only one with several boots.
    """
    live = [one.known() for one in parts]
    several = [one for one in live if len(one.means) > 1]
    trained = [len(one.means) for one in live if one.drawn]
    boots = min(trained) if trained else None
    doubt = sum(one.doubt for one in live)
    if len(several) == 1 and len(live) == 1 and several[0].nested:
        draws, df = float(several[0].means.var(ddof=1)) / len(several[0].means), len(several[0].means) - 1.0
        return Spread(max(0.0, doubt - draws), df, draws, df, boots)
    units = int(np.any([one.asked for one in live], axis=0).sum())
    if units < 2:
        return Spread(math.nan, math.nan, 0.0, math.nan, boots)
    factor = units / (units - 1.0)
    moved = np.sum([one.influence.mean(axis=1) for one in live], axis=0)
    items = factor * float(moved @ moved)
    own = [_beyond_items(one, factor) for one in several]
    draws = sum(beyond for beyond, _, _ in own)
    squares, total = sum(seen**2 / df for _, seen, df in own), sum(seen for _, seen, _ in own)
    fallback = min((df for *_, df in own), default=math.nan)
    return Spread(max(items, doubt - draws), units - 1.0, draws, total**2 / squares if squares else fallback, boots)


def _beyond_items(one: Part, factor: float) -> tuple[float, float, float]:
    """Of the mean over boots: the variance that its items do not explain, all that is seen, and degrees of freedom."""
    boots = one.means.size
    covariance = factor * one.influence.T @ one.influence
    alone = float(np.trace(covariance)) / boots
    shared = (float(covariance.sum()) - alone * boots) / (boots * (boots - 1))
    seen = float(one.means.var(ddof=1))
    return max(0.0, seen - (alone - shared)) / boots, seen / boots, boots - 1.0


def _quantile(df: float, alpha: float) -> float:
    """Student's two-sided quantile."""
    if math.isnan(df):
        return 0.0
    return -float(scipy.special.stdtrit(df, alpha / 2.0))


def _falling(function: Callable[[float], float]) -> float:
    """Where a falling function of a log probability is 0, by false position with halved weights (Illinois)."""
    low, high = math.log(TINY), 0.0
    above, below = function(low), function(high)
    if above <= 0.0:
        return low
    middle, side = high, 0
    for _ in range(100):
        last, middle = middle, (low * below - high * above) / (below - above)
        found = function(middle)
        if abs(middle - last) < 1e-10 or found == 0.0:
            break
        if found > 0.0:
            low, above, below = middle, found, below / 2.0 if side > 0 else below
            side = 1
        else:
            high, below, above = middle, found, above / 2.0 if side < 0 else above
            side = -1
    return middle
