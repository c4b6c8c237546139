"""Experiments that train nothing: whose tables are made of what other experiments train."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uphill.experiments.arms import Arm
from uphill.experiments.finding import arms_read, experiments

if TYPE_CHECKING:
    from uphill.config.study import Config


def read(config: "Config") -> Mapping[str, list[Arm]]:
    """By experiment that reads what others train, the arms of these.

    Raises:
        ValueError: an entry asks for what no other trains: key, value and what was expected.
    """
    found: dict[str, list[Arm]] = {}
    unsupervised = {name: entry.unsupervised for name, entry in config.datasets.items()}
    for kind in experiments():
        for place, entry in config.entries(kind).items():
            try:
                arms = arms_read(kind, entry, config.arms(), config.given, unsupervised)
            except ValueError as error:
                if config.only is not None:
                    continue  # what it reads fell away: that the whole study has it was seen before
                raise ValueError(f"{kind}.{place}{error}") from None
            if arms:
                found.setdefault(kind, []).extend(arms)
    return found
