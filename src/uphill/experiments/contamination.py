"""What flagged items do to a study's answers: tables with them, without them and of them alone.

A flag is any column of the items or any measure: whether an item was in training text, but also whether it asks for
knowledge or for reasoning. It trains nothing: it reads what rows of other experiments have trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic import Field, model_validator

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.experiments.trained_by_others import READ, trained_arms
from uphill.schemas.spelling import Names

PLACE, NAMED = 11, False
DESCRIPTION = (
    "Rows that split the test items of population, learning_curves and cross_difficulty by a flag, such as whether a "
    "model has read them: docs/questions.md."
)


class Contamination(ConfigEntry):
    """A flag of a dataset's items, and the levels that other rows train on."""

    dataset: str = Field(description="The dataset that is tested on.")
    variable: str = Field(description=f"A hardness variable that a row of {', '.join(READ)} cuts levels by.")
    flag: str = Field(
        description="A column of the dataset's items, or a variable of a measure, such as in_training_text."
    )
    above: float | None = Field(
        None, description="An item is flagged where its value, true being 1, is above this: .5 unless given. Or"
    )
    equals: str | None = Field(None, description="where its text is this one.")
    methods: Names = Field([], description="Methods of those rows; all of them unless given.")
    models: Names = Field([], description="Models of those rows; all of them unless given.")

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.above is not None and self.equals is not None:
            raise ValueError(f"above is {self.above:g} and equals {self.equals!r}, expected one of them")
        return self


Entry = Contamination


def arms(entry: Contamination, name: str, given: Given) -> Sequence[Arm]:  # noqa: ARG001 - the interface
    """None: nothing is trained."""
    return []


def reads(entry: Contamination, known: Sequence[Arm], given: Given, unsupervised: Mapping[str, str]) -> list[Arm]:
    """The arms of other rows that an entry's table is made of, each with the flag that is asked for.

    Args:
        entry: of the config.
        known: every arm of the study.
        given: says which methods train.
        unsupervised: by dataset, the method without supervision, which is read beside the others.

    Raises:
        ValueError: what no row trains: the key, its value and what was expected.
    """
    variables = ("variable", [entry.variable])
    found = trained_arms(entry.dataset, variables, entry.methods, entry.models, known, given, unsupervised)
    above = 0.5 if entry.above is None and entry.equals is None else entry.above
    return [replace(arm, asked={"flag": entry.flag, "above": above, "equals": entry.equals}) for arm in found]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """`slices`, a map each: what is read, and how it is flagged; and `columns`, by dataset, of items."""
    slices = [
        {
            **{"splits": [arm.experiment, arm.dataset, arm.variable, arm.split]},
            **{"methods": list(arm.methods), "models": list(arm.models), **arm.asked},
        }
        for arm in arms
    ]
    columns: dict[str, list[str]] = {}
    for arm in arms:
        own, flag = columns.setdefault(arm.dataset, []), arm.asked["flag"]
        if flag not in own:
            own.append(flag)
    return {"slices": _joined(slices), "columns": columns}


def _joined(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of arms that share their splits and flag, as rows of one variable do, one slice with the methods of them all."""
    found: dict[str, dict[str, Any]] = {}
    for one in slices:
        key = repr([one[name] for name in ("splits", "flag", "above", "equals")])
        whole = found.setdefault(key, {**one, "methods": [], "models": []})
        for name in ("methods", "models"):
            whole[name] += [value for value in one[name] if value not in whole[name]]
    return list(found.values())
