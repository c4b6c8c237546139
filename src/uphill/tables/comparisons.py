"""Easy and hard data on the same test items, and the gap recovered."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from uphill.schemas.level_names import Levels, extremes, hardest
from uphill.stats.equivalence import as_good
from uphill.stats.recovery import GapRecovered, gap_recovered
from uphill.tables.accuracy import Panel, chance, circular, panels
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import answered
from uphill.tables.table import Analysis

TRAINED = ("method", "cot", "k", "n_train", "train_dataset", "labels")
SGR_COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", *TRAINED, "test_on", "boots", "n_test", "chance"),
    *(column for name in ("easy", "hard", "unsupervised") for column in columns(name)),
    *(column for name in ("hard_easy", "easy_unsupervised", "hard_unsupervised") for column in columns(name, True)),
    *(*columns("sgr"), "sgr_p", "sgr_set", "status", "margin", "equivalent_p", "as_good", "circular", "source"),
]


def sgr_rows(predictions: pd.DataFrame, groups: pd.DataFrame, study: Analysis, order: Levels) -> pd.DataFrame:
    """Supervision Gap Recovered on hard test items, one row per method and source of easy data.

    SGR = (Easy - Unsupervised) / (Hard - Unsupervised); Hard is trained on hard data of the tested dataset, Easy on
    easy data of `train_dataset` (Hase et al. 2024, section 5). Of a variable's levels in `order`, the first that is
    trained on is easy and the last is hard. `hard_easy`, `easy_unsupervised` and `hard_unsupervised` are the paired
    differences (section 8.5 of the specification). `sgr_set` holds all ratios that the data allow; only where that is
    an interval has the row a ratio. `status` is `unbounded` or `undefined` where the gap Hard - Unsupervised cannot be
    told from 0, and `negative gap` where it lies below. `as_good` says whether easy data is as good as hard data within
    `margin`: yes, no, or cannot tell; `equivalent_p` is of two one-sided tests.
    """
    found = [row for panel in panels(predictions, hardest(groups, order), study) for row in _sgr(panel, study, order)]
    return pd.DataFrame(found, columns=SGR_COLUMNS)


def supervision_estimates(found: GapRecovered) -> dict[str, Any]:
    """Columns of a tidy row of comparisons: the accuracies, their differences, sgr, its set and its status."""
    interval = found.ratios.kind == "interval"
    low, high = (found.ratios.low, found.ratios.high) if interval else (float("nan"), float("nan"))
    return {
        **estimates(
            easy=found.reached,
            hard=found.ceiling,
            unsupervised=found.floor,
            hard_easy=found.ceiling_reached,
            easy_unsupervised=found.reached_floor,
            hard_unsupervised=found.ceiling_floor,
        ),
        **{"sgr": found.point, "sgr_low": low, "sgr_high": high, "sgr_p": found.p_value},
        "sgr_set": str(found.ratios),
        "status": found.status,
    }


def _sgr(panel: Panel, study: Analysis, order: Levels) -> Iterator[dict[str, Any]]:
    first, last = extremes(panel.rows["train_on"], order.get(panel.name[1:], ()))
    for condition, easy in panel.conditions():
        if condition["train_on"] != first:
            continue
        same = {name: condition[name] for name in ("method", "cot", "k", "n_train", "noise_p", "labels")}
        hard = panel.condition(**same, train_on=last, train_dataset=condition["dataset"])
        if hard.empty or panel.baseline.empty:
            continue
        clusters = study.clusters.get(panel.name[1])
        on_easy, on_hard, untrained = (answered(rows, panel.items, clusters) for rows in (easy, hard, panel.baseline))
        verdict = as_good(on_easy, on_hard, study.margin)
        yield {
            **{name: condition[name] for name in SGR_COLUMNS if name in condition},
            "test_on": panel.test_on,
            "boots": easy["boot"].nunique(),
            "n_test": len(panel.items),
            "chance": chance(easy, study),
            **supervision_estimates(gap_recovered(on_easy, on_hard, untrained, study.coverage)),
            "margin": verdict.margin,
            "equivalent_p": verdict.p_value,
            "as_good": verdict.verdict,
            "circular": circular(condition, study),
            "source": easy["source"].iloc[0],
        }
