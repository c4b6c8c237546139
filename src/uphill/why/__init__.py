"""Why jobs would run: what changed since their results were made, root causes first."""

from uphill.why.codes import record

__all__ = ["record"]
