"""Accuracy by share of random labels."""

from collections.abc import Iterable

import pandas as pd

from uphill.tables.accuracy import of_levels
from uphill.tables.layouts import ACCURACY, on_hardest
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "dataset", "variable", "method", "n_train", "supervision", "train_dataset")
TRAINED = ("model", "dataset", "variable", "method", "train_on")


def _with_noise_of_easy_data(inputs: Inputs) -> pd.DataFrame:
    """With `easy_noise_p`, the noise of the easy data that a row is to be read beside."""
    table = of_levels(inputs)
    factors = {tuple(names): factor for *names, factor in inputs.own["noise_factors"]}
    rows: Iterable[tuple[str, ...]] = zip(*(table[name].astype(str) for name in TRAINED), strict=True)
    return table.assign(easy_noise_p=table["noise_p"] / [factors.get(row, 1.0) for row in rows])


TABLES = {
    "noisy_labels": Table(
        _with_noise_of_easy_data,
        "Accuracy by share of random labels",
        "Labels of training items are drawn at random with the probability shown, more of hard data than of easy data. "
        f"{INTERVAL}",
        WideLayout(ROWS, (Part("p={easy_noise_p:g}", ACCURACY, ("easy_noise_p",)),), on_hardest),
    )
}
