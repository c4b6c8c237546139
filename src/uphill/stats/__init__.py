"""Accuracy, paired bootstrap, gaps and rank correlation: arrays in, numbers out.

This room imports nothing else of Uphill. Accuracies are fractions in [0, 1], never percent, and nothing is rounded.
All randomness comes from the `numpy.random.Generator` that the caller passes.
"""

from uphill.stats.bootstrap import Interval
from uphill.stats.comparisons import adjusted
from uphill.stats.generalization import generalization_gap
from uphill.stats.paired import Difference, accuracy, bootstrap_accuracy, difference, paired_bootstrap
from uphill.stats.panel import PanelCell, bootstrap_panel
from uphill.stats.ranks import IntervalMatrix, spearman, spearman_intervals, spearman_matrix
from uphill.stats.recovery import (
    PGR,
    SGR,
    GapRecovered,
    Supervision,
    compare_supervision,
    gap_recovered,
    performance_gap_recovered,
    supervision_gap_recovered,
)

__all__ = [
    "PGR",
    "SGR",
    "Difference",
    "GapRecovered",
    "Interval",
    "IntervalMatrix",
    "PanelCell",
    "Supervision",
    "accuracy",
    "adjusted",
    "bootstrap_accuracy",
    "bootstrap_panel",
    "compare_supervision",
    "difference",
    "gap_recovered",
    "generalization_gap",
    "paired_bootstrap",
    "performance_gap_recovered",
    "spearman",
    "spearman_intervals",
    "spearman_matrix",
    "supervision_gap_recovered",
]
