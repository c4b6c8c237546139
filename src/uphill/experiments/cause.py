"""Attempts at the cause of what easy data does: directions of probes, format against content, what stays unsaid.

It trains nothing but probes on states that are there: it reads what rows of other experiments have trained.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.experiments.trained_by_others import READ, trained_arms
from uphill.schemas.names import GOLD
from uphill.schemas.own_scales import base_of
from uphill.schemas.spelling import Names

PLACE, NAMED = 12, False
NOISY = "noisy_labels"
DESCRIPTION = (
    "Rows that look for the cause in what population, learning_curves, cross_difficulty and noisy_labels train: "
    "docs/questions.md."
)


class Cause(ConfigEntry):
    """A dataset, and the variable whose levels other rows train on."""

    dataset: str = Field(description="The dataset that is tested on.")
    variable: str = Field(
        description=f"A hardness variable that a row of {', '.join(READ)} cuts levels by. A row of {NOISY} by it, with "
        "noise 0 and 1, is read too."
    )
    methods: Names = Field([], description="Methods of those rows; all of them unless given.")
    models: Names = Field([], description="Models of those rows; all of them unless given.")


Entry = Cause


def arms(entry: Cause, name: str, given: Given) -> Sequence[Arm]:  # noqa: ARG001 - the interface
    """None: nothing is trained."""
    return []


def reads(entry: Cause, known: Sequence[Arm], given: Given, unsupervised: Mapping[str, str]) -> list[Arm]:
    """The arms of other rows that an entry's tables are made of, each with the methods and models asked for.

    Args:
        entry: of the config.
        known: every arm of the study.
        given: says which methods train.
        unsupervised: by dataset, the method without supervision, which is read beside the others.

    Raises:
        ValueError: what no row trains: the key, its value and what was expected.
    """
    variables = ("variable", [entry.variable])
    found = trained_arms(entry.dataset, variables, entry.methods, entry.models, known, given, unsupervised)
    noisy = (arm for arm in known if (arm.kind, arm.dataset, arm.labels) == (NOISY, entry.dataset, GOLD))
    return [*found, *_asked((arm for arm in noisy if base_of(arm.variable) == entry.variable), entry, unsupervised)]


def _asked(arms: Iterable[Arm], entry: Cause, unsupervised: Mapping[str, str]) -> Iterable[Arm]:
    """Arms with the methods and models that an entry names, if it names some."""
    for arm in arms:
        methods = {*(entry.methods or arm.methods), unsupervised[arm.dataset]}
        kept = tuple(one for one in arm.methods if one in methods)
        yield replace(arm, methods=kept, models=tuple(one for one in arm.models if one in (entry.models or arm.models)))


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """`splits` of what is trained with right labels, and `noisy`: experiment, dataset, variable, name of the splits.

    And `columns`, by dataset, of items.
    """
    found: dict[str, dict[tuple[str, ...], None]] = {"splits": {}, "noisy": {}}
    for arm in arms:
        name = "noisy" if arm.kind == NOISY else "splits"
        found[name][arm.experiment, arm.dataset, arm.variable, arm.split] = None
    columns = {"columns": {dataset: ["answer_idx"] for dataset in dict.fromkeys(arm.dataset for arm in arms)}}
    return {**{name: [list(one) for one in slices] for name, slices in found.items()}, **columns}
