"""Accuracy by number of training items."""

from uphill.tables.accuracy import of_levels
from uphill.tables.layouts import ACCURACY, on_hardest
from uphill.tables.recovered import SGR, SGR_CAPTION, sgr
from uphill.tables.table import INTERVAL, Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "dataset", "variable", "method", "supervision", "train_dataset")
TABLES = {
    "learning_curves": Table(
        of_levels,
        "Accuracy by number of training items",
        f"One row per training condition and number of training items. {INTERVAL}",
        WideLayout(ROWS, (Part("n={n_train}", ACCURACY, ("n_train",)),), on_hardest),
    ),
    "learning_curves_sgr": Table(
        sgr,
        "Supervision Gap Recovered, by number of training items",
        f"Whether easy data is as good as hard data at each budget. {SGR_CAPTION}",
        SGR,
    ),
}
