"""Gains of training on each level for items of each level, and what the grid of them says in a few numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from uphill.randomness import Key, keyed_rng
from uphill.schemas.level_names import PANEL, Levels
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.stats import grid
from uphill.tables.accuracy import of_levels
from uphill.tables.layouts import GAIN, N_TEST, named, with_supervision, with_tested
from uphill.tables.predictions import CONDITION, answered, key_of
from uphill.tables.recovered import SGR, SGR_CAPTION, sgr
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "dataset", "variable", "method", "n_train", "supervision")
TRAINED = [name for name in CONDITION if name not in ("model", "dataset", "variable", "train_on")]
"""Columns that name a way to train, whatever the level."""
COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", *TRAINED, "levels", "boots", "n_test"),
    *("statistic", "of", "cells", "value", "low", "high", "value_p", "best", "share", "source"),
]


def _cells(inputs: Inputs) -> pd.DataFrame:
    """Each condition on each level; on all levels together says nothing of a grid."""
    table = of_levels(inputs)
    return table[table["test_on"] != ALL]


def _summary(inputs: Inputs) -> pd.DataFrame:
    rows = [row for name, own in _ways(inputs) for row in _said(name, own, inputs)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _ways(inputs: Inputs) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Each way to train with its rows, of every level."""
    trained = inputs.predictions[inputs.predictions["train_on"] != UNSUPERVISED]
    for values, rows in trained.groupby(["model", *PANEL, *TRAINED], sort=True):
        yield dict(zip(["model", *PANEL, *TRAINED], values, strict=True)), rows


def _said(name: Mapping[str, Any], rows: pd.DataFrame, inputs: Inputs) -> Iterator[dict[str, Any]]:
    """What a grid says: rows of the table, none where it is no grid."""
    panel, study = (str(name["dataset"]), str(name["variable"])), inputs.study
    tested = inputs.tested[(inputs.tested["dataset"] == panel[0]) & (inputs.tested["variable"] == panel[1])]
    level_of = tested.drop_duplicates("item_id").set_index("item_id")["level"].astype(str)
    there = set(rows["train_on"].astype(str)) & set(level_of)
    levels = [level for level in inputs.levels[panel] if level in there]
    items = sorted(level_of.index[level_of.isin(levels)])
    untrained = inputs.predictions[
        (inputs.predictions["model"] == name["model"])
        & (inputs.predictions["dataset"] == name["dataset"])
        & (inputs.predictions["variable"] == name["variable"])
        & (inputs.predictions["method"] == study.unsupervised[panel[0]])
    ]
    untrained = untrained[untrained["item_id"].isin(set(items))]
    if len(levels) < 2 or untrained.empty:
        return
    key: tuple[Key, ...] = ("grid", *key_of(name), study.seed)
    clusters = study.clusters.get(panel[0])
    rows = rows[rows["item_id"].isin(set(items))]
    found = grid.gain_grid(
        [answered(rows[rows["train_on"] == level], items, clusters) for level in levels],
        answered(untrained, items, clusters),
        np.array([levels.index(level_of[item]) for item in items]),
        keyed_rng(*key),
        study.draws,
    )
    same = {
        **name,
        "levels": len(levels),
        "boots": rows["boot"].nunique(),
        "n_test": len(items),
        "source": rows["source"].iloc[0],
    }
    for row in (*_means(found, study.coverage), *_bests(found, levels, study.coverage)):
        yield {**same, **row}


def _means(found: grid.GainGrid, coverage: float) -> Iterator[dict[str, Any]]:
    """Mean gains: of all cells, of the two triangles, by distance, by gap and by the place of a window."""
    size = len(found.point)
    chosen: list[tuple[str, float | int | str, Any]] = [
        ("mean gain", "", grid.every_cell(size)),
        ("easy to hard", "", grid.easy_to_hard(size)),
        ("hard to easy", "", grid.hard_to_easy(size)),
        *(("by distance", width, cells) for width, cells in grid.by_distance(size).items()),
        *(("by gap", width, cells) for width, cells in grid.by_gap(size).items()),
        *(("by middle of the window", middle + 1, cells) for middle, cells in grid.by_position(size).items()),
    ]
    for statistic, of, cells in chosen:
        yield _row(statistic, of, grid.mean_gain(found, cells, coverage))
    yield _row("share of cells below 0", "", grid.share_negative(found, grid.every_cell(size), coverage))


def _row(statistic: str, of: float | int | str, found: grid.Summary) -> dict[str, Any]:
    return {
        "statistic": statistic,
        "of": of,
        "cells": found.cells,
        "value": found.point,
        "low": found.low,
        "high": found.high,
        "value_p": found.p_value,
    }


def _bests(found: grid.GainGrid, levels: Sequence[str], coverage: float) -> Iterator[dict[str, Any]]:
    """The train level with the largest gain on each level: its gain, and in which share of the draws it is the best."""
    for level, best in zip(levels, grid.best_train_bins(found, grid.every_cell(len(levels)), coverage), strict=True):
        if best is not None:
            gain = grid.Summary(best.gain.point, best.gain.low, best.gain.high, math.nan, 1)
            yield {**_row("best train level", level, gain), "best": levels[best.bin], "share": best.share}


def _printed(table: pd.DataFrame, _: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    shown = with_supervision(named(table[table["train_on"] != UNSUPERVISED]), levels, ends=False)
    order = {(*panel, level): place for panel, names in levels.items() for place, level in enumerate(names)}
    keys = zip(shown["dataset"], shown["variable"], shown["test_on"].astype(str), strict=True)
    return with_tested(shown.assign(tests=[order.get(key, -1) for key in keys]), ROWS)


TABLES = {
    "cross_difficulty": Table(
        _cells,
        "Gain by training level and test level",
        f"One row per training condition and test level. {INTERVAL} The gain is over no supervision, paired on the "
        "same items. Where a test may hold what was trained on, `seen` says how much of it was.",
        WideLayout(ROWS, (Part("on {test_on}", GAIN, ("tests",)), N_TEST), _printed),
    ),
    "cross_difficulty_summary": Table(
        _summary,
        "What the grids of gains say",
        "Mean gains over cells of the grid: all, trained on easier than tested, trained on harder, by distance and by "
        "gap (tested less trained level, in levels) and by the middle of the window between them (levels from 1); the "
        "share of cells below 0; and for each test level the train level that gains most, in which share of the draws. "
        f"{INTERVAL} The best level's gain is the larger for having been chosen.",
    ),
    "cross_difficulty_sgr": Table(
        sgr,
        "Supervision Gap Recovered, of the easiest and the hardest level",
        f"The reading of the easy-to-hard study on the same cells: is the easiest level as good to train on as the "
        f"hardest, for items of the hardest? {SGR_CAPTION}",
        SGR,
    ),
}
