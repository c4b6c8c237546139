"""Who trains, who tests, in which order: a pure function of a key."""

from uphill.splits.draw import draw_splits
from uphill.splits.levels import experiment_levels, levels_tested
from uphill.splits.settings import SplitSettings
from uphill.splits.sizes import check_sizes

__all__ = ["SplitSettings", "check_sizes", "draw_splits", "experiment_levels", "levels_tested"]
