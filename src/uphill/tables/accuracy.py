"""Accuracy of every training condition on every test level, with intervals and the gain over no supervision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from uphill.schemas.level_names import Levels, extremes, places
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.generalization import generalization_gap
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.table import Analysis, Inputs


@dataclass(frozen=True)
class Panel:
    """Predictions of one (model, dataset, variable) on one group of test items.

    Attributes:
        test_on: the group: a level, or a hardness value.
        rows: the predictions for it; `everywhere`, those for any item.
        items: all that belong to the group.
        baseline: the rows without supervision.
    """

    name: tuple[str, str, str]
    test_on: str | float
    rows: pd.DataFrame
    items: list[str]
    baseline: pd.DataFrame
    everywhere: pd.DataFrame

    def conditions(self) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Each training condition with its rows, in a fixed order."""
        for values, rows in self.rows.groupby(CONDITION, sort=True):
            yield dict(zip(CONDITION, values, strict=True)), rows

    def condition(self, **wanted: Any) -> pd.DataFrame:
        """The rows of one condition; empty if it was not run."""
        rows = self.rows
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        return rows


def panels(predictions: pd.DataFrame, groups: pd.DataFrame, study: Analysis) -> Iterator[Panel]:
    """Cut predictions into panels.

    Args:
        predictions: rows of the grades contract, with `source`.
        groups: rows dataset, variable, item_id, test_on: which items make up each group of test items.
        study: names each dataset's unsupervised method.
    """
    for name, rows in predictions.groupby(["model", "dataset", "variable"], sort=True):
        own = groups[(groups["dataset"] == name[1]) & (groups["variable"] == name[2])]
        for test_on, members in own.groupby("test_on", sort=False, observed=True):
            items = sorted(set(members["item_id"]))
            tested = rows[rows["item_id"].isin(set(items))]
            if tested.empty:
                continue
            baseline = tested[tested["method"] == study.unsupervised[name[1]]]
            yield Panel(name, test_on if isinstance(test_on, str) else float(test_on), tested, items, baseline, rows)


def by_level(tested: pd.DataFrame, order: Levels) -> pd.DataFrame:
    """Groups for `panels`: all test items of a variable, then each of its levels where there are several."""
    columns = ["dataset", "variable", "item_id", "test_on"]
    several = tested.groupby(["dataset", "variable"])["level"].transform("nunique") > 1
    levels = tested.assign(test_on=tested["level"])[columns]
    levels["order"] = places(levels, "test_on", order)
    everything = tested[several].assign(test_on=ALL, order=-1)[[*columns, "order"]]
    return pd.concat([everything, levels]).sort_values("order", kind="stable").drop(columns="order")


def by_value(tested: pd.DataFrame, most: int = 8, bins: int = 4) -> pd.DataFrame:
    """Groups for `panels`: items of equal value, or of `bins` equally wide ranges where more than `most` values occur.

    The range's middle stands for its items (Hase et al. 2024, figure of accuracy against hardness).
    """
    parts = []
    for _, rows in tested.groupby(["dataset", "variable"], sort=True):
        values = rows["value"]
        if values.nunique() > most:
            ranges = pd.cut(values, bins)
            values = pd.Series([interval.mid for interval in ranges], index=values.index)
        parts.append(rows.assign(test_on=values).sort_values("test_on", kind="stable"))
    return pd.concat(parts)[["dataset", "variable", "item_id", "test_on"]]


def accuracy_rows(
    predictions: pd.DataFrame,
    groups: pd.DataFrame,
    study: Analysis,
    order: Levels,
    within: Sequence[str] = ("train_dataset", "train_on"),
) -> pd.DataFrame:
    """One row per training condition and group of test items.

    Columns: those of `CONDITION`, test_on, boots, n_test, dropped (examples that a prompt lacks on average, since the
    model's window did not hold them), chance (a blind guess, where the items have choices), accuracy, low, high,
    boots_sd and df (the spread of the boots' accuracies and its degrees of freedom), gain (accuracy - Unsupervised on
    the same items, paired), gap, those of `reading`, circular and source. The gap, on hard items, is the accuracy there
    less that on test items of the level that was trained on. A difference has its interval (low, high), p and mde (the
    smallest that such a study would find). `circular` says what of the tested model measured the variable: its levels
    are then no independent scale. Where items may be trained on and tested, `seen` before the source is the share of a
    condition's test items that it was trained on, the mean over boots. Before `circular`, of each further grader of the
    dataset, `accuracy_NAME` of the same outputs, with its interval.

    Args:
        predictions, groups, study: as for `panels`.
        order: levels by dataset and variable, from easy to hard.
        within: in which order rows of a method stand, train levels from easy to hard.
    """
    levels: dict[Any, pd.DataFrame] = dict(list(groups.groupby(["dataset", "variable", "test_on"], observed=True)))
    found = [row for panel in panels(predictions, groups, study) for row in _rows(panel, levels, study, order)]
    seen = [] if study.trained is None else ["seen"]
    also = list(dict.fromkeys(name for row in found for name in row if name.startswith(OTHERWISE)))
    table = pd.DataFrame(found, columns=[*COLUMNS[:-2], *also, COLUMNS[-2], *seen, COLUMNS[-1]])
    # The sort is stable: within a condition, rows stay in the order of their test groups, from easy to hard.
    by = [*CONDITION[:3], "method", *within, "n_train"]
    ranked = table.assign(train_on=places(table, "train_on", order)).sort_values(by, kind="stable")
    return table.loc[ranked.index]


def of_levels(inputs: Inputs) -> pd.DataFrame:
    """A table of each condition on each level."""
    return accuracy_rows(inputs.predictions, by_level(inputs.tested, inputs.levels), inputs.study, inputs.levels)


