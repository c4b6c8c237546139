"""Training labels of which a share is drawn at random, a larger share of hard ones."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from uphill.experiments.arms import Arm, Given, Tested
from uphill.schemas.level_names import extremes, is_mix
from uphill.schemas.spelling import Names, distinct

PLACE, NAMED = 4, False
DESCRIPTION = "Rows of the experiment on label noise."


class NoisyLabels(Tested):
    """Training labels of which a share is drawn at random, a larger share of hard ones."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    variable: str = Field(description="The hardness variable that cuts levels.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    noise: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=1, description="Probabilities that the label of an easy training item is drawn at random."
    )
    hard_factor: float = Field(
        2.0,
        gt=0,
        description="Labels of the hardest level that is trained on are drawn with this times the probability; of one "
        "level alone, where the variable has none that is harder.",
    )
    train_on: Names = Field(["easy", "hard"], min_length=1, description="Levels to train on.")
    test_on: Names = Field(["hard"], min_length=1, description="Levels to test on.")

    @model_validator(mode="after")
    def _probabilities(self) -> Self:
        distinct(self.noise)
        mix = next(filter(is_mix, self.train_on), None)
        if mix is not None:
            raise ValueError(f"train_on is {mix!r}, expected single levels: a mix has no share of noise of its own")
        if max(self.noise) * max(1.0, self.hard_factor) > 1:
            raise ValueError(
                f"noise up to {max(self.noise)} and hard_factor {self.hard_factor}, expected a product of at most 1"
            )
        return self


Entry = NoisyLabels


def arms(entry: NoisyLabels, name: str, given: Given) -> Sequence[Arm]:
    """One; its hardest train level has the larger share."""
    levels = given.levels(entry.dataset, entry.variable)
    order = [level.name for level in levels]
    known = [level for level in entry.train_on if level in order]  # of others the config's checks tell
    _, hard = extremes(known, order)
    return [
        Arm(
            name,
            entry.dataset,
            entry.variable,
            levels,
            tuple(entry.methods),
            entry.tested(given),
            noise=tuple(entry.noise),
            noise_factors={hard: entry.hard_factor} if hard else {},
            train_on=tuple(entry.train_on),
            test_on=tuple(entry.test_on),
        )
    ]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """[model, dataset, variable, method, train level, factor] of everything that noise is multiplied for."""
    found = [
        [model, arm.dataset, arm.variable, method, level, factor]
        for arm in arms
        for model in arm.models
        for method in arm.methods
        for level, factor in arm.noise_factors.items()
    ]
    return {"noise_factors": found}
