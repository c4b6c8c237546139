"""The cells that each experiment asks of a prediction job, read off the config's rows.

Rows are read as plain data, so that this depends on the config's keys and on nothing that the workflow makes of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uphill.config import ALL_VARIABLE, Config

Row = Mapping[str, Any]


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


def all_cells(config: Config, rows: Row | None = None) -> list[Cells]:
    """Cells of every experiment.

    Args:
        config: the study.
        rows: its experiments, by key; those of the config unless given.
    """
    rows = config.model_dump() if rows is None else rows
    return [
        *_population(config, rows.get("population") or []),
        *_all_to_all(config, rows.get("all_to_all") or []),
        *_curves(config, rows.get("learning_curves") or []),
        *_noisy(config, rows.get("noisy_labels") or []),
        *_ladders(config, rows.get("ladders") or {}),
        *_quantization(config, rows.get("quantization") or []),
    ]


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


def _models(config: Config, row: Row) -> Sequence[str]:
    return row.get("models") or config.test_models


def _supervised(config: Config, row: Row, methods: Sequence[str], **told: Any) -> Iterator[Cells]:
    """Cells of some methods; a method that trains on nothing has one, whatever it is told."""
    for model in told.pop("models", None) or _models(config, row):
        for method in methods:
            n_train = told.get("n_train") or config.n_train(method)
            if config.n_train(method):
                yield Cells(**{"model": model, "method": method, **told, "n_train": n_train})
            elif told["source"] == told["dataset"]:
                alone = {**told, "count": 1, "n_train": 0, "reserved": 0}
                yield Cells(**{"model": model, "method": method, **alone})


def _population(config: Config, rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        dataset, variable, boots = row["dataset"], row["variable"], config.splits.boots
        for source in row.get("train_from") or [dataset]:
            levels = n_levels(config, source, variable)
            yield from _supervised(
                config,
                row,
                row["methods"],
                dataset=dataset,
                source=source,
                count=levels * boots,
                reserved=n_levels(config, dataset, variable) * config.splits.n_train,
            )


def _all_to_all(config: Config, rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        yield from _supervised(config, row, row["methods"], **_random(config, row["dataset"]))


def _quantization(config: Config, rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        models = [model for pair in row["pairs"].items() for model in pair]
        yield from _supervised(config, row, row["methods"], models=models, **_random(config, row["dataset"]))


def _random(config: Config, dataset: str) -> dict[str, Any]:
    """Training items of any level, as many draws as there are boots."""
    splits = config.splits
    return {"dataset": dataset, "source": dataset, "count": splits.boots, "reserved": splits.n_train}


def _curves(config: Config, rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        dataset = row["dataset"]
        levels = n_levels(config, dataset, row["variable"])
        largest = max(size for sizes in row["sizes"].values() for size in sizes)
        told = {"dataset": dataset, "source": dataset, "share": _share(row, levels), "reserved": levels * largest}
        for method, sizes in row["sizes"].items():
            for size in sizes:
                count = levels * row.get("boots", config.splits.boots)
                yield from _supervised(config, row, [method], count=count, n_train=size, **told)


def _noisy(config: Config, rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        dataset, splits = row["dataset"], config.splits
        levels = n_levels(config, dataset, row["variable"])
        yield from _supervised(
            config,
            row,
            row["methods"],
            dataset=dataset,
            source=dataset,
            count=len(row["train_on"]) * len(row["noise"]) * splits.boots,
            share=_share(row, levels),
            reserved=levels * splits.n_train,
        )


def _ladders(config: Config, ladders: Mapping[str, Row]) -> Iterator[Cells]:
    for row in ladders.values():
        dataset, variable = row["test"]["dataset"], row["test"]["variable"]
        told = {"dataset": dataset, "share": 1 / n_levels(config, dataset, variable)}
        free = [method for method in row["methods"] if not config.n_train(method)]
        yield from _supervised(config, row, free, source=dataset, count=1, **told)
        trained = [method for method in row["methods"] if config.n_train(method)]
        for rung in row["train"].values():
            boots = row.get("boots", config.splits.boots)
            yield from _supervised(config, row, trained, source=rung["dataset"], count=boots, **told)


def _share(row: Row, levels: int) -> float:
    """The part of the test items that is of the levels asked: levels are taken to be of equal size."""
    return len(row["test_on"]) / levels if row.get("test_on") else 1.0
