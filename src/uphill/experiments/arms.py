"""What the workflow runs of an experiment: arms, each a dataset cut into ordered levels and what is run on it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.schemas.level_names import MIX, is_mix
from uphill.schemas.mixtures import parts_of
from uphill.schemas.names import ALL, EXPERIMENT_POOL, GOLD, TEST_POOL
from uphill.schemas.spelling import Names

TEACHERS = "labels"
"""The kind of an arm that is no experiment's: of a teacher, whose answers become labels."""


@dataclass(frozen=True)
class Level:
    """Some items of a dataset: of a level of a variable, or with values from `min` to `max`; of no variable, all.

    Attributes:
        name: what splits, tables and figures call it.
        level: the variable's level, or several of them.
        dataset: whose items alone it has; None for any dataset of the arm.
        equal: whether it is of several levels and trained on as many items of each; nobody is tested on it.
    """

    name: str
    variable: str
    level: str | tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    dataset: str | None = None
    equal: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Levels of the variable that it is made of."""
        return (self.level,) if isinstance(self.level, str) else self.level or ()

    @property
    def definition(self) -> dict[str, Any]:
        """Which items, as plain data."""
        return {"variable": self.variable, "levels": list(self.parts) or None, "min": self.min, "max": self.max}


def levels_of(variable: str, names: Iterable[str]) -> tuple[Level, ...]:
    """The levels that a variable is cut into, from easy to hard; of no variable, the one of all items."""
    return (Level(ALL, ALL),) if variable == ALL else tuple(Level(name, variable, name) for name in names)


TRAIN_ON = (
    "A list entry is a level, or several with `+` between, from easy to hard: `easy+hard` is half of each, "
    "`easy+medium+hard` a third; as many items in all as of one level."
)
"""What every key says of the levels that are trained on."""


def with_mixes(levels: Sequence[Level], train_on: Iterable[str]) -> tuple[Level, ...]:
    """Levels, and the mixes of them that are trained on, each after the hardest of its parts.

    Args:
        levels: that a variable cuts, from easy to hard.
        train_on: names of levels and of mixes.
    """
    place = {level.name: number for number, level in enumerate(levels)}
    mixes = [Level(name, levels[0].variable, tuple(name.split(MIX)), equal=True) for name in train_on if is_mix(name)]
    hardest = {mix.name: max(place.get(part, len(levels)) for part in mix.parts) for mix in mixes}
    return tuple(sorted([*levels, *mixes], key=lambda level: (place | hardest)[level.name]))


@dataclass(frozen=True, eq=False)
class Arm:
    """One part of an experiment.

    Attributes:
        experiment: what it is called in files and tables: the experiment, or the entry's own name.
        variable: the hardness variable that cuts levels; `all`, or what levels of several are called together.
        levels: from easy to hard.
        methods, models: what is run.
        kind: the module of uphill/experiments that it is of.
        train_from: datasets to train on, each by itself, or several by the name of their mixture; the tested one unless
            given.
        sizes: by method, how many training items, instead of the method's own number.
        noise: probabilities that a training label is drawn at random.
        noise_factors: by train level, how many times that probability, where it is not once.
        boots: draws of the training items; None for the study's.
        n_train: training items drawn for each level; None for the study's.
        n_test: test items; None for the dataset's.
        min_test: items that each level keeps for testing; None for the study's.
        train_on, test_on: levels to train on and to test on; None for every level.
        pairs: the other model that each is held against.
        baseline: whether the dataset's unsupervised method is run beside the others.
        repeats: whether another row of the experiment may ask for the same.
        labels: what is trained on: the dataset's own answers, or labels of the config.
        train_pool: whose items are trained on. Of another than the experiment pool, all items of the experiment and
            test pools are tested.
        answers: of a teacher, the pool whose items it labels.
        roles: what models are to each other, for the table.
        asked: what an entry that reads the arm asks of it, for the table.
    """

    experiment: str
    dataset: str
    variable: str
    levels: tuple[Level, ...]
    methods: tuple[str, ...]
    models: tuple[str, ...]
    kind: str = ""
    train_from: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    noise: tuple[float, ...] = (0.0,)
    noise_factors: Mapping[str, float] = field(default_factory=dict)
    boots: int | None = None
    n_train: int | None = None
    n_test: int | None = None
    min_test: int | None = None
    train_on: tuple[str, ...] | None = None
    test_on: tuple[str, ...] | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    baseline: bool = True
    repeats: bool = False
    labels: str = GOLD
    train_pool: str = EXPERIMENT_POOL
    answers: str = EXPERIMENT_POOL
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slice(self) -> str:
        """The arm's name within the predictions of a method, model and dataset."""
        return f"{self.experiment}/{self.variable}"

    @property
    def split(self) -> str:
        """The name of the arm's splits: the variable, where they are the study's own."""
        asked = (self.boots, self.n_train, self.n_test, self.min_test, self.train_on, self.test_on)
        general = asked == (None,) * len(asked) and self.levels == levels_of(self.variable, self.order)
        general = general and self.train_pool == EXPERIMENT_POOL
        return self.variable if general or self.experiment == self.variable else f"{self.variable}.{self.experiment}"

    @property
    def test_pools(self) -> tuple[str, ...]:
        """Whose items alone are tested, where there are some; else those of the train pool that are not trained on."""
        if self.train_pool == EXPERIMENT_POOL:
            return (TEST_POOL,)
        return tuple(dict.fromkeys((self.answers, EXPERIMENT_POOL, TEST_POOL)))

    @property
    def sources(self) -> tuple[str, ...]:
        """What is trained on: datasets, and mixtures of several."""
        return self.train_from or (self.dataset,)

    @property
    def drawn_from(self) -> tuple[str, ...]:
        """Every dataset that is trained on, alone or with others."""
        return tuple(dict.fromkeys(part for source in self.sources for part in parts_of(source)))

    @property
    def involved(self) -> tuple[str, ...]:
        """Every dataset, the tested one first."""
        return tuple(dict.fromkeys([self.dataset, *self.drawn_from]))

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the levels, from easy to hard."""
        return tuple(level.name for level in self.levels)

    def levels_in(self, dataset: str) -> tuple[Level, ...]:
        """The levels that have items of a dataset."""
        return tuple(level for level in self.levels if level.dataset in (None, dataset))

    def some_in(self, dataset: str, names: Sequence[str] | None) -> list[str] | None:
        """Those of some levels that have items of a dataset; None, for every level, stays so."""
        there = {level.name for level in self.levels_in(dataset)}
        return None if names is None else [name for name in names if name in there]


@dataclass(frozen=True)
class Given:
    """What an experiment may ask of the rest of the config.

    Attributes:
        models: that are tested, unless an entry names its own.
        n_train: how many items a method trains on.
        levels: those that a dataset is cut into by a variable.
        pool_of: the pool whose items some labels are of.
    """

    models: tuple[str, ...]
    n_train: Callable[[str], int]
    levels: Callable[[str, str], tuple[Level, ...]]
    pool_of: Callable[[str], str]


class Entry(BaseModel):
    """A part of the config: unknown keys are refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Labelled(Entry):
    """What every entry may say that trains on one kind of labels."""

    labels: str = Field(
        GOLD, description="What is trained on: `gold`, the dataset's own answers, or a name from `labels`."
    )


class Tested(Labelled):
    """What every entry of an experiment may say."""

    models: Names = Field([], description="Models to run; `test_models` unless given.")

    @model_validator(mode="after")
    def _some_if_any(self) -> Self:
        for key in ("models", "train_from", "train_on"):
            if key in self.model_fields_set and not getattr(self, key):
                raise ValueError(f"{key} is [], expected names, or no such key")
        return self

    def tested(self, given: Given) -> tuple[str, ...]:
        """Models that are run."""
        return tuple(self.models) or given.models


class Experiment(Protocol):
    """What a module of this room has.

    Attributes:
        PLACE: where it stands among experiments, in the config's documentation and in the report.
        DESCRIPTION: of its config key.
        NAMED: whether its entries have names, which are those of their tables; else they are a list.
        Entry: an entry of the config.
    """

    PLACE: int
    DESCRIPTION: str
    NAMED: bool

    @property
    def Entry(self) -> type[BaseModel]:
        """The model of an entry."""
        ...

    def arms(self, entry: Any, name: str, given: Given) -> Sequence[Arm]:
        """What an entry makes the workflow run; `name` is the entry's own, or the experiment's."""
