"""A strong model that a weak one teaches, beside the same model with right answers (Burns et al. 2023, section 3).

Weak: the teacher, trained on right answers of the supervisor pool. Weak-to-strong: the strong model trained on what the
teacher says of experiment items. Ceiling: the strong model trained on right answers of the very same items. Training
items are of each level of a hardness variable in turn, and so may the teacher's be: hardness meets weakness.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from uphill.experiments.arms import Arm, Given
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED, REQUIRED = 8, False, False
DESCRIPTION = "Rows of the weak-to-strong experiment: a strong model trained on the labels of a weak one."


class WeakToStrong(ConfigEntry):
    """Who teaches whom on a dataset, by which methods."""

    dataset: str = Field(description="The dataset that is trained and tested on; it needs `pools.supervisor`.")
    variable: str = Field(ALL, description="The hardness variable that cuts what students train on; all cuts none.")
    methods: Names = Field(min_length=1, description="How students are trained: names from `methods`.")
    weak: str | None = Field(None, description="The model that teaches, and")
    strong: str | None = Field(None, description="the one that is taught; or")
    models: Names = Field([], description="models from weak to strong, with")
    pairs: Literal["all"] | None = Field(None, description="all: each teaches itself and every one after it.")
    labels: Names = Field(
        [], description="What students are trained on: names from `labels`, of the weak model. Or it is made here:"
    )
    teacher: str | None = Field(
        None, description="how the weak model is trained, a name from `methods`; the first of this row's unless given."
    )
    soft: list[bool] = Field(
        [False], min_length=1, max_length=2, description="Whether labels are probabilities; [false, true] compares."
    )
    confident: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Students also of those labels alone to which the teacher gives more than this probability: the "
        "others are left out of the same draws.",
    )
    teach_on: Names = Field(
        [ALL], min_length=1, description="What the teacher is trained on: `all`, or levels of the variable."
    )

    @model_validator(mode="after")
    def _who(self) -> Self:
        if self.pairs is None and (self.weak is None or self.strong is None or self.models):
            raise ValueError("expected weak and strong, or models from weak to strong with pairs: all")
        if self.pairs is not None and (not self.models or self.weak or self.strong):
            raise ValueError("pairs is 'all', expected models from weak to strong, and neither weak nor strong")
        if self.labels and self.pairs is not None:
            raise ValueError(f"labels is {self.labels} with pairs: all, expected none: each pair has its own")
        made = {"teacher", "soft", "teach_on", "confident"} & self.model_fields_set
        if self.labels and made:
            raise ValueError(f"{min(made)} is given beside labels, expected one of them: labels say how they are made")
        if len(set(self.soft)) < len(self.soft):
            raise ValueError(f"soft is {self.soft}, expected each once")
        if self.variable == ALL and self.teach_on != [ALL]:
            raise ValueError(f"teach_on is {self.teach_on} and variable {ALL!r}, expected a variable that has levels")
        return self

    @property
    def taught(self) -> list[tuple[str, str]]:
        """(weak, strong) of each pair."""
        if self.weak is not None and self.strong is not None:
            return [(self.weak, self.strong)]
        return [(weak, strong) for place, weak in enumerate(self.models) for strong in self.models[place:]]

    def labelled(self, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The name of each of a model's labels, and their entry."""
        method = self.teacher or self.methods[0]
        entry = {"kind": "predicted", "dataset": self.dataset, "method": method, "model": model}
        least = [None] if self.confident is None else [None, self.confident]
        for soft, train_on, confident in product(self.soft, self.teach_on, least):
            level = {} if train_on == ALL else {"variable": self.variable, "train_on": train_on}
            kept = {} if confident is None else {"confident": confident}
            said = [f"over_{100 * value:g}" for value in kept.values()] + ["soft"] * soft
            yield (
                ".".join([self.dataset, model, method, *level.values(), *said]),
                {**entry, "soft": soft, **level, **kept},
            )


Entry = WeakToStrong


def labels(entry: WeakToStrong) -> Mapping[str, dict[str, Any]]:
    """Entries of labels that a row makes: of each weak model, and of each strong one, which is a ceiling too.

    A strong model that is trained as the teacher is, on the same items, is the ceiling of the published first entry
    point (WS-06 of the specification).
    """
    if entry.labels:
        return {}
    models = dict.fromkeys(model for pair in entry.taught for model in pair)
    return dict(one for model in models for one in entry.labelled(model))


def arms(entry: WeakToStrong, name: str, given: Given) -> Sequence[Arm]:
    """Right answers to all models of the row, and to each strong model the labels of each weak one that teaches it."""
    levels, methods = given.levels(entry.dataset, entry.variable), tuple(entry.methods)
    models = tuple(dict.fromkeys(model for pair in entry.taught for model in pair))
    gold = Arm(name, entry.dataset, entry.variable, levels, methods, models, repeats=True)
    found = [gold]
    for weak, strong in entry.taught:
        own = entry.labels or [name for name, _ in entry.labelled(weak)]
        found += [replace(gold, models=(strong,), labels=one) for one in own]
    return found
