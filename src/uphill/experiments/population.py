"""Training on each level of a dataset that a variable cuts, tested on every level."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from uphill.experiments.arms import TRAIN_ON, Arm, Given, Tested, with_mixes
from uphill.schemas.mixtures import mixture_name
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Name, Names, distinct

PLACE, NAMED = 1, False
DESCRIPTION = "Rows of the population experiment."


Share = Annotated[int, Field(ge=1, le=1000)]


def _named(source: str | list[str] | dict[str, int]) -> str:
    """A dataset, or several as the name of their mixture."""
    if isinstance(source, str):
        return source
    return mixture_name(source if isinstance(source, dict) else dict.fromkeys(source, 1))


def _once(sources: list[str | list[str] | dict[str, int]]) -> list[str | list[str] | dict[str, int]]:
    """Datasets and mixtures, none twice, and of two datasets or more each mixture.

    Raises:
        ValueError: not so.
    """
    for source in sources:
        if not isinstance(source, str) and len(set(source)) != max(2, len(source)):
            raise ValueError(f"is {source!r}, expected two different datasets or more")
    distinct([_named(source) for source in sources])
    return sources


class Population(Tested):
    """A dataset cut by a variable, and the methods that are trained on each level of it."""

    dataset: str = Field(description="The dataset that is tested on.")
    variable: str = Field(description="The hardness variable that cuts easy, medium and hard.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    train_on: Names = Field([], description=f"Levels to train on; every one unless given. {TRAIN_ON}")
    train_from: Annotated[list[Name | list[Name] | dict[Name, Share]], AfterValidator(_once)] = Field(
        [],
        description="Datasets to train on, each by itself; the tested one unless given. An entry may be several "
        "that are trained on together, as many items in all: `[a, b]` is half of each, `{a: 3, b: 1}` three of `a` to "
        "one of `b`; tables call them `a+b` and `a=3+b`.",
    )

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
    trained, source = tuple(entry.train_on) or None, tuple(map(_named, entry.train_from))
    return [Arm(name, entry.dataset, entry.variable, levels, *run, train_from=source, train_on=trained)]
