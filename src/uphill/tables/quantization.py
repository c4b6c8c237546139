"""Accuracy of models beside that of their quantized selves."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.stats.estimates import accuracy_interval, difference
from uphill.tables.estimates import estimates
from uphill.tables.layouts import N_TEST, accuracy, compared, named, with_tested
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.table import Analysis, Inputs, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("dataset", "variable", "method", "n_train", "model")


def quantization_rows(
    predictions: pd.DataFrame, pairs: Mapping[str, Mapping[str, str]], study: Analysis
) -> pd.DataFrame:
    """Accuracy of each model and of its quantized self on the same items after the same training, and the difference.

    Args:
        predictions: rows of the grades contract, with `source`.
        pairs: by dataset, the quantized model of each full one.
        study: coverage, and clusters of items.
    """
    same = [name for name in CONDITION if name != "model"]
    rows = [
        _quantized(dict(zip(same, values, strict=True)), both, full, quantized, study)
        for values, both in predictions.groupby(same, sort=True)
        for full, quantized in pairs[both["dataset"].iloc[0]].items()
    ]
    return pd.DataFrame(rows)


def _quantized(
    condition: dict[str, Any], both: pd.DataFrame, full: str, quantized: str, study: Analysis
) -> dict[str, Any]:
    items = sorted(set(both["item_id"]))
    sides = {name: both[both["model"] == model] for name, model in (("full", full), ("quantized", quantized))}
    clusters = study.clusters.get(str(condition["dataset"]))
    of_full, of_quantized = (answered(rows, items, clusters) for rows in sides.values())
    return {
        "model": full,
        "quantized_model": quantized,
        **condition,
        "boots": sides["full"]["boot"].nunique(),
        "n_test": len(items),
        **estimates(
            full=accuracy_interval(of_full, study.coverage),
            quantized=accuracy_interval(of_quantized, study.coverage),
            difference=difference(of_full, of_quantized, study.coverage),
        ),
        "source": sides["full"]["source"].iloc[0],
    }


def _reduce(inputs: Inputs) -> pd.DataFrame:
    return quantization_rows(inputs.predictions, inputs.own["pairs"], inputs.study)


def _printed(table: pd.DataFrame, _: Mapping[str, str], __: Levels) -> pd.DataFrame:
    return with_tested(named(table), ROWS)


TABLES = {
    "quantization": Table(
        _reduce,
        "Quantized models beside full ones",
        "Accuracy of the quantized model (a) and of the full one (b) after the same training on the same items, and "
        "their paired difference.",
        # Columns of `estimates(full=..., quantized=..., difference=...)`.
        WideLayout(
            ROWS,
            (
                Part("Full", accuracy("full")),
                Part("Quantized", accuracy("quantized")),
                Part("Quantized - Full", compared("difference")),
                N_TEST,
            ),
            _printed,
            incidental=("variable",),
        ),
    )
}
