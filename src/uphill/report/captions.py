"""What tables, columns and figures are called on the page, and what each shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

TITLES = {
    "population": "Accuracy by training level and test level",
    "sgr": "Supervision Gap Recovered",
    "accuracy_by_hardness": "Accuracy by hardness value",
    "all_to_all": "Accuracy after training on items of any difficulty",
    "correlations": "Rank correlations between hardness variables",
}
TABLES = {
    "population": "One row per training condition and test level. The interval is a bootstrap over test items and "
    "boots; the gain is over no supervision on the same items.",
    "sgr": "(Easy - Unsupervised) / (Hard - Unsupervised), all on hard test items: 1 where easy data serves as well as "
    "hard data, 0 where it serves no better than none, undefined where hard data itself does not help.",
    "accuracy_by_hardness": "One row per training condition and hardness value; where a variable takes many values, "
    "the middle of each of four equally wide ranges stands for its items.",
    "all_to_all": "Training and test items of any difficulty.",
    "correlations": "Spearman correlations over the experiment pool, with bootstrap intervals over items.",
}
FIGURES = {
    "population": "Accuracy on hard test items without supervision and after training on easy, medium and hard data. "
    "Whiskers are bootstrap intervals over items and boots; hatched bars are trained on data of another dataset.",
    "accuracy_by_hardness": "Accuracy against the hardness of the test items, without supervision and after training "
    "on easy data of the same dataset.",
    "sgr": "Supervision Gap Recovered by easy data with its paired-bootstrap interval; intervals that leave the "
    "frame are cut there.",
    "correlations": "Spearman correlations between hardness variables over the experiment pool; in brackets where the "
    "interval holds 0.",
}
_TITLES = {
    "n_test": "test items",
    "n_train": "training items",
    "n_items": "items",
    "train_dataset": "trained on data of",
    "train_on": "trained on",
    "test_on": "tested on",
    "sgr": "SGR",
    "rho": "Spearman",
    "cot": "reasoning",
}


def _missing(value: object) -> bool:
    return not isinstance(value, int | float) or math.isnan(value)


@dataclass(frozen=True)
class _Columns:
    """How columns are shown."""

    intervals: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "accuracy": ("low", "high"),
            "gain": ("gain_low", "gain_high"),
            "sgr": ("sgr_low", "sgr_high"),
            "rho": ("low", "high"),
        }
    )
    percents: frozenset[str] = frozenset({"accuracy", "gain", "easy", "hard", "unsupervised"})
    hidden: frozenset[str] = frozenset(
        {"source", "noise_p", "dropped", "low", "high", "gain_low", "gain_high", "sgr_low", "sgr_high"}
    )

    def title(self, column: str) -> str:
        return _TITLES.get(column, column.replace("_", " "))

    def percent(self, value: float, low: float | None = None, high: float | None = None) -> str:
        if _missing(value):
            return ""
        interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
        return f"{100 * value:.1f} %{interval}"

    def number(self, value: float, low: float, high: float) -> str:
        return "" if _missing(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


COLUMNS = _Columns()
