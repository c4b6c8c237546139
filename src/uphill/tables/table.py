"""Reductions of graded predictions to tidy CSV tables: one row a cell, every row traceable to its grades."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from uphill.identity.specs import together
from uphill.running import provenance
from uphill.running.job import Running
from uphill.schemas.files import made_by
from uphill.schemas.level_names import trained_on_hardest
from uphill.tables.accuracy import Bootstrap, accuracy_rows, by_level, by_value
from uphill.tables.comparisons import quantization_rows, sgr_rows
from uphill.tables.predictions import read_grades, read_hardness, read_tested, read_trained, write_table


@dataclass(frozen=True)
class Inputs:
    """What a table is made from.

    Attributes:
        predictions: rows of the grades contract, with `source`.
        tested: rows dataset, variable, item_id, level, value of every test item.
        hardness: rows of the hardness tables, with `dataset`; None unless the table reads them.
        hard_noise: by model, dataset, variable and method, how many times the noise of easy data hard data has.
        rungs: names of a ladder's train levels, in order.
        pairs: by dataset, the quantized model of each full one.
    """

    predictions: pd.DataFrame
    tested: pd.DataFrame
    hardness: pd.DataFrame | None
    study: Bootstrap
    hard_noise: Mapping[tuple[str, ...], float]
    rungs: Sequence[str]
    pairs: Mapping[str, Mapping[str, str]]


def write(job: Running) -> None:
    """Make one table, and beside it the record of what it was made from.

    Raises:
        UphillError: a file of grades was made by another config or other code.
    """
    settings, slices = job.settings, {path: job.upstream(path) for path in job.input.grades}
    hardness, splits = job.expected(job.input.hardness), job.expected(job.input.splits)
    inputs = Inputs(
        predictions=read_grades(slices),
        tested=read_tested(splits),
        hardness=read_hardness(hardness) if hardness else None,
        study=Bootstrap(
            settings["unsupervised"],
            settings["draws"],
            settings["coverage"],
            settings["seed"],
            trained=read_trained(splits) if settings["seen"] else None,
        ),
        hard_noise={tuple(names): factor for *names, factor in settings["hard_noise"]},
        rungs=settings["rungs"],
        pairs=settings["pairs"],
    )
    write_table(REDUCTIONS.get(settings["table"], _by_level)(inputs), job.output.table)
    sources = {path: made_by(path) for path in slices}
    used = [sources[path]["versions"][slice] for path, own in slices.items() for slice in own]
    made_with = together(job.versions([*job.input.splits, *hardness]), *used)
    provenance.write(
        job.output.provenance, {**job.spec, "versions": made_with, **job.notes}, [job.output.table], sources
    )


def _by_level(inputs: Inputs) -> pd.DataFrame:
    return accuracy_rows(inputs.predictions, by_level(inputs.tested), inputs.study, inputs.rungs)


def _by_value(inputs: Inputs) -> pd.DataFrame:
    return accuracy_rows(inputs.predictions, by_value(inputs.tested), inputs.study)


def _by_every_variable(inputs: Inputs) -> pd.DataFrame:
    """Predictions that no variable was cut for, grouped by the values of each."""
    assert inputs.hardness is not None, "the plan names its hardness tables"
    tested = inputs.hardness.merge(inputs.tested[["dataset", "item_id"]].drop_duplicates())
    trained = inputs.study.trained
    parts = [
        accuracy_rows(
            own.assign(variable=variable),
            by_value(rows),
            replace(inputs.study, trained=None if trained is None else trained.assign(variable=variable)),
        )
        for (dataset, variable), rows in tested.groupby(["dataset", "variable"], sort=True)
        if len(own := inputs.predictions[inputs.predictions["dataset"] == dataset])
    ]
    return pd.concat(parts, ignore_index=True)


def _sgr(inputs: Inputs) -> pd.DataFrame:
    return sgr_rows(inputs.predictions, by_level(inputs.tested), inputs.study)


def _noisy(inputs: Inputs) -> pd.DataFrame:
    """With `easy_noise_p`, the noise of the easy data that a row is to be read beside."""
    table = _by_level(inputs)
    rows = zip(*(table[name].astype(str) for name in ("model", "dataset", "variable", "method")), strict=True)
    factor = pd.Series([inputs.hard_noise.get(row, 1.0) for row in rows], index=table.index, dtype=float)
    return table.assign(easy_noise_p=table["noise_p"] / factor.where(trained_on_hardest(table), 1.0))


def _quantization(inputs: Inputs) -> pd.DataFrame:
    return quantization_rows(inputs.predictions, inputs.pairs, inputs.study)


REDUCTIONS: Mapping[str, Callable[[Inputs], pd.DataFrame]] = {
    "sgr": _sgr,
    "accuracy_by_hardness": _by_value,
    "all_to_all_by_hardness": _by_every_variable,
    "noisy_labels": _noisy,
    "quantization": _quantization,
}
"""How a table is made, unless it shows each condition on each level."""
