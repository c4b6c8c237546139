"""Whether two models are right and wrong on the same items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Consistency:
    """How far two models err together, means over boots.

    `observed` is the share of items where both are right or both wrong, `expected` what it would be if their errors
    were independent, given how often each is right, and `kappa` is (observed - expected) / (1 - expected): 1 where they
    err on the same items, 0 as by chance. `kappa` is NaN where chance alone leaves nothing: both always right, or both
    always wrong.
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
    answer was given: the chance-adjusted probabilistic agreement of Goel et al. 2025 asks that too.
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
