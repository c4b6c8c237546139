"""How much accuracy a quantized model loses, on the same items after the same training."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.names import name
from uphill.figures.plots.style import percent_axis
from uphill.schemas.level_names import Levels


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """One row per (dataset, method, pair of models); `table` is tables/quantization.csv."""
    rows = table.to_dict("records")
    figure = Figure(figsize=(7.2, 0.3 * len(rows) + 1.0), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0.0, color="black", linewidth=0.7)
    for place, row in enumerate(rows):
        low, high = row["difference_low"], row["difference_high"]
        spread = [[max(0.0, row["difference"] - low)], [max(0.0, high - row["difference"])]]
        axis.errorbar(row["difference"], place, xerr=spread, fmt="o", markersize=4, color="#0072B2")
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    percent_axis(axis, "", "x")
    axis.set_xlabel("accuracy, quantized less full model\n(percentage points)")
    return figure


def _label(row: dict[str, Any]) -> str:
    return f"{row['dataset']}, {name(row['method'])}: {row['quantized_model']} - {row['model']}"
