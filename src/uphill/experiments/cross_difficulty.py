"""Training on each of many levels, tested on each of them (Kordi et al. 2025, section 3)."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from uphill.experiments.arms import TRAIN_ON, Arm, Given, Tested, with_mixes
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED = 7, False
DESCRIPTION = "Rows of the cross-difficulty experiment: every level trained on by every level tested."


def _cuts(variable: str) -> str:
    if variable == ALL:
        raise ValueError(f"is {ALL!r}, expected a hardness variable that cuts levels")
    return variable


class CrossDifficulty(Tested):
    """A dataset cut into levels, best into bins of equal size, and the methods that are trained on each."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    variable: Annotated[str, AfterValidator(_cuts)] = Field(
        description="The hardness variable; `cuts: {VARIABLE: {bins: 10}}` of the dataset makes ten levels of it."
    )
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    boots: int | None = Field(None, ge=1, le=1000, description="Training draws, instead of splits.boots.")
    train_on: Names = Field([], description=f"Levels to train on; every one unless given. {TRAIN_ON}")


Entry = CrossDifficulty


def arms(entry: CrossDifficulty, name: str, given: Given) -> Sequence[Arm]:
    """One, of every level."""
    levels = with_mixes(given.levels(entry.dataset, entry.variable), entry.train_on)
    run, trained = (tuple(entry.methods), entry.tested(given)), tuple(entry.train_on) or None
    return [Arm(name, entry.dataset, entry.variable, levels, *run, boots=entry.boots, train_on=trained)]
