"""One self-contained HTML page of a whole study."""

from uphill.report.page import render

__all__ = ["render"]
