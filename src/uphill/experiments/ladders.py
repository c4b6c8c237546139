"""Training data of growing difficulty, from any datasets, tested on some items of one."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from uphill.experiments.arms import Arm, Given, Level, Tested
from uphill.experiments.arms import Entry as ConfigEntry
from uphill.schemas.spelling import Name, Names, alike, means_something

PLACE, NAMED = 6, True
DESCRIPTION = "Ladders by name, which is also that of the table."


class Rung(ConfigEntry):
    """Some items of a dataset: those of a level, or those with values from `min` to `max`."""

    dataset: str = Field(description="The dataset.")
    variable: str = Field(description="A hardness variable of it.")
    level: str | None = Field(None, description="A level of the variable, or")
    min: float | None = Field(None, description="the smallest value and")
    max: float | None = Field(None, description="the largest, one of which may be missing.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.level is None) == (self.min is None and self.max is None):
            raise ValueError("expected either level, or min or max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min} and max {self.max}, expected min <= max")
        return self

    def named(self, name: str) -> Level:
        """As a level of the ladder."""
        return Level(name, self.variable, self.level, self.min, self.max, self.dataset)


def _rungs(train: dict[str, Rung]) -> dict[str, Rung]:
    """Rungs that are told apart, in tables too.

    Raises:
        ValueError: two are not, or a name means something else.
    """
    seen: dict[Any, str] = {}
    for name, rung in train.items():
        if means_something(name):
            raise ValueError(
                f"the name {name!r} means something else in tables, expected one that says what is trained"
            )
        other = seen.setdefault(rung.named(""), name)
        if other != name:
            raise ValueError(f"{name!r} has the same items as {other!r}, expected each rung once")
    same = alike(train)
    if same:
        raise ValueError(f"{same[1]!r} and {same[0]!r} differ in case only, expected another name")
    return train


class Ladder(Tested):
    """Training data of growing difficulty, from any datasets, tested on one band of items."""

    test: Rung = Field(description="What is tested.")
    train: Annotated[dict[Name, Rung], AfterValidator(_rungs)] = Field(
        min_length=1, description="What is trained on, by name, from the easiest on."
    )
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    n_test: int | None = Field(
        None, ge=1, le=10_000_000, description="Test items; the dataset's or the study's number unless given."
    )
    boots: int | None = Field(
        None, ge=1, le=1000, description="Draws of the training items; splits.boots unless given."
    )


Entry = Ladder


def arms(entry: Ladder, name: str, given: Given) -> Sequence[Arm]:
    """One, whose levels are the rungs, and above them what is tested, unless that is one of them."""
    rungs = [rung.named(of) for of, rung in entry.train.items()]
    same = [of for of, rung in entry.train.items() if rung == entry.test]
    tested = same[0] if same else "test"
    return [
        Arm(
            name,
            entry.test.dataset,
            name,
            tuple(rungs if same else [*rungs, entry.test.named(tested)]),
            tuple(entry.methods),
            entry.tested(given),
            train_from=tuple(dict.fromkeys(rung.dataset for rung in entry.train.values())),
            boots=entry.boots,
            n_train=max(1, *map(given.n_train, entry.methods)),
            n_test=entry.n_test,
            min_test=1,
            train_on=tuple(entry.train),
            test_on=(tested,),
        )
    ]
