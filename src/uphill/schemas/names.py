"""Names that the contracts' columns hold: pools, levels, and what was trained on."""

HARDNESS_POOL, SUPERVISOR_POOL, EXPERIMENT_POOL, TEST_POOL = "hardness", "supervisor", "experiment", "test"
LEVELS = ("easy", "medium", "hard")
ALL = "all"
GOLD = "gold"
"""The labels that a dataset has itself."""
UNSUPERVISED = "none"
"""`train_on` of a cell that saw no training item."""
AT_PLACE, AGREES, IMPOSSIBLE = "at_place", "feature_agrees", "impossible"
"""Columns of stressed items: the right choice is where it mostly was in training, a mark is on it, there is none."""
