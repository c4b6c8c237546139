"""How far training carries: gains by the distance between the level trained on and the level tested."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from uphill.schemas.level_names import PANEL
from uphill.schemas.names import UNSUPERVISED
from uphill.stats import gaps, grid
from uphill.stats.estimates import summarised
from uphill.stats.gaps import Carried
from uphill.tables.accuracy import circular
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.slices import apart
from uphill.tables.table import Inputs

WAY = ["model", *PANEL, *(name for name in CONDITION if name not in ("model", *PANEL, "train_on"))]
"""Columns that name a way to train, whatever the level."""
CELL, WIDTH = "cell", "width"
COLUMNS = [
    *("model", "dataset", "variable", "experiment", "method", "cot", "k", "n_train", "statistic", "width"),
    *("train_on", "test_on", "cells", "levels", "boots", "n_test", *columns("gain", True), *columns("own", True)),
    *(*columns("short", True), *columns("sgr"), "sgr_set", "margin", "as_good", "as_good_p"),
    *(*columns("slope", True), "circular", "source"),
]


def gap_rows(inputs: Inputs) -> pd.DataFrame:
    """Rows of each way to train on two levels or more that are tested too: its cells, widths, and trends."""
    found = [
        {**same, "experiment": experiment, **row}
        for experiment, one in apart(inputs)
        for same, levels, cells in _grids(one)
        for row in _said(cells, levels, one)
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def _grids(inputs: Inputs) -> Iterator[tuple[dict[str, Any], dict[str, int], grid.Cells]]:
    """What each way to train is, the number of test items of its levels in order, and its grid of gains."""
    trained = inputs.predictions[inputs.predictions["train_on"] != UNSUPERVISED]
    level_of = inputs.tested.drop_duplicates("item_id").set_index("item_id")["level"].astype(str)
    for values, rows in trained.groupby(WAY, sort=True):
        way = dict(zip(WAY, values, strict=True))
        there = set(rows["train_on"].astype(str)) & set(level_of)
        levels = [name for name in inputs.levels[way["dataset"], way["variable"]] if name in there]
        items = sorted(level_of.index[level_of.isin(levels)])
        untrained = _untrained(inputs, way)
        untrained = untrained[untrained["item_id"].isin(set(items))]
        if len(levels) < 2 or untrained.empty:
            continue
        clusters = inputs.study.clusters.get(str(way["dataset"]))
        rows = rows[rows["item_id"].isin(set(items))]
        cells = grid.gain_cells(
            [answered(rows[rows["train_on"] == name], items, clusters) for name in levels],
            answered(untrained, items, clusters),
            np.array([levels.index(level_of[item]) for item in items]),
        )
        same = {name: value for name, value in way.items() if name in COLUMNS}
        more = {"levels": len(levels), "boots": rows["boot"].nunique(), "source": rows["source"].iloc[0]}
        counts = level_of[items].value_counts()
        yield (
            {**same, **more, "circular": circular(way, inputs.study)},
            {name: int(counts[name]) for name in levels},
            cells,
        )


def _untrained(inputs: Inputs, way: Mapping[str, Any]) -> pd.DataFrame:
    rows = inputs.predictions
    wanted = {"method": inputs.study.unsupervised[way["dataset"]], **{name: way[name] for name in ("model", *PANEL)}}
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def _said(cells: grid.Cells, tested: Mapping[str, int], inputs: Inputs) -> Iterator[dict[str, Any]]:
    size, study, levels, counts = len(tested), inputs.study, list(tested), np.array(list(tested.values()))
    for i, j in np.ndindex(size, size):
        chosen = np.zeros((size, size), dtype=bool)
        chosen[i, j] = True
        where = {"statistic": CELL, "width": j - i, "train_on": levels[i], "test_on": levels[j]}
        yield {**where, "n_test": counts[j], **_row(cells, chosen, study.margin, study.coverage)}
    for width, chosen in grid.by_gap(size).items():
        where = {"statistic": WIDTH, "width": width, "n_test": counts[chosen.any(axis=0)].sum()}
        yield {**where, **_row(cells, chosen, study.margin, study.coverage)}
    for name, slope in (
        ("trend by width, trained on easier", gaps.by_width(cells, coverage=study.coverage)),
        ("trend by width, trained on harder", gaps.by_width(cells, harder=True, coverage=study.coverage)),
        ("trend of what is short by position", gaps.by_position(cells, study.coverage)),
    ):
        if slope is not None:
            yield {"statistic": name, **estimates(slope=slope)}


def _row(cells: grid.Cells, chosen: grid.BoolArray, margin: float, coverage: float) -> dict[str, Any]:
    """Some cells of one width; of the diagonal the gain alone, as nothing else is held against it."""
    if np.diag(chosen).any():
        gain = summarised(*grid.contrast(cells, chosen / chosen.sum()), coverage)
        return {"cells": int(chosen.sum()), **estimates(gain=gain)}
    found = gaps.carried(cells, chosen, margin, coverage)
    return {} if found is None else {**_columns(found), "margin": margin}


def _columns(found: Carried) -> dict[str, Any]:
    known = found.ratios.kind == "interval"
    return {
        "cells": found.cells,
        **estimates(gain=found.gain, own=found.own, short=found.short),
        "sgr": found.ratio,
        **({"sgr_low": found.ratios.low, "sgr_high": found.ratios.high} if known else {}),
        "sgr_set": str(found.ratios),
        "as_good": found.as_good,
        "as_good_p": found.as_good_p,
    }
