"""Rank correlations between the hardness variables of a dataset, as a heat-map.

A number in brackets has an interval that holds 0.
"""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.names import SOURCE, variable_name
from uphill.schemas.level_names import Levels

PER_VARIABLE = 0.46
"""Inches."""
DARK = 0.6
"""Beyond this correlation a cell is so dark that its number is white."""


def plot(table: pd.DataFrame, _: Levels) -> Figure:
    """The lower triangle of the matrix; `table` is tables/correlations_{dataset}.csv."""
    variables = list(dict.fromkeys(table["variable_a"]))
    side = PER_VARIABLE * len(variables)
    figure = Figure(figsize=(side + 3.0, side + 1.7), layout="constrained")
    axis = figure.subplots()
    rho = table.pivot(index="variable_b", columns="variable_a", values="rho").reindex(variables, columns=variables)
    image = axis.imshow(rho, cmap="RdBu_r", vmin=-1, vmax=1)
    for row in table.itertuples():
        if row.variable_a != row.variable_b:
            _cell(axis, variables.index(row.variable_a), variables.index(row.variable_b), row)
    kind = str(table[SOURCE].iloc[0]) if SOURCE in table else ""
    labels = [variable_name(kind, variable) for variable in variables]
    axis.set_xticks(range(len(variables)), labels, rotation=90)
    axis.set_yticks(range(len(variables)), labels)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(f"{table['dataset'].iloc[0]}: {table['n_items'].iloc[0]} items")
    figure.colorbar(image, ax=axis, shrink=0.7, label="Spearman's rank correlation")
    return figure


def _cell(axis: Any, x: int, y: int, row: Any) -> None:
    said = f"({row.rho:.2f})" if row.low <= 0 <= row.high else f"{row.rho:.2f}"
    axis.text(x, y, said, ha="center", va="center", fontsize=6.5, color="white" if abs(row.rho) > DARK else "black")
