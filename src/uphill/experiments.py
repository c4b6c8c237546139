"""The experiments of a study as the config states them, and the rows that the workflow runs.

Each experiment has an entry model of its own; all become `Row`s, which is what the rest of the workflow sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.schemas.names import ALL
from uphill.schemas.spelling import Name, Names, distinct

POPULATION, ALL_TO_ALL, LEARNING_CURVES = "population", "all_to_all", "learning_curves"
NOISY_LABELS, QUANTIZATION = "noisy_labels", "quantization"


@dataclass(frozen=True)
class Band:
    """Some items of a dataset: those of a level of a variable, or with values from `min` to `max`."""

    variable: str
    level: str | None
    min: float | None
    max: float | None


@dataclass(frozen=True, eq=False)
class Row:
    """One part of an experiment: a dataset cut by a variable, and what is run on it.

    Attributes:
        experiment: the experiment, and the table that shows it.
        variable: the hardness variable that cuts levels; `all`, or the name of a ladder, which cuts bands.
        methods, models: what is run.
        train_from: datasets to train on; the tested one unless given.
        sizes: by method, how many training items, instead of the method's own number.
        noise: probabilities that a training label is drawn at random; on hard data times `hard_noise`.
        boots: draws of the training items; None for the study's.
        n_train: training items drawn for each level; None for the study's.
        train_on, test_on: levels to train on and to test on; None for every level.
        bands: of a ladder, by dataset and name.
    """

    experiment: str
    dataset: str
    variable: str
    methods: tuple[str, ...]
    models: tuple[str, ...]
    train_from: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    noise: tuple[float, ...] = (0.0,)
    hard_noise: float = 1.0
    boots: int | None = None
    n_train: int | None = None
    train_on: tuple[str, ...] | None = None
    test_on: tuple[str, ...] | None = None
    bands: Mapping[str, Mapping[str, Band]] = field(default_factory=dict)

    @property
    def slice(self) -> str:
        """The row's name within the predictions of a method, model and dataset."""
        return f"{self.experiment}/{self.variable}"

    @property
    def split(self) -> str:
        """The name of the row's splits: the variable, where they are the study's own."""
        own = self.experiment in (POPULATION, ALL_TO_ALL) or self.experiment == self.variable
        return self.variable if own else f"{self.variable}.{self.experiment}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Datasets to train on."""
        return self.train_from or (self.dataset,)

    def rungs_of(self, dataset: str) -> tuple[str, ...] | None:
        """Levels of a source that are trained on."""
        if not self.bands:
            return self.train_on
        return tuple(name for name in self.train_on or () if name in self.bands[dataset])

    @property
    def involved(self) -> tuple[str, ...]:
        """Every dataset, the tested one first."""
        return tuple(dict.fromkeys([self.dataset, *self.sources]))


class Entry(BaseModel):
    """A part of the config: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tested(Entry):
    """What every row of an experiment may say."""

    models: Names = Field([], description="Models to run; `test_models` unless given.")

    @model_validator(mode="after")
    def _some_if_any(self) -> Self:
        for key in ("models", "train_from"):
            if key in self.model_fields_set and not getattr(self, key):
                raise ValueError(f"{key} is [], expected names, or no such key")
        return self


class Population(Tested):
    """A dataset cut by a variable, and the methods that are trained on each level of it."""

    dataset: str = Field(description="The dataset that is tested on.")
    variable: str = Field(description="The hardness variable that cuts easy, medium and hard.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    train_from: Names = Field([], description="Datasets to train on; the tested one unless given.")

    def row(self, models: list[str]) -> Row:
        """As the workflow runs it; `models` is what is tested unless the row says so."""
        return Row(
            POPULATION,
            self.dataset,
            self.variable,
            tuple(self.methods),
            tuple(self.models or models),
            train_from=tuple(self.train_from),
        )


class AllToAll(Tested):
    """Training items of any difficulty, tested on all."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")

    def row(self, models: list[str]) -> Row:
        """As the workflow runs it."""
        return Row(ALL_TO_ALL, self.dataset, ALL, tuple(self.methods), tuple(self.models or models))


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
    train_on: Names = Field(["easy", "hard"], min_length=1, description="Levels to train on.")
    test_on: Names = Field(["hard"], min_length=1, description="Levels to test on.")

    @model_validator(mode="after")
    def _some_sizes(self) -> Self:
        for method, sizes in self.sizes.items():
            if not sizes or sorted(set(sizes)) != sizes:
                raise ValueError(f"sizes.{method} is {sizes}, expected growing numbers")
        return self

    def row(self, models: list[str]) -> Row:
        """As the workflow runs it."""
        return Row(
            LEARNING_CURVES,
            self.dataset,
            self.variable,
            tuple(self.sizes),
            tuple(self.models or models),
            sizes={method: tuple(sizes) for method, sizes in self.sizes.items()},
            boots=self.boots,
            n_train=max(max(sizes) for sizes in self.sizes.values()),
            train_on=tuple(self.train_on),
            test_on=tuple(self.test_on),
        )


