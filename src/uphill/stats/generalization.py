"""The generalization gap: what a condition loses between items like those it was trained on and other items."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import COVERAGE
from uphill.stats.conditions import Condition, accuracy
from uphill.stats.estimates import Difference, check_coverage, summarised
from uphill.stats.random_effects import part, spread

Items = npt.NDArray[np.bool_]


def generalization_gap(found: Condition, target: Items, own: Items, coverage: float = COVERAGE) -> Difference:
    """accuracy on `target` - accuracy on `own`: below 0 where a condition does worse than on its own level's items.

    `target` and `own` are [items], True for the items of a group. One training run is tested on both, so that its draw
    moves both; items of one group alone vary by themselves, shared items move both accuracies.

    Raises ValueError where nothing of a group was tested, or for a coverage outside (0, 1).

    Source: Hase et al. 2024, section 8.4 of the specification (test_acc - test_acc_train_distr); the interval is ours.
    """
    check_coverage(coverage)
    point = accuracy(found.of(target)) - accuracy(found.of(own))
    return summarised(point, spread([part(found, target).minus(part(found, own))]), coverage)
