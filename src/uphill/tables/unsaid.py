"""What supervision adds: right labels against random ones, and items right with it and wrong without."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from uphill.schemas.level_names import NO_LEVELS, places
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.readings import readings
from uphill.stats.recovery import gap_recovered
from uphill.tables.accuracy import Panel, by_level, circular, panels
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.slices import apart
from uphill.tables.table import Inputs

WAY = ["model", "dataset", "variable", "experiment", "method", "cot", "k", "n_train", "train_on"]
RANDOM = [
    *(*WAY, "test_on", "boots", "n_test", "accuracy", "random_accuracy", *columns("gain", compared=True)),
    *(*columns("random_gain", compared=True), *columns("content", compared=True), *columns("format"), "status"),
    *("margin", "as_good", "as_good_p", "circular", "source"),
]
UNSAID = [
    *(*WAY, "test_on", "boots", "n_test", "best", *columns("unsaid"), *columns("lost")),
    *(*columns("gain", compared=True), "margin", "circular", "source"),
]


def random_label_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a condition that is trained both on right labels and on labels all drawn at random, by test level."""
    noisy = replace(inputs, own={"splits": inputs.own["noisy"]})
    found = [row for experiment, one in apart(noisy) for row in _random(experiment, one)]
    return _ranked(pd.DataFrame(found, columns=RANDOM), inputs)


def _random(experiment: str, inputs: Inputs) -> Iterator[dict[str, Any]]:
    study = inputs.study
    for panel, clusters, named, rows in _right(inputs):
        other = panel.condition(**{**named, "noise_p": 1.0})
        if other.empty:
            continue
        right, drawn, none = (answered(one, panel.items, clusters) for one in (rows, other, panel.baseline))
        said = readings(drawn, right, none, study.margin, study.coverage)
        ratio = gap_recovered(drawn, right, none, study.coverage)
        bounded = ratio.ratios.kind == "interval"
        yield {
            **_of(panel, named, rows, experiment),
            "accuracy": right.accuracy,
            "random_accuracy": drawn.accuracy,
            **estimates(gain=ratio.ceiling_floor, random_gain=ratio.reached_floor, content=ratio.ceiling_reached),
            "format": ratio.point,
            **({"format_low": ratio.ratios.low, "format_high": ratio.ratios.high} if bounded else {}),
            "status": ratio.status,
            **{"margin": study.margin, "as_good": said.as_good, "as_good_p": said.as_good_p},
            "circular": circular(named, study),
        }


def unsaid_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a training condition and test level: what it gets right that is wrong without it, and the reverse."""
    found = [row for experiment, one in apart(inputs) for row in _unsaid(experiment, one)]
    table = pd.DataFrame(found, columns=UNSAID)
    if len(table):
        of = ["model", "dataset", "variable", "experiment", "test_on"]
        table["best"] = table["gain"] == table.groupby(of)["gain"].transform("max")
    return _ranked(table, inputs)


def _right(inputs: Inputs) -> Iterator[tuple[Panel, Any, dict[str, Any], pd.DataFrame]]:
    """Conditions that are trained on right labels, beside no supervision: their panel, its clusters, name and rows."""
    for panel in panels(inputs.predictions, by_level(inputs.tested, inputs.levels), inputs.study):
        for named, rows in panel.conditions():
            if named["train_on"] not in NO_LEVELS and named["noise_p"] == 0.0 and not panel.baseline.empty:
                yield panel, inputs.study.clusters.get(panel.name[1]), named, rows


def _unsaid(experiment: str, inputs: Inputs) -> Iterator[dict[str, Any]]:
    study = inputs.study
    for panel, clusters, named, rows in _right(inputs):
        own, none = (answered(one, panel.items, clusters) for one in (rows, panel.baseline))
        # Without supervision there is one draw, which each of the others is held against.
        before = none.correct[:, :1]
        gained, lost = (np.asarray(one) for one in (own.correct * (1 - before), (1 - own.correct) * before))
        if np.isnan(gained).all():
            continue
        yield {
            **_of(panel, named, rows, experiment),
            **estimates(
                unsaid=accuracy_interval(replace(own, correct=gained), study.coverage),
                lost=accuracy_interval(replace(own, correct=lost), study.coverage),
                gain=difference(none, own, study.coverage),
            ),
            "margin": study.margin,
            "circular": circular(named, study),
        }


def _of(panel: Panel, named: dict[str, Any], rows: pd.DataFrame, experiment: str) -> dict[str, Any]:
    return {
        **{key: value for key, value in named.items() if key in CONDITION and key in WAY},
        "experiment": experiment,
        "test_on": panel.test_on,
        "boots": rows["boot"].nunique(),
        "n_test": rows["item_id"].nunique(),
        "source": rows["source"].iloc[0],
    }


def _ranked(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Train levels from easy to hard within each way; the sort is stable, so test levels stay in order."""
    ranked = table.assign(train_on=places(table, "train_on", inputs.levels)).sort_values(WAY, kind="stable")
    return table.loc[ranked.index].reset_index(drop=True)