def of_values(inputs: Inputs) -> pd.DataFrame:
    """A table of each condition on each hardness value."""
    return accuracy_rows(inputs.predictions, by_value(inputs.tested), inputs.study, inputs.levels)


OTHERWISE = "accuracy_"
"""Before the name of a further grader."""
COLUMNS: Sequence[str] = [
    *(*CONDITION, "test_on", "boots", "n_test", "dropped", "chance", "accuracy", "low", "high", "boots_sd", "df"),
    *(*columns("gain", compared=True), *columns("gap", compared=True)),
    *("parsed_accuracy", "parse_rate", "ended_rate", "circular", "source"),
]


def _rows(panel: Panel, levels: Mapping[Any, pd.DataFrame], study: Analysis, order: Levels) -> Iterator[dict[str, Any]]:
    clusters = study.clusters.get(panel.name[1])
    baseline = None if panel.baseline.empty else answered(panel.baseline, panel.items, clusters)
    for condition, rows in panel.conditions():
        found = answered(rows, panel.items, clusters)
        own = accuracy_interval(found, study.coverage)
        compared = baseline is not None and condition["train_on"] != UNSUPERVISED
        yield {
            **condition,
            "test_on": panel.test_on,
            "boots": rows["boot"].nunique(),
            "n_test": rows["item_id"].nunique(),
            "dropped": rows["dropped"].mean(),
            "chance": chance(rows, study),
            "accuracy": own.point,
            "low": own.low,
            "high": own.high,
            "boots_sd": own.boots_sd,
            "df": own.df,
            **(estimates(gain=difference(baseline, found, study.coverage)) if baseline and compared else {}),
            **_gap(panel, condition, levels, study, order),
            **reading(rows),
            **_read_otherwise(rows, panel.items, study, clusters),
            "circular": circular(condition, study),
            "seen": _seen(rows, condition, study),
            "source": rows["source"].iloc[0],
        }


def circular(condition: Mapping[str, Any], study: Analysis) -> str:
    """What of the tested model measured the variable: `model`, `model and method`, or nothing."""
    alike = study.circular.get((condition["model"], condition["dataset"], condition["variable"]))
    if alike is None:
        return ""
    return "model and method" if condition["method"] in alike else "model"


def chance(rows: pd.DataFrame, study: Analysis) -> float:
    """Accuracy of a blind guess at the tested items; NaN where answers are written, which have none."""
    of = study.chance.get(str(rows["dataset"].iloc[0]), {})
    items = rows["item_id"].unique()
    known = [of[item] for item in items if item in of]
    return sum(known) / len(known) if len(known) == len(items) and rows["ended"].isna().all() else float("nan")


def reading(rows: pd.DataFrame) -> dict[str, float]:
    """How texts were read, over all boots; nothing of scores, of which one is always the highest.

    Columns: parsed_accuracy, the share of right answers among those that were found; parse_rate, the share of texts in
    which one was found; ended_rate, the share of texts that the token limit did not cut off.

    Args:
        rows: of the grades contract, of one condition: texts all, or scores all.
    """
    if rows["ended"].isna().all():
        return {}
    parsed = rows["status"] == "ok"
    return {
        "parsed_accuracy": float(rows.loc[parsed, "correct"].mean()),
        "parse_rate": float(parsed.mean()),
        "ended_rate": float(rows["ended"].astype(float).mean()),
    }


def _read_otherwise(
    rows: pd.DataFrame, items: list[str], study: Analysis, clusters: Mapping[str, str] | None
) -> dict[str, float]:
    """The accuracy of a condition's outputs by each further grader that read them all."""
    if "also" not in rows or rows["also"].isna().any():
        return {}
    told = [{one["name"]: one["correct"] for one in each} for each in rows["also"]]
    found: dict[str, float] = {}
    for name in dict.fromkeys(name for each in told for name in each):
        other = rows.assign(correct=[each[name] for each in told])
        own = accuracy_interval(answered(other, items, clusters), study.coverage)
        found |= estimates(**{f"{OTHERWISE}{name}": own})
    return found


def _seen(rows: pd.DataFrame, condition: Mapping[str, Any], study: Analysis) -> float:
    """The share of a condition's test items that it was trained on, the mean over boots."""
    trained = study.trained
    if trained is None or condition["train_dataset"] != condition["dataset"]:
        return 0.0
    for column in ("dataset", "variable", "train_on"):
        trained = trained[trained[column] == condition[column]]
    own = trained.loc[trained["rank"] < condition["n_train"], ["boot", "item_id"]]
    tested = rows[["boot", "item_id"]].merge(own, how="left", indicator="known")
    return float(tested["known"].eq("both").groupby(tested["boot"]).mean().mean())


def _gap(
    panel: Panel, condition: Mapping[str, Any], levels: Mapping[Any, pd.DataFrame], study: Analysis, order: Levels
) -> dict[str, float]:
    """The generalization gap of a condition on hard items; none where its own level is not tested."""
    own = levels.get((*panel.name[1:], condition["train_on"]))
    on_hard = panel.test_on == extremes(panel.everywhere["train_on"].unique(), order.get(panel.name[1:], ()))[1]
    if own is None or not on_hard or condition["train_on"] == panel.test_on:
        return {}
    if condition["train_dataset"] != condition["dataset"]:
        return {}
    rows = panel.everywhere
    for column in CONDITION:
        rows = rows[rows[column] == condition[column]]
    members = set(own["item_id"])
    items = sorted({*panel.items, *members})
    found = answered(rows, items, study.clusters.get(panel.name[1]))
    target, same = (np.array([item in group for item in items]) for group in (set(panel.items), members))
    return estimates(gap=generalization_gap(found, target, same, study.coverage))
