"""Whether two models are right and wrong on the same items, and whether they give the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Consistency:
    """How far two models err together, means over boots.

    `observed` is the share of items where they agree, `expected` what it would be if their errors were independent,
    given how often each is right, and `kappa` is (observed - expected) / (1 - expected): 1 where they err on the same
    items, 0 as by chance. `kappa` is NaN where chance alone leaves nothing: both always right, or both always wrong.
    """

    observed: float
    expected: float
    kappa: float


def error_consistency(a: npt.ArrayLike, b: npt.ArrayLike) -> Consistency:
    """Error consistency of two models, Cohen's kappa of their being right.

    `a` is items x boots, 1 right, 0 wrong, NaN not tested in that boot; `b` is alike, of the same items, with one boot
    or as many. Of each boot the items count that both were tested on; boots without any count for nothing.

    Raises ValueError for arrays that are not 2-D or of other numbers of items or boots, and without any such item.

    Source: Geirhos, Meding and Wichmann 2020 (arXiv 2006.16736), section 2. It asks who is right, not which wrong
    answer was given: `probabilistic_agreement` asks that too.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second) or second.shape[1] not in (1, first.shape[1]):
        raise ValueError(f"expected items x boots of the same items, got shapes {first.shape} and {second.shape}")
    second = np.broadcast_to(second, first.shape)
    both = ~np.isnan(first) & ~np.isnan(second)
    boots = [(x[own], y[own]) for x, y, own in zip(first.T, second.T, both.T, strict=True) if own.any()]
    if not boots:
        raise ValueError("no item was tested in both")
    observed = float(np.mean([(x == y).mean() for x, y in boots]))
    expected = float(np.mean([x.mean() * y.mean() + (1 - x.mean()) * (1 - y.mean()) for x, y in boots]))
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    return Consistency(observed, expected, kappa)


def probabilistic_agreement(
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    right: npt.ArrayLike,
    other: npt.ArrayLike,
    boots: npt.ArrayLike | None = None,
) -> Consistency:
    """CAPA of two models, the chance-adjusted agreement of answers that are drawn from their probabilities.

    `first` and `second` have, for each of R answers, the probabilities [C] of the item's choices, of C of its own, at
    least two; `right` and `other` [R] are those of the right choice. `boots` [R] names draws of the training, over
    which `observed` and `expected` are means; None for one.

    `observed` is the mean over items of sum_c first[c] second[c]. `expected` is that of two models that are right as
    often and err independently, each wrong choice as likely: with a and b the means of `right` and `other`,
    a b + (1 - a)(1 - b) mean(1 / (C - 1)). `kappa` is (observed - expected) / (1 - expected), NaN where chance alone
    leaves nothing. Two models that are certain of the same answers have 1; of one that is not certain even its own
    double, drawn again, agrees with it less. On certain answers, 0 or 1, it asks which was given.

    Raises ValueError for other numbers of answers or choices, and for an item with one choice.

    Source: Goel et al. 2025 (arXiv 2502.04313), definition of kappa_p.
    """
    pairs = list(zip(first, second, strict=True))
    own, others = np.asarray(right, dtype=np.float64), np.asarray(other, dtype=np.float64)
    of = np.zeros(len(pairs)) if boots is None else np.asarray(boots)
    if not pairs or any(len(column) != len(pairs) for column in (own, others, of)):
        raise ValueError(f"expected as many answers of each, got {len(pairs)}, {len(own)}, {len(others)} and {len(of)}")
    counts = np.array([np.size(x) for x, _ in pairs])
    if counts.min() < 2 or any(np.shape(x) != np.shape(y) for x, y in pairs):
        raise ValueError("expected two choices or more of each item, and of both models the same")
    same, chance = np.array([np.dot(x, y) for x, y in pairs]), 1 / (counts - 1)
    drawn = [of == boot for boot in np.unique(of)]
    observed = float(np.mean([same[rows].mean() for rows in drawn]))
    expected = float(np.mean([_by_chance(own[rows].mean(), others[rows].mean(), chance[rows]) for rows in drawn]))
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    return Consistency(observed, expected, kappa)


def _by_chance(first: float, second: float, wrong: npt.NDArray[np.float64]) -> float:
    return float(first * second + (1 - first) * (1 - second) * wrong.mean())
