"""Two readings of easy-to-hard generalization on the same items, scales, methods, models and budgets.

It trains nothing: it reads what rows of other experiments have trained.
Sources: Hase et al. 2024, Kordi et al. 2025.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.schemas.names import ALL, GOLD
from uphill.schemas.own_scales import base_of
from uphill.schemas.spelling import Names

PLACE, NAMED = 10, False
DESCRIPTION = (
    "Rows that hold two published readings against each other, from what population, learning_curves and "
    "cross_difficulty train: docs/questions.md."
)
READ = ("population", "learning_curves", "cross_difficulty")
"""Experiments whose rows train on levels of one variable, with nothing else changed."""


class Reconcile(ConfigEntry):
    """A dataset, and the scales whose levels other rows train on."""

    dataset: str = Field(description="The dataset that is tested on.")
    variables: Names = Field(
        min_length=1, description=f"Hardness variables, each of which a row of {', '.join(READ)} cuts levels by."
    )
    methods: Names = Field([], description="Methods of those rows; all of them unless given.")
    models: Names = Field([], description="Models of those rows; all of them unless given.")


Entry = Reconcile


def arms(entry: Reconcile, name: str, given: Given) -> Sequence[Arm]:  # noqa: ARG001 - the interface
    """None: nothing is trained."""
    return []


def reads(entry: Reconcile, known: Sequence[Arm], given: Given, unsupervised: Mapping[str, str]) -> list[Arm]:
    """The arms of other rows that an entry's tables are made of, each with the methods and models asked for.

    Args:
        entry: of the config.
        known: every arm of the study.
        given: says which methods train.
        unsupervised: by dataset, the method without supervision, which is read beside the others.

    Raises:
        ValueError: what no row trains: the key, its value and what was expected.
    """
    own = [arm for arm in known if arm.kind in READ and arm.dataset == entry.dataset and arm.variable != ALL]
    own = [arm for arm in own if arm.labels == GOLD]
    if not own:
        others = sorted({arm.dataset for arm in known if arm.kind in READ and arm.variable != ALL})
        raise ValueError(_unknown("dataset", entry.dataset, others))
    found: list[Arm] = []
    for variable in entry.variables:
        by = [arm for arm in own if base_of(arm.variable) == variable]
        if not by:
            raise ValueError(_unknown("variables", variable, sorted({base_of(arm.variable) for arm in own})))
        found += by
    trained = {method for arm in found for method in arm.methods if given.n_train(method)}
    run = {model for arm in found for model in arm.models}
    for key, asked, there in (("methods", entry.methods, trained), ("models", entry.models, run)):
        for one in asked:
            if one not in there:
                raise ValueError(_unknown(key, one, sorted(there)))
    methods = {*(entry.methods or trained), unsupervised[entry.dataset]}
    chosen = [_chosen(arm, methods, set(entry.models) or run) for arm in found]
    return [arm for arm in chosen if arm.models and set(arm.methods) & trained]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """`splits`: of each slice that is read, experiment, dataset, variable and the name of its splits."""
    found = dict.fromkeys((arm.experiment, arm.dataset, arm.variable, arm.split) for arm in arms)
    return {"splits": [list(one) for one in found]}


def _chosen(arm: Arm, methods: set[str], models: set[str]) -> Arm:
    return replace(
        arm,
        methods=tuple(one for one in arm.methods if one in methods),
        models=tuple(one for one in arm.models if one in models),
    )


def _unknown(key: str, name: str, known: Sequence[str]) -> str:
    what = ", ".join(known) or "none"
    return f".{key} is {name!r}, expected what a row of {', '.join(READ)} trains with right answers: {what}"
