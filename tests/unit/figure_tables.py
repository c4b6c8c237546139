"""Small tables as figures draw them, and what is read off a panel."""

import re
from typing import Any

import pandas as pd
import pytest

from uphill.figures.plots.style import styled

LEVELS = ("easy", "medium", "hard")
ORDER = {(dataset, "v"): LEVELS for dataset in ("d", "alone")}


@pytest.fixture
def house_style() -> Any:
    """Figures look as those of a study."""
    with styled():
        yield


def accuracy(method: str, train_on: str, test_on: Any, value: float, **columns: Any) -> dict[str, Any]:
    row = {"model": "m", "dataset": "d", "variable": "v", "method": method, "train_dataset": "d", "train_on": train_on}
    row |= {"test_on": test_on, "n_train": 0 if train_on == "none" else 8, "noise_p": 0.0}
    return row | {"accuracy": value, "low": value - 0.1, "high": min(1.0, value + 0.1)} | columns


def levels(model: str = "m", up: float = 0.0) -> pd.DataFrame:
    """Two methods on three levels, and zero-shot: hard .3, ICL .4 .5 .6, probe .45 .55 .65; all of it .2 more."""
    rows = []
    for test_on, more in (("all", 0.2), ("easy", 0.3), ("medium", 0.1), ("hard", 0.0)):
        rows.append(accuracy("zero_shot", "none", test_on, 0.3 + more + up, model=model))
        for method, first in (("icl", 0.4), ("probe", 0.45)):
            for place, train_on in enumerate(LEVELS):
                value = first + 0.1 * place + more + up
                rows.append(accuracy(method, train_on, test_on, value - 0.001 * up, model=model))
    return pd.DataFrame(rows)


def heights(axis: Any) -> list[float]:
    return [patch.get_height() for patch in axis.patches]


def lines(axis: Any) -> list[tuple[list[float], list[float]]]:
    """x and y of each line with more than one point; caps and rules are left out."""
    drawn = [line for line in axis.lines if len(line.get_xdata()) > 1 and line.get_marker() not in ("None", "_", "|")]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in drawn]


def ticks(axis: Any) -> list[str]:
    return [re.sub(r"(?<=-)\n", "", label.get_text()).replace("\n", " ") for label in axis.get_xticklabels()]


def gap(method: str, value: float, low: float, high: float, status: str = "defined") -> dict[str, Any]:
    row = {"model": "m", "dataset": "d", "variable": "v", "method": method, "train_dataset": "d", "hard": 0.6}
    return row | {"unsupervised": 0.3, "sgr": value, "sgr_low": low, "sgr_high": high, "status": status}


def by_value(values: list[float]) -> pd.DataFrame:
    rows = [accuracy("zero_shot", "none", value, 0.3) for value in values]
    rows += [accuracy("icl", "all", value, 0.9 - place / 10) for place, value in enumerate(values)]
    return pd.DataFrame(rows)