class NoisyLabels(Tested):
    """Training labels of which a share is drawn at random, a larger share of hard ones."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    variable: str = Field(description="The hardness variable that cuts levels.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    noise: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=1, description="Probabilities that the label of an easy training item is drawn at random."
    )
    hard_factor: float = Field(2.0, gt=0, description="Labels of hard items are drawn with this times the probability.")
    train_on: Names = Field(["easy", "hard"], min_length=1, description="Levels to train on.")
    test_on: Names = Field(["hard"], min_length=1, description="Levels to test on.")

    @model_validator(mode="after")
    def _probabilities(self) -> Self:
        distinct(self.noise)
        if max(self.noise) * max(1.0, self.hard_factor) > 1:
            raise ValueError(
                f"noise up to {max(self.noise)} and hard_factor {self.hard_factor}, expected a product of at most 1"
            )
        return self

    def row(self, models: list[str]) -> Row:
        """As the workflow runs it."""
        return Row(
            NOISY_LABELS,
            self.dataset,
            self.variable,
            tuple(self.methods),
            tuple(self.models or models),
            noise=tuple(self.noise),
            hard_noise=self.hard_factor,
            train_on=tuple(self.train_on),
            test_on=tuple(self.test_on),
        )


class Rung(Entry):
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

    @property
    def band(self) -> Band:
        """The same without the dataset."""
        return Band(self.variable, self.level, self.min, self.max)


class Ladder(Tested):
    """Training data of growing difficulty, from any datasets, tested on one band of items."""

    test: Rung = Field(description="What is tested.")
    train: dict[Name, Rung] = Field(min_length=1, description="What is trained on, by name, from the easiest on.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    boots: int | None = Field(
        None, ge=1, le=1000, description="Draws of the training items; splits.boots unless given."
    )

    def row(self, name: str, models: list[str], n_train: int) -> Row:
        """As the workflow runs it; the bands of the ladder `name` take the place of levels."""
        rungs = list(self.train.items())
        same = [rung for rung, there in rungs if there == self.test]
        tested = same[0] if same else "test"
        bands: dict[str, dict[str, Band]] = {}
        for rung, there in [*rungs, (tested, self.test)]:
            bands.setdefault(there.dataset, {})[rung] = there.band
        return Row(
            name,
            self.test.dataset,
            name,
            tuple(self.methods),
            tuple(self.models or models),
            train_from=tuple(dict.fromkeys(there.dataset for _, there in rungs)),
            boots=self.boots,
            n_train=n_train,
            train_on=tuple(self.train),
            test_on=(tested,),
            bands=bands,
        )


class Quantization(Entry):
    """Models beside their quantized selves, trained and tested on items of any difficulty."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    pairs: dict[str, str] = Field(min_length=1, description="The quantized model, by the full one.")

    def row(self) -> Row:
        """As the workflow runs it."""
        models = dict.fromkeys([*self.pairs, *self.pairs.values()])
        return Row(QUANTIZATION, self.dataset, ALL, tuple(self.methods), tuple(models))


NOT_LADDERS = (
    *(POPULATION, ALL_TO_ALL, LEARNING_CURVES, NOISY_LABELS, QUANTIZATION, ALL),
    *("sgr", "comparisons", "ladders", "wide", "accuracy_by_hardness", "all_to_all_by_hardness"),
    *("hardness", "population_all", "train_levels", "by_model"),
)
"""Names of experiments, tables, layouts and figures, whether the study has them or not."""


def named(names: Sequence[str]) -> str | None:
    """The first name that cannot be that of a ladder, or None."""
    return next((name for name in names if name.lower() in NOT_LADDERS or "." in name), None)
