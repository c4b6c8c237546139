"""Easy and hard data on the same test items, and the gap recovered."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from uphill.randomness import Key, keyed_rng
from uphill.schemas.level_names import Levels, extremes, hardest
from uphill.stats.paired import Difference
from uphill.stats.recovery import SGR, Supervision, compare_supervision
from uphill.tables.accuracy import Panel, panels
from uphill.tables.estimates import estimates
from uphill.tables.predictions import correctness, key_of
from uphill.tables.table import Bootstrap

TRAINED = ("method", "cot", "k", "n_train", "train_dataset", "labels")
SGR_COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", *TRAINED, "test_on", "boots", "n_test"),
    *(f"{name}{end}" for name in ("easy", "hard", "unsupervised") for end in ("", "_low", "_high")),
    *(f"{name}{end}" for name in ("hard_easy", "easy_unsupervised", "sgr") for end in ("", "_low", "_high", "_p")),
    *("status", "source"),
]


def sgr_rows(predictions: pd.DataFrame, groups: pd.DataFrame, study: Bootstrap, order: Levels) -> pd.DataFrame:
    """Supervision Gap Recovered on hard test items, one row per method and source of easy data.

    SGR = (Easy - Unsupervised) / (Hard - Unsupervised); Hard is trained on hard data of the tested dataset, Easy on
    easy data of `train_dataset` (Hase et al. 2024, section 5). Of a variable's levels in `order`, the first that is
    trained on is easy and the last is hard. `status` is `undefined` where the interval of Hard - Unsupervised holds 0
    (the ratio would be a ratio to noise) and `negative gap` where it lies below. `hard_easy` and `easy_unsupervised`
    are the paired differences Hard - Easy and Easy - Unsupervised (section 8.5 of the specification).
    """
    found = [row for panel in panels(predictions, hardest(groups, order), study) for row in _sgr(panel, study, order)]
    return pd.DataFrame(found, columns=SGR_COLUMNS)


def supervision_estimates(found: Supervision) -> dict[str, float]:
    """Columns of a tidy row of comparisons: easy, hard, unsupervised, hard_easy, easy_unsupervised and sgr."""
    sgr = found.sgr
    return estimates(
        easy=found.easy,
        hard=found.hard,
        unsupervised=found.unsupervised,
        hard_easy=found.hard_easy,
        easy_unsupervised=found.easy_unsupervised,
        sgr=Difference(sgr.sgr, sgr.low, sgr.high, sgr.p_value, sgr.draws),
    )


def _status(found: SGR) -> str:
    """`undefined`: no gap can be told from 0; `negative gap`: hard data is worse than none, so nothing is recovered."""
    if not found.defined:
        return "undefined"
    return "defined" if found.hard > found.unsupervised else "negative gap"


def _sgr(panel: Panel, study: Bootstrap, order: Levels) -> Iterator[dict[str, Any]]:
    first, last = extremes(panel.rows["train_on"], order.get(panel.name[1:], ()))
    for condition, easy in panel.conditions():
        if condition["train_on"] != first:
            continue
        same = {name: condition[name] for name in ("method", "cot", "k", "n_train", "noise_p", "labels")}
        hard = panel.condition(**same, train_on=last, train_dataset=condition["dataset"])
        if hard.empty or panel.baseline.empty:
            continue
        key: tuple[Key, ...] = (*panel.name, *key_of(condition), study.seed)
        trained_easy, trained_hard, untrained = (
            correctness(rows, panel.items) for rows in (easy, hard, panel.baseline)
        )
        rng = keyed_rng("sgr", *key)
        found = compare_supervision(trained_easy, trained_hard, untrained, rng, study.draws, study.coverage)
        yield {
            **{name: condition[name] for name in SGR_COLUMNS if name in condition},
            "test_on": panel.test_on,
            "boots": easy["boot"].nunique(),
            "n_test": len(panel.items),
            **supervision_estimates(found),
            "status": _status(found.sgr),
            "source": easy["source"].iloc[0],
        }
