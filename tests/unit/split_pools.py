"""The pools of splits that no teacher draws."""

from uphill.schemas.names import EXPERIMENT_POOL, TEST_POOL
from uphill.splits.levels import Pools

OWN_POOLS: Pools = {"train": EXPERIMENT_POOL, "test": [TEST_POOL]}
