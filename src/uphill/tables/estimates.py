"""Columns of a tidy table that hold a number and its interval."""

from uphill.stats.estimates import Accuracy, Difference

DETECTABLE = "_mde"
"""Behind a difference: the smallest that such a study would find (minimal detectable effect)."""


def estimates(**found: Accuracy | Difference) -> dict[str, float]:
    """Columns of a tidy row: for each name NAME, NAME_low, NAME_high, and NAME_p and NAME_mde for a difference."""
    row: dict[str, float] = {}
    for name, value in found.items():
        row |= {name: value.point, f"{name}_low": value.low, f"{name}_high": value.high}
        if isinstance(value, Difference):
            row |= {f"{name}_p": value.p_value, f"{name}{DETECTABLE}": value.detectable}
    return row


def columns(name: str, compared: bool = False) -> list[str]:
    """The names that `estimates` gives one number's columns."""
    ends = ("", "_low", "_high", *(("_p", DETECTABLE) if compared else ()))
    return [f"{name}{end}" for end in ends]
