"""The cells that a prediction job makes, those of like cost together."""

from collections.abc import Iterator
from dataclasses import dataclass

from uphill.config.study import ALL_VARIABLE, Config
from uphill.experiments import Row
from uphill.workflow.stages.predictions import rows
from uphill.workflow.study import Study


@dataclass(frozen=True)
class Cells:
    """Cells of one prediction job that cost the same.

    Attributes:
        source: the dataset that is trained on.
        count: how many cells.
        n_train: training items of each; 0 without supervision.
        reserved: training items of a boot, all levels together, that no cell is tested on.
        share: the part of the test items that is asked.
    """

    method: str
    model: str
    dataset: str
    source: str
    count: int
    n_train: int
    reserved: int = 0
    share: float = 1.0


def cells_of(study: Study, method: str, model: str, dataset: str) -> list[Cells]:
    """Cells of one job, over all experiments that it is part of."""
    found = rows(study, method, model, dataset)
    return [cells for row in found for cells in _of_row(study.config, row, method, model)]


def _of_row(config: Config, row: Row, method: str, model: str) -> Iterator[Cells]:
    n_train, share = config.n_train(method), _share(config, row)
    if not n_train:
        yield Cells(method, model, row.dataset, row.dataset, 1, 0, share=share)
        return
    reserved = _trained(config, row, row.dataset) * (row.n_train or config.splits.n_train)
    for source in row.sources:
        count = _trained(config, row, source) * (row.boots or config.splits.draws) * len(row.noise)
        for size in row.sizes.get(method) or (n_train,):
            yield Cells(method, model, row.dataset, source, count, size, reserved, share)


def _trained(config: Config, row: Row, dataset: str) -> int:
    """How many levels of a dataset are trained on."""
    if row.bands:
        return len(row.rungs_of(dataset) or ()) if dataset in row.sources else 0
    return len(row.train_on) if row.train_on else n_levels(config, dataset, row.variable)


def _share(config: Config, row: Row) -> float:
    """The part of the test items that is of the levels asked: levels are taken to be of equal size."""
    if row.bands:
        [tested] = row.test_on or ()
        return 1 / n_levels(config, row.dataset, row.bands[row.dataset][tested].variable)
    return len(row.test_on) / n_levels(config, row.dataset, row.variable) if row.test_on else 1.0


def n_levels(config: Config, dataset: str, variable: str) -> int:
    """How many levels a variable cuts a dataset into."""
    if variable == ALL_VARIABLE:
        return 1
    cut = config.datasets[dataset].cuts.get(variable)
    if cut is None:
        return 3
    if cut.bins:
        return cut.bins
    # Grades are whole numbers: nothing lies between two neighbours.
    return 2 if cut.easy_max is not None and cut.hard_min is not None and cut.hard_min - cut.easy_max <= 1 else 3
