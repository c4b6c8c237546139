"""Columns of a tidy table that hold a number and its interval."""

from uphill.stats.bootstrap import Interval
from uphill.stats.paired import Difference


def estimates(**found: Interval | Difference) -> dict[str, float]:
    """Columns of a tidy row: for each name NAME, NAME_low, NAME_high, and NAME_p for a difference."""
    row: dict[str, float] = {}
    for name, value in found.items():
        row |= {name: value.point, f"{name}_low": value.low, f"{name}_high": value.high}
        if isinstance(value, Difference):
            row[f"{name}_p"] = value.p_value
    return row
