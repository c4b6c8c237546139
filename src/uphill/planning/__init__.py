"""What a study would cost, before any of it runs: jobs, model loads, tokens and GPU-hours."""

from uphill.planning.cost import Cost, estimate
from uphill.planning.show import show_cost
from uphill.planning.study import check_profiles, read_study

__all__ = ["Cost", "check_profiles", "estimate", "read_study", "show_cost"]
