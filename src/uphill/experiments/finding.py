"""The experiments that there are, found by the names of their modules."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, cast

from uphill import registry
from uphill.experiments.arms import Arm, Experiment, Given

ROOM = "uphill.experiments"


@functools.cache
def experiments() -> Mapping[str, Experiment]:
    """Every module of the room that makes arms, in their places."""
    found = {name: cast(Experiment, registry.load(ROOM, name, "arms")) for name in registry.names(ROOM, "arms")}
    return dict(sorted(found.items(), key=lambda one: one[1].PLACE))


def implied_labels(experiment: str, entry: Any) -> Mapping[str, dict[str, Any]]:
    """Entries of labels, by name, that an entry of an experiment makes, where its module has `labels`."""
    found = getattr(experiments()[experiment], "labels", None)
    return dict(found(entry)) if found else {}


def own_settings(experiment: str, arms: Sequence[Arm]) -> dict[str, Any]:
    """What the tables of an experiment ask of its arms, where its module has `settings`."""
    settings = getattr(experiments()[experiment], "settings", None)
    return dict(settings(arms)) if settings else {}


def arms_read(
    experiment: str, entry: Any, known: Sequence[Arm], given: Given, unsupervised: Mapping[str, str]
) -> list[Arm]:
    """The arms of others that the tables of an entry are made of, where its module has `reads`.

    Raises:
        ValueError: there are none such: the end of a key, its value and what was expected.
    """
    reads = getattr(experiments()[experiment], "reads", None)
    return list(reads(entry, known, given, unsupervised)) if reads else []
