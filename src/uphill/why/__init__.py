"""Why jobs would run: what changed since their results were made, root causes first."""

from uphill.why.codes import record
from uphill.why.explaining import Stale, explain
from uphill.why.records import summary
from uphill.why.show import show

__all__ = ["Stale", "explain", "record", "show", "summary"]
