"""The cells that a prediction job makes, those of like cost together."""

from collections.abc import Iterator
from dataclasses import dataclass

from uphill.config.placing import used_labels
from uphill.config.study import ALL_VARIABLE, Config
from uphill.experiments.arms import Arm
from uphill.schemas.mixtures import parts_of
from uphill.schemas.names import EXPERIMENT_POOL, GOLD
from uphill.workflow.paths import taught_by
from uphill.workflow.stages.predictions import arms
from uphill.workflow.study import Study


@dataclass(frozen=True)
class Cells:
    """Cells of one prediction job that cost the same.

    Attributes:
        source: the dataset that is trained on, or the name of a mixture of several.
        count: how many cells.
        n_train: training items of each; 0 without supervision.
        reserved: training items of a boot, all levels together, that no cell is tested on.
        share: the part of the test items that is asked.
        n_test: test items, where the experiment has a number of its own.
        all_tested: whether every item is asked that a teacher may label, or that is tested.
    """

    method: str
    model: str
    dataset: str
    source: str
    count: int
    n_train: int
    reserved: int = 0
    share: float = 1.0
    all_tested: bool = False
    n_test: int | None = None


def cells_of(study: Study, method: str, model: str, dataset: str, taught: str = "") -> list[Cells]:
    """Cells of one job, over all experiments that it is part of; `taught` is that of its files' names."""
    labels = next((one for one in used_labels(study.config) if taught_by(one) == taught), GOLD)
    found = arms(study, method, model, dataset, labels)
    return [cells for arm in found for cells in _of_arm(study.config, arm, method, model)]


def _of_arm(config: Config, arm: Arm, method: str, model: str) -> Iterator[Cells]:
    n_train, share = config.n_train(method), _share(config, arm)
    if not n_train:
        yield Cells(method, model, arm.dataset, arm.dataset, 1, 0, share=share, n_test=arm.n_test)
        return
    reserved = _reserved(config, arm) * (arm.n_train or config.splits.n_train)
    for source in arm.sources:
        boots, [first, *_] = arm.boots or config.splits.draws, parts_of(source)  # whose levels are those of all parts
        count = _trained(config, arm, first) * boots * len(arm.noise)
        for size in arm.sizes.get(method) or (n_train,):
            everything = arm.train_pool != EXPERIMENT_POOL
            yield Cells(method, model, arm.dataset, source, count, size, reserved, share, everything, arm.n_test)


def _trained(config: Config, arm: Arm, dataset: str) -> int:
    """How many levels of a dataset are trained on."""
    named = arm.some_in(dataset, arm.train_on)
    return n_levels(config, dataset, arm.variable) if named is None else len(named)


def _reserved(config: Config, arm: Arm) -> int:
    """How many levels of the tested dataset have items that are trained on: a mix takes none that they do not."""
    named = arm.some_in(arm.dataset, arm.train_on)
    if named is None:
        return n_levels(config, arm.dataset, arm.variable)
    return len({part for level in arm.levels if level.name in named for part in level.parts or (level.name,)})


def _share(config: Config, arm: Arm) -> float:
    """The part of the test items that is of the levels asked: levels are taken to be of equal size."""
    tested = [level for level in arm.levels if level.name in (arm.test_on or ())]
    return sum(1 / n_levels(config, arm.dataset, level.variable) for level in tested) if tested else 1.0


def n_levels(config: Config, dataset: str, variable: str) -> int:
    """How many levels a variable cuts a dataset into."""
    if variable == ALL_VARIABLE:
        return 1
    cut = config.cut(dataset, variable)
    if cut is None:
        return 3
    if cut.n_bins:
        return cut.n_bins
    # Grades are whole numbers: nothing lies between two neighbours.
    return 2 if cut.easy_max is not None and cut.hard_min is not None and cut.hard_min - cut.easy_max <= 1 else 3
