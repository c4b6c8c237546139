"""Columns of result tables that hold names, and the one reader of our CSV."""

import io

import pandas as pd

NAMES = (
    *("dataset", "train_dataset", "model", "quantized_model", "method", "variable", "variable_a", "variable_b"),
    *("train_on", "test_on", "supervision", "status", "sgr_set", "as_good", "circular", "labels"),
    *("experiment", "experiment_a", "experiment_b", "against", "not_carried", "depends"),
    *("easy_a", "hard_a", "easy_b", "hard_b", "status_a", "status_b"),
    *("weak", "strong", "teacher", "teacher_variable", "teacher_on", "pgr_set", "source"),
    *("generation", "clusters", "stage", "name", "pool", "ask", "group"),
)
"""Columns of tables that hold names, which are texts: of a model called 007, 1e3 or NA too."""
BY_VALUE = ("accuracy_by_hardness", "all_to_all_by_hardness")
"""Tables whose `test_on` is no level but a hardness value."""


def csv_table(content: bytes, table: str) -> pd.DataFrame:
    """A CSV of ours: names as they were written, and an empty cell of another column as a missing number.

    Args:
        content: of the file.
        table: its name.

    Raises:
        ValueError: it is no CSV; pandas' own errors are kinds of it.
    """
    names = [name for name in NAMES if name != "test_on" or table not in BY_VALUE]
    missing = {column: [""] for column in pd.read_csv(io.BytesIO(content), nrows=0).columns if column not in names}
    types = dict.fromkeys(names, str)
    return pd.read_csv(io.BytesIO(content), dtype=types, keep_default_na=False, na_values=missing)
