"""Accuracy by number of training items, for each level that is trained on."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from uphill.experiments.arms import TRAIN_ON, Arm, Given, Tested, with_mixes
from uphill.schemas.spelling import Names

PLACE, NAMED = 3, False
DESCRIPTION = "Rows of the learning curves."


class LearningCurves(Tested):
    """Accuracy by number of training items, for each level that is trained on."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    variable: str = Field(description="The hardness variable that cuts levels.")
    sizes: dict[str, list[Annotated[int, Field(ge=1, le=100_000)]]] = Field(
        min_length=1, description="By method, the numbers of training items (or examples)."
    )
    boots: int | None = Field(
        None, ge=1, le=1000, description="Draws of the training items; splits.boots unless given."
    )
    train_on: Names = Field(["easy", "hard"], min_length=1, description=f"Levels to train on. {TRAIN_ON}")
    test_on: Names = Field(["hard"], min_length=1, description="Levels to test on.")

    @model_validator(mode="after")
    def _some_sizes(self) -> Self:
        for method, sizes in self.sizes.items():
            if not sizes or sorted(set(sizes)) != sizes:
                raise ValueError(f"sizes.{method} is {sizes}, expected growing numbers")
        return self


Entry = LearningCurves


def arms(entry: LearningCurves, name: str, given: Given) -> Sequence[Arm]:
    """One, whose draws hold the largest size."""
    return [
        Arm(
            name,
            entry.dataset,
            entry.variable,
            with_mixes(given.levels(entry.dataset, entry.variable), entry.train_on),
            tuple(entry.sizes),
            entry.tested(given),
            sizes={method: tuple(sizes) for method, sizes in entry.sizes.items()},
            boots=entry.boots,
            n_train=max(max(sizes) for sizes in entry.sizes.values()),
            train_on=tuple(entry.train_on),
            test_on=tuple(entry.test_on),
        )
    ]
