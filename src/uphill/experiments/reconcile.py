"""Two readings of easy-to-hard generalization on the same items, scales, methods, models and budgets.

It trains nothing: it reads what rows of other experiments have trained.
Sources: Hase et al. 2024, Kordi et al. 2025.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.experiments.trained_by_others import READ, trained_arms
from uphill.schemas.spelling import Names

PLACE, NAMED = 10, False
DESCRIPTION = (
    "Rows that hold two published readings against each other, from what population, learning_curves and "
    "cross_difficulty train: docs/questions.md."
)


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
    variables = ("variables", entry.variables)
    return trained_arms(entry.dataset, variables, entry.methods, entry.models, known, given, unsupervised)


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """`splits`: of each slice that is read, experiment, dataset, variable and the name of its splits."""
    found = dict.fromkeys((arm.experiment, arm.dataset, arm.variable, arm.split) for arm in arms)
    return {"splits": [list(one) for one in found]}
