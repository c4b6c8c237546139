"""Models that are judged on a scale which their own answers made."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from uphill.report.cautions import Caution


def circular(config: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[Caution]:
    """The caution that a panel's model is evaluated on levels of the panel's own scale, if one is.

    Args:
        config: the study's, as plain data.
        tables: tidy tables by name.
    """
    cases = list(dict.fromkeys(_cases(config, tables)))
    why = (
        "An item is hard here because these models, among others, failed on it: that they fail on hard items is so by "
        "construction. Levels of another panel, or of another measure, tell more."
    )
    return [Caution("Models that made the scale they are judged on (circular)", why, cases)] if cases else []


def _cases(config: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    for measure, entry in config["measures"].items():
        panel = config.get("panels", {}).get(entry.get("panel"))
        if panel is None:
            continue
        own = set(_models(panel, tables))
        for table in tables.values():
            if {"model", "dataset", "variable"} <= {*table}:
                rows = table[(table["variable"] == measure) & (table["dataset"] == panel["dataset"])]
                for model in sorted(own & set(rows["model"])):
                    yield f"{model} on {panel['dataset']} by {measure}: it is of panel {entry['panel']}."


def _models(panel: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Models that answer as they are or trained; cells that name none are of every model of their rows."""
    yield from panel.get("models", ())
    for cells in panel.get("cells", ()):
        if cells.get("models"):
            yield from cells["models"]
            continue
        for table in tables.values():
            if {"model", "dataset", "method"} <= {*table}:
                rows = table[(table["dataset"] == panel["dataset"]) & table["method"].isin(cells["methods"])]
                yield from rows["model"].unique()
