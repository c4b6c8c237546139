"""Models that are trained here on other models' labels, beside those that are not (Alice, Wu et al. 2025, tables of
results; Burns et al. 2023, section 3).

Nobody is trained by this experiment: each model is one of the config, asked by one method that trains on nothing, on
test items that none of them has seen. Models of a role differ in the seed of their training alone.
"""

from collections.abc import Mapping, Sequence
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
    gold_method: str | None = Field(
        None,
        description="How the ceiling and weak_gold are asked, where they learned answers alone and students learned "
        "texts with reasoning; as all others unless given.",
    )

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

    def method_of(self, role: str) -> str:
        """How the models of a role are asked."""
        return (self.gold_method if role in (CEILING, WEAK_GOLD) else None) or self.method

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Models by role, those of students by the name of their labels."""
        others = {role: tuple(getattr(self, role)) for role in ROLES}
        return {**{name: tuple(models) for name, models in self.students.items()}, **others}


Entry = Students


def arms(entry: Students, name: str, given: Given) -> Sequence[Arm]:
    """All models, each as it is asked; those that are asked alike are one.

    Raises:
        ValueError: the method trains on something.
    """
    by_method: dict[str, dict[str, tuple[str, ...]]] = {}
    for role, models in entry.roles.items():
        by_method.setdefault(entry.method_of(role), {})[role] = models
    for key, method in (("method", entry.method), ("gold_method", entry.gold_method)):
        if method is not None and given.n_train(method):
            raise ValueError(f"{name}: {key} is {method!r}, which is trained, expected one that trains on nothing")
    levels, place = given.levels(entry.dataset, entry.variable), (name, entry.dataset, entry.variable)
    return [
        Arm(
            *place,
            levels,
            (method,),
            tuple(dict.fromkeys(model for own in roles.values() for model in own)),
            baseline=False,
            repeats=True,
            roles=roles,
        )
        for method, roles in by_method.items()
    ]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """Of each row, the dataset, the variable, and by role the models and how they are asked."""
    rows: list[dict[str, Any]] = []
    for arm in arms:
        own = {role: {"method": arm.methods[0], "models": list(models)} for role, models in arm.roles.items()}
        # The first arm of a row has its students, and the weak model.
        if WEAK in own:
            rows.append({"dataset": arm.dataset, "variable": arm.variable, "roles": {}})
        rows[-1]["roles"] |= own
    return {"rows": rows}
