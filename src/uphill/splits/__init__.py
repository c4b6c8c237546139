"""Who trains, who tests, in which order: a pure function of a key."""

from uphill.splits.draw import SplitSettings, check_sizes, draw_splits, experiment_levels

__all__ = ["SplitSettings", "check_sizes", "draw_splits", "experiment_levels"]
