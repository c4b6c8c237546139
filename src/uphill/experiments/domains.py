"""Every pair of some datasets: each trained on, at each level, and each tested."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from uphill.experiments.arms import TRAIN_ON, Arm, Given, Tested, with_mixes
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Name, Names, distinct

PLACE, NAMED = 13, False
DESCRIPTION = "Rows that train on each of some datasets and test on each: the matrix of domain and level."


class Domains(Tested):
    """Datasets that one variable cuts alike, and the methods that are trained on each and tested on each."""

    datasets: Annotated[list[Name], AfterValidator(distinct)] = Field(
        min_length=2, description="Datasets of which each is trained on and each is tested."
    )
    variable: str = Field(description="The hardness variable that cuts the same levels of each.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    train_on: Names = Field([], description=f"Levels to train on; every one unless given. {TRAIN_ON}")

    @field_validator("variable")
    @classmethod
    def _cuts(cls, variable: str) -> str:
        if variable == ALL:
            raise ValueError(f"is {ALL!r}, expected a hardness variable")
        return variable


Entry = Domains


def arms(entry: Domains, name: str, given: Given) -> Sequence[Arm]:
    """One a dataset that is tested, trained on every dataset."""
    run = (tuple(entry.methods), entry.tested(given))
    return [
        Arm(
            *(name, dataset, entry.variable, with_mixes(given.levels(dataset, entry.variable), entry.train_on), *run),
            train_from=tuple(entry.datasets),
            train_on=tuple(entry.train_on) or None,
        )
        for dataset in entry.datasets
    ]
