"""Differences and ratios between conditions on the same test items: gaps recovered, easy against hard, quantization."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from uphill.level_names import extremes, hardest
from uphill.randomness import Key, keyed_rng
from uphill.stats import SGR, accuracy, difference, supervision_gap_recovered
from uphill.tables.accuracy import Panel, Study, panels
from uphill.tables.predictions import CONDITION, correctness


def sgr_rows(predictions: pd.DataFrame, groups: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Supervision Gap Recovered on hard test items, one row per method and source of easy data.

    SGR = (Easy - Unsupervised) / (Hard - Unsupervised); Hard is trained on hard data of the tested dataset, Easy on
    easy data of `train_dataset` (Hase et al. 2024, section 5). Where a variable is cut into bins, the first is easy
    and the last is hard. `status` is `undefined` where the interval of
    Hard - Unsupervised holds 0 (the ratio would be a ratio to noise) and `negative gap` where it lies below.
    """
    found = [row for panel in panels(predictions, hardest(groups), study) for row in _sgr(panel, study)]
    return pd.DataFrame(found, columns=SGR_COLUMNS)


SGR_COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", "method", "cot", "k", "n_train", "train_dataset", "test_on", "boots", "n_test"),
    *("easy", "hard", "unsupervised", "sgr", "sgr_low", "sgr_high", "status", "source"),
]


def _status(found: SGR) -> str:
    """`undefined`: no gap can be told from 0; `negative gap`: hard data is worse than none, so nothing is recovered."""
    if not found.defined:
        return "undefined"
    return "defined" if found.hard > found.unsupervised else "negative gap"


def _triples(panel: Panel) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Each condition trained on easy data, with its rows and those of the same method trained on hard data."""
    first, last = extremes(panel.rows["train_on"])
    for condition, easy in panel.conditions():
        if condition["train_on"] != first:
            continue
        same = {name: condition[name] for name in ("method", "cot", "k", "n_train", "noise_p")}
        hard = panel.condition(**same, train_on=last, train_dataset=condition["dataset"])
        if len(hard) and len(panel.baseline):
            yield condition, easy, hard


def _sgr(panel: Panel, study: Study) -> Iterator[dict[str, Any]]:
    for condition, easy, hard in _triples(panel):
        key: tuple[Key, ...] = (*panel.name, *map(str, condition.values()), study.seed)
        trained_easy, trained_hard, untrained = (
            correctness(rows, panel.items) for rows in (easy, hard, panel.baseline)
        )
        rng = keyed_rng("sgr", *key)
        found = supervision_gap_recovered(trained_easy, trained_hard, untrained, rng, study.draws, study.level)
        yield {
            **{name: condition[name] for name in SGR_COLUMNS if name in condition},
            "test_on": panel.test_on,
            "boots": easy["boot"].nunique(),
            "n_test": len(panel.items),
            "easy": found.easy,
            "hard": found.hard,
            "unsupervised": found.unsupervised,
            "sgr": found.sgr,
            "sgr_low": found.low,
            "sgr_high": found.high,
            "status": _status(found),
            "source": easy["source"].iloc[0],
        }


COMPARISON_COLUMNS: Sequence[str] = [
    *("model", "dataset", "variable", "method", "cot", "k", "n_train", "train_dataset", "test_on", "boots", "n_test"),
    *("comparison", "a", "b", "difference", "low", "high", "p", "source"),
]


def comparison_rows(predictions: pd.DataFrame, groups: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Accuracies on hard test items two by two, with their paired difference.

    `comparison` says what is taken from what: `easy - unsupervised`, `hard - unsupervised` and `easy - hard`; a and b
    are the two accuracies (Hase et al. 2024, section 8.5 of the specification).
    """
    found = [row for panel in panels(predictions, hardest(groups), study) for row in _comparisons(panel, study)]
    return pd.DataFrame(found, columns=COMPARISON_COLUMNS)


def _comparisons(panel: Panel, study: Study) -> Iterator[dict[str, Any]]:
    for condition, easy, hard in _triples(panel):
        sides = {"easy": easy, "hard": hard, "unsupervised": panel.baseline}
        matrices = {side: correctness(rows, panel.items) for side, rows in sides.items()}
        for a, b in (("easy", "unsupervised"), ("hard", "unsupervised"), ("easy", "hard")):
            key: tuple[Key, ...] = (*panel.name, a, b, *map(str, condition.values()), study.seed)
            yield {
                **{name: condition[name] for name in COMPARISON_COLUMNS if name in condition},
                "test_on": panel.test_on,
                "boots": easy["boot"].nunique(),
                "n_test": len(panel.items),
                "comparison": f"{a} - {b}",
                **_differing(matrices[a], matrices[b], key, study),
                "source": easy["source"].iloc[0],
            }


def _differing(a: Any, b: Any, key: tuple[Key, ...], study: Study) -> dict[str, float]:
    found = difference(b, a, keyed_rng("comparison", *key), study.draws, study.level)
    return {
        "a": accuracy(a),
        "b": accuracy(b),
        "difference": found.point,
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
    }


QUANTIZATION_COLUMNS: Sequence[str] = [
    *("dataset", "method", "cot", "k", "n_train", "train_on", "boots", "n_test", "full", "quantized"),
    *("a", "b", "difference", "low", "high", "p", "source"),
]


def quantization_rows(predictions: pd.DataFrame, pairs: Mapping[str, Mapping[str, str]], study: Study) -> pd.DataFrame:
    """Accuracy of each quantized model (a) less that of the full one (b) on the same items, after the same training."""
    rows = []
    same = [name for name in CONDITION if name != "model"]
    for values, both in predictions.groupby(same, sort=True):
        condition = dict(zip(same, values, strict=True))
        for full, quantized in pairs[condition["dataset"]].items():
            sides = [both[both["model"] == model] for model in (quantized, full)]
            items = sorted(set(sides[0]["item_id"]) | set(sides[1]["item_id"]))
            key: tuple[Key, ...] = (full, quantized, *map(str, values), study.seed)
            rows.append(
                {
                    **{name: condition[name] for name in QUANTIZATION_COLUMNS if name in condition},
                    "boots": sides[0]["boot"].nunique(),
                    "n_test": len(items),
                    "full": full,
                    "quantized": quantized,
                    **_differing(correctness(sides[0], items), correctness(sides[1], items), key, study),
                    "source": sides[0]["source"].iloc[0],
                }
            )
    return pd.DataFrame(rows, columns=QUANTIZATION_COLUMNS)
