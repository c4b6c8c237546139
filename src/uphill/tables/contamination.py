"""Accuracy, gain and SGR on all test items of a level, on the flagged ones and on the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from uphill.datasets.cells import as_number
from uphill.errors import UphillError
from uphill.schemas.level_names import NO_LEVELS, extremes, places
from uphill.stats.conditions import Condition, condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.flagged import apart as apart_by_group
from uphill.stats.generalization import Items, generalization_gap
from uphill.stats.recovery import gap_recovered
from uphill.tables.accuracy import Panel, by_level, circular, panels
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.slices import apart
from uphill.tables.table import INTERVAL, Inputs, Table

EVERY, FLAGGED, UNFLAGGED = "all", "flagged", "unflagged"
SAME = [name for name in CONDITION if name not in ("model", "dataset", "variable", "train_on")]
COLUMNS: list[str] = [
    *("model", "dataset", "variable", "flag", "experiment", "method", "cot", "k", "n_train", "train_on", "test_on"),
    *("items", "boots", "n_test", "accuracy", "low", "high", *columns("gain", True), "against", *columns("sgr")),
    *("status", *columns("short", True), *columns("more", True), *columns("more_gain", True)),
    *(*columns("moved", True), "margin", "moves", "moves_p", "circular", "source"),
]
ORDER = [*COLUMNS[:6], "n_train", "train_on"]


@dataclass(frozen=True)
class Rows:
    """One training condition on one level: what is compared, over the same items.

    Attributes:
        own, none, hard: trained on the level in question, on nothing, and on the hardest that is trained on; the last
            two None where there is none such, or the condition is it.
        groups: which items are of each group; a group without a tested item is left out.
        against: the hardest level.
    """

    own: Condition
    none: Condition | None
    hard: Condition | None
    groups: Mapping[str, Items]
    against: str


def contaminated(inputs: Inputs) -> pd.DataFrame:
    """A row a training condition, test level and group of items."""
    found = [row for one in inputs.own["slices"] for row in _of_slice(one, inputs)]
    table = pd.DataFrame(found, columns=COLUMNS)
    # The sort is stable: within a condition, rows stay in the order of their test groups, from easy to hard.
    ranked = table.assign(train_on=places(table, "train_on", inputs.levels)).sort_values(ORDER, kind="stable")
    return table.loc[ranked.index].reset_index(drop=True)


def _of_slice(asked: Mapping[str, Any], inputs: Inputs) -> Iterator[dict[str, Any]]:
    [(experiment, own)] = apart(replace(inputs, own={"splits": [asked["splits"]]}))
    kept = own.predictions["method"].isin(asked["methods"]) & own.predictions["model"].isin(asked["models"])
    groups = by_level(own.tested, own.levels)
    flagged = flagged_items(asked, str(asked["splits"][1]), own.tested["item_id"].tolist(), inputs)
    said = asked["flag"] if asked["equals"] is None else f"{asked['flag']} = {asked['equals']}"
    for panel in panels(own.predictions[kept], groups, own.study):
        for row in _of_panel(panel, flagged, own):
            yield {**row, "experiment": experiment, "flag": said}


def flagged_items(asked: Mapping[str, Any], dataset: str, items: list[str], inputs: Inputs) -> frozenset[str]:
    """The test items that a flag says yes of.

    Raises:
        UphillError: there is no such column or variable, an item has no value of it, or one that is no number where
            one is to be above another.
    """
    values = _values(str(asked["flag"]), dataset, inputs)
    for item in items:
        if item not in values or pd.isna(values[item]):
            raise UphillError(f"dataset {dataset!r}: test item {item!r} has no {asked['flag']}, expected one of each")
    if asked["equals"] is not None:
        chosen = frozenset(item for item in items if str(values[item]) == asked["equals"])
        if not chosen:
            known = ", ".join(sorted({repr(str(values[item])) for item in items})[:10])
            raise UphillError(
                f"dataset {dataset!r}: {asked['flag']} is {asked['equals']!r} of no test item, expected one of {known}"
            )
        return chosen
    return frozenset(item for item in items if _number(values[item], item, asked, dataset) > asked["above"])


def _values(flag: str, dataset: str, inputs: Inputs) -> dict[str, Any]:
    assert inputs.hardness is not None, "the table reads it"
    own = inputs.hardness[inputs.hardness["dataset"] == dataset]
    rows = own[own["variable"] == flag]
    if len(rows):
        return dict(zip(rows["item_id"], rows["value"], strict=True))
    if flag in inputs.columns.get(dataset, pd.DataFrame()):
        return {str(item): value for item, value in inputs.columns[dataset][flag].items()}
    known = ", ".join(sorted(own["variable"].unique()))
    raise UphillError(
        f"contamination: flag is {flag!r}, expected a column of the items of dataset {dataset!r}, or one of its "
        f"variables: {known}"
    )


def _number(value: Any, item: str, asked: Mapping[str, Any], dataset: str) -> float:
    number = float(value) if isinstance(value, bool | np.bool_) else as_number(value)
    if np.isnan(number):
        raise UphillError(
            f"dataset {dataset!r}: {asked['flag']} of item {item!r} is {value!r}, expected true, false or a number; "
            "or say equals: TEXT"
        )
    return number


def _of_panel(panel: Panel, flagged: frozenset[str], inputs: Inputs) -> Iterator[dict[str, Any]]:
    study, clusters = inputs.study, inputs.study.clusters.get(panel.name[1])
    last = extremes(panel.rows["train_on"], inputs.levels.get(panel.name[1:], ()))[1]
    mask = np.array([item in flagged for item in panel.items])
    none = None if panel.baseline.empty else answered(panel.baseline, panel.items, clusters)
    for named, rows in panel.conditions():
        trained = named["train_on"] not in NO_LEVELS
        hard = panel.condition(**{name: named[name] for name in SAME}, train_on=last)
        held = trained and named["train_on"] != last and not hard.empty
        own = answered(rows, panel.items, clusters)
        untrained, hardest = none if trained else None, answered(hard, panel.items, clusters) if held else None
        tested: Items = np.asarray(~np.isnan(own.correct).all(axis=1))
        groups: dict[str, Items] = {EVERY: mask | ~mask, FLAGGED: mask, UNFLAGGED: ~mask}
        shared = {name: of for name, of in groups.items() if all(_tests(one, of) for one in (own, untrained, hardest))}
        one = Rows(own, untrained, hardest, shared, str(last) if held else "")
        for name, group in one.groups.items():
            yield {
                **{key: named[key] for key in CONDITION if key in COLUMNS},
                "test_on": panel.test_on,
                "items": name,
                "boots": rows["boot"].nunique(),
                "n_test": int((group & tested).sum()),
                **_of_group(one, name, inputs),
                "margin": study.margin,
                "circular": circular(named, study),
                "source": rows["source"].iloc[0],
            }


def _of_group(one: Rows, name: str, inputs: Inputs) -> dict[str, Any]:
    """Columns of a group: its own numbers, and how they differ from those of another group."""
    coverage, group = inputs.study.coverage, one.groups[name]
    own = _some(one.own, group)
    interval = accuracy_interval(own, coverage)
    found: dict[str, Any] = {"accuracy": interval.point, "low": interval.low, "high": interval.high}
    if one.none is not None:
        found |= estimates(gain=difference(_some(one.none, group), own, coverage))
    if one.hard is not None and one.none is not None:
        ratio = gap_recovered(own, _some(one.hard, group), _some(one.none, group), coverage)
        known = ratio.ratios.kind == "interval"
        found |= {"against": one.against, "sgr": ratio.point, "status": ratio.status}
        found |= {"sgr_low": ratio.ratios.low, "sgr_high": ratio.ratios.high} if known else {}
        found |= estimates(short=ratio.ceiling_reached)
    return found | _compared(one, name, inputs)


def _compared(one: Rows, name: str, inputs: Inputs) -> dict[str, Any]:
    """Of flagged items, against the others; of these, against all: what leaving out the flagged ones changes."""
    study, found = inputs.study, dict[str, Any]()
    if not {FLAGGED, UNFLAGGED} <= one.groups.keys():
        return found
    target = one.groups[name]
    if name == FLAGGED:
        other = one.groups[UNFLAGGED]
        found |= estimates(more=generalization_gap(one.own, target, other, study.coverage))
        if one.none is not None:
            gained = apart_by_group(one.none, one.own, target, other, study.margin, study.coverage)
            found |= estimates(more_gain=gained.difference)
    if name == UNFLAGGED and one.hard is not None:
        every = one.groups[EVERY]
        moved = apart_by_group(one.own, one.hard, target, every, study.margin, study.coverage)
        found |= estimates(moved=moved.difference)
        found |= {"moves": moved.depends, "moves_p": moved.alike_p}
    return found


def _tests(found: Condition | None, items: Items) -> bool:
    """Whether a condition, if there is one, was tested on any of some items."""
    return found is None or not bool(np.isnan(found.correct[items]).all())


def _some(found: Condition, items: Items) -> Condition:
    return condition(found.correct[items], found.trained, None if found.clusters is None else found.clusters[items])


TABLES = {
    "contamination": Table(
        contaminated,
        "With and without flagged items",
        "One row per training condition, test level and group of its items: all, those that are flagged, and the "
        "others. `gain` is over no supervision, `short` what training on the hardest level (`against`) is better by, "
        "SGR the share of its gain. `more` is accuracy on flagged items less that on the others, `more_gain` the same "
        "of the gain. `moved` is `short` without flagged items less `short` of all; `moves` says whether that is more "
        f"than the margin: yes, no, or cannot tell, by two one-sided tests (`moves_p`). {INTERVAL}",
        reads_hardness=True,
    ),
}
