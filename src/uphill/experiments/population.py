"""Training on each level of a dataset that a variable cuts, tested on every level."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from uphill.experiments.arms import TRAIN_ON, Arm, Given, Tested, with_mixes
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED = 1, False
DESCRIPTION = "Rows of the population experiment."


class Population(Tested):
    """A dataset cut by a variable, and the methods that are trained on each level of it."""

    dataset: str = Field(description="The dataset that is tested on.")
    variable: str = Field(description="The hardness variable that cuts easy, medium and hard.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    train_on: Names = Field([], description=f"Levels to train on; every one unless given. {TRAIN_ON}")
    train_from: Names = Field([], description="Datasets to train on; the tested one unless given.")

    @field_validator("variable")
    @classmethod
    def _cuts(cls, variable: str) -> str:
        if variable == ALL:
            raise ValueError(f"is {ALL!r}, expected a hardness variable; all_to_all is of items of any difficulty")
        return variable


Entry = Population


def arms(entry: Population, name: str, given: Given) -> Sequence[Arm]:
    """One, of every level."""
    levels = with_mixes(given.levels(entry.dataset, entry.variable), entry.train_on)
    run = (tuple(entry.methods), entry.tested(given))
    trained, source = tuple(entry.train_on) or None, tuple(entry.train_from)
    return [Arm(name, entry.dataset, entry.variable, levels, *run, train_from=source, train_on=trained)]
