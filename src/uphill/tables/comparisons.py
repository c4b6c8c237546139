"""Conditions two by two on the same test items: easy and hard data and the gap recovered, quantized models and full."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from uphill.randomness import Key, keyed_rng
from uphill.schemas.level_names import extremes, hardest
from uphill.stats.bootstrap import Interval
from uphill.stats.paired import Difference
from uphill.stats.panel import bootstrap_panel
from uphill.stats.recovery import SGR, compare_supervision
from uphill.tables.accuracy import Bootstrap, Panel, panels
from uphill.tables.layouts import estimates, supervision_estimates
from uphill.tables.predictions import CONDITION, correctness

TRAINED = ("method", "cot", "k", "n_train", "train_dataset")
SGR_COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", *TRAINED, "test_on", "boots", "n_test"),
    *(f"{name}{end}" for name in ("easy", "hard", "unsupervised") for end in ("", "_low", "_high")),
    *(f"{name}{end}" for name in ("hard_easy", "easy_unsupervised", "sgr") for end in ("", "_low", "_high", "_p")),
    *("status", "source"),
]


def sgr_rows(predictions: pd.DataFrame, groups: pd.DataFrame, study: Bootstrap) -> pd.DataFrame:
    """Supervision Gap Recovered on hard test items, one row per method and source of easy data.

    SGR = (Easy - Unsupervised) / (Hard - Unsupervised); Hard is trained on hard data of the tested dataset, Easy on
    easy data of `train_dataset` (Hase et al. 2024, section 5). Where a variable is cut into bins, the first is easy
    and the last is hard. `status` is `undefined` where the interval of Hard - Unsupervised holds 0 (the ratio would be
    a ratio to noise) and `negative gap` where it lies below. `hard_easy` and `easy_unsupervised` are the paired
    differences Hard - Easy and Easy - Unsupervised (section 8.5 of the specification).
    """
    found = [row for panel in panels(predictions, hardest(groups), study) for row in _sgr(panel, study)]
    return pd.DataFrame(found, columns=SGR_COLUMNS)


def _status(found: SGR) -> str:
    """`undefined`: no gap can be told from 0; `negative gap`: hard data is worse than none, so nothing is recovered."""
    if not found.defined:
        return "undefined"
    return "defined" if found.hard > found.unsupervised else "negative gap"


def _sgr(panel: Panel, study: Bootstrap) -> Iterator[dict[str, Any]]:
    first, last = extremes(panel.rows["train_on"])
    for condition, easy in panel.conditions():
        if condition["train_on"] != first:
            continue
        same = {name: condition[name] for name in ("method", "cot", "k", "n_train", "noise_p")}
        hard = panel.condition(**same, train_on=last, train_dataset=condition["dataset"])
        if hard.empty or panel.baseline.empty:
            continue
        key: tuple[Key, ...] = (*panel.name, *map(str, condition.values()), study.seed)
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


def quantization_rows(
    predictions: pd.DataFrame, pairs: Mapping[str, Mapping[str, str]], study: Bootstrap
) -> pd.DataFrame:
    """Accuracy of each model and of its quantized self on the same items after the same training, and the difference.

    Args:
        predictions: rows of the grades contract, with `source`.
        pairs: by dataset, the quantized model of each full one.
        study: draws, coverage and seed.
    """
    same = [name for name in CONDITION if name != "model"]
    rows = [
        _quantized(dict(zip(same, values, strict=True)), both, full, quantized, study)
        for values, both in predictions.groupby(same, sort=True)
        for full, quantized in pairs[both["dataset"].iloc[0]].items()
    ]
    return pd.DataFrame(rows)


def _quantized(
    condition: dict[str, Any], both: pd.DataFrame, full: str, quantized: str, study: Bootstrap
) -> dict[str, Any]:
    items = sorted(set(both["item_id"]))
    sides = {name: both[both["model"] == model] for name, model in (("full", full), ("quantized", quantized))}
    key: tuple[Key, ...] = (full, quantized, *map(str, condition.values()), study.seed)
    matrices = {name: correctness(rows, items) for name, rows in sides.items()}
    cells = bootstrap_panel(matrices, "full", keyed_rng("quantization", *key), study.draws, study.coverage)
    found: dict[str, Interval | Difference] = {name: cell.accuracy for name, cell in cells.items()}
    difference = cells["quantized"].gain
    assert difference is not None, "the full model is the baseline"
    return {
        "model": full,
        "quantized_model": quantized,
        **condition,
        "boots": sides["full"]["boot"].nunique(),
        "n_test": len(items),
        **estimates(**found, difference=difference),
        "source": sides["full"]["source"].iloc[0],
    }
