"""Models that are trained here on other models' labels, beside those that are not (Alice, Wu et al. 2025, tables of
results; Burns et al. 2023, section 3).

Nobody is trained by this experiment: each model is one of the config, asked by one method that trains on nothing, on
test items that none of them has seen. Models of a role differ in the seed of their training alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic import Field, model_validator

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED, REQUIRED = 9, False, False
DESCRIPTION = "Rows of the comparison of models that are trained on labels: teachers, students and ceilings."
WEAK, CEILING, WEAK_GOLD, UNTRAINED = "weak", "ceiling", "weak_gold", "untrained"
ROLES = (WEAK, WEAK_GOLD, UNTRAINED, CEILING)


class Students(ConfigEntry):
    """Who is held against whom on a dataset."""

    dataset: str = Field(description="The dataset that is tested on; it needs `pools.test`.")
    variable: str = Field(ALL, description="The hardness variable whose levels are told apart; all tells none.")
    method: str = Field(description="How all are asked: a name from `methods`, of one that trains on nothing.")
    weak: Names = Field(min_length=1, max_length=1, description="The model that gave the labels.")
    students: dict[str, Names] = Field(
        min_length=1,
        description="Models that were trained on its labels, by what the labels are called; several differ in the seed "
        "of their training.",
    )
    ceiling: Names = Field(min_length=1, description="The same models, trained on right answers.")
    weak_gold: Names = Field([], description="The weak model, trained on those right answers.")
    untrained: Names = Field([], max_length=1, description="What students are trained from.")

    @model_validator(mode="after")
    def _roles(self) -> Self:
        for name, models in self.students.items():
            if name in ROLES:
                raise ValueError(f"students.{name} is called as a role is, expected another name")
            if not models:
                raise ValueError(f"students.{name} is [], expected names from models")
            if len(models) != len(self.ceiling):
                raise ValueError(
                    f"students.{name} has {len(models)} models and ceiling {len(self.ceiling)}, expected as many: each "
                    "is held against the one of its seed"
                )
        return self

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Models by role, those of students by the name of their labels."""
        others = {role: tuple(getattr(self, role)) for role in ROLES}
        return {**{name: tuple(models) for name, models in self.students.items()}, **others}


Entry = Students


def arms(entry: Students, name: str, given: Given) -> Sequence[Arm]:
    """All models, asked the same.

    Raises:
        ValueError: the method trains on something.
    """
    if given.n_train(entry.method):
        raise ValueError(f"{name}: method is {entry.method!r}, which is trained, expected one that trains on nothing")
    models = tuple(dict.fromkeys(model for own in entry.roles.values() for model in own))
    levels = given.levels(entry.dataset, entry.variable)
    place, run = (name, entry.dataset, entry.variable, levels), ((entry.method,), models)
    # Nothing is drawn to train on, and all test items are tested, however few a level has.
    least = replace(Arm(*place, *run, baseline=False, repeats=True), boots=1, n_train=1, min_test=1)
    return [replace(least, roles=entry.roles)]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """Of each row, the dataset, the variable, the method and the models by role."""
    return {
        "rows": [
            {
                "dataset": arm.dataset,
                "variable": arm.variable,
                "method": arm.methods[0],
                "roles": {role: list(models) for role, models in arm.roles.items()},
            }
            for arm in arms
        ]
    }
