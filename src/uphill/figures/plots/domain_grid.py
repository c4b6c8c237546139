"""Gains by domain and level trained on, and by domain and level tested, as a heat-map with no gain in the middle."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from uphill.figures.plots.fitting import rows_of
from uphill.figures.plots.gain_grid import LEAST, PER_LEVEL, cell
from uphill.figures.plots.names import methods, name, variable
from uphill.figures.plots.style import finish, panels
from uphill.schemas.level_names import Levels, place
from uphill.schemas.names import ALL, UNSUPERVISED

Side = list[tuple[str, str]]


def plot(table: pd.DataFrame, levels: Levels) -> Figure:
    """One panel per (method, variable, n_train), a section per model; `table` is tables/domains.csv."""
    shown = table[(table["train_on"] != UNSUPERVISED) & (table["test_on"] != ALL)]
    cells = max(shown[["dataset", "test_on"]].drop_duplicates().shape[0], 2)
    side = PER_LEVEL * cells
    figure, drawn = panels(shown, "model", ["method", "variable", "n_train"], side + 1.6, side + 1.7)
    largest = max(LEAST, float(shown["gain"].abs().max())) if shown["gain"].notna().any() else 1.0
    image = None
    for axis, rows in drawn:
        image = _panel(axis, rows, levels, largest)
        axis.set_title(f"{methods(shown)[rows['method'].iloc[0]]}\nby {variable(rows)}")
    if image is not None:
        figure.colorbar(image, ax=figure.axes, shrink=0.8 / rows_of(figure), aspect=25, label="gain (points)")
    return finish(figure)


def _panel(axis: Any, rows: pd.DataFrame, levels: Levels, largest: float) -> Any:
    down, across = (_side(rows, *of, levels) for of in (("train_dataset", "train_on"), ("dataset", "test_on")))
    gains = pd.DataFrame(index=range(len(down)), columns=range(len(across)), dtype=float)
    for row in rows.itertuples():
        gains.loc[down.index((row.train_dataset, row.train_on)), across.index((row.dataset, row.test_on))] = row.gain
    image = axis.imshow(100 * gains.to_numpy(), cmap="RdBu", vmin=-100 * largest, vmax=100 * largest)
    for row in rows.itertuples():
        at = across.index((row.dataset, row.test_on)), down.index((row.train_dataset, row.train_on))
        cell(axis, *at, row, largest, down[at[1]] == across[at[0]])
    axis.set_xticks(range(len(across)), [f"{dataset}, {name(level)}" for dataset, level in across], rotation=90)
    axis.set_yticks(range(len(down)), [f"{dataset}, {name(level)}" for dataset, level in down])
    for line in _borders(across):
        axis.axvline(line, color="black", linewidth=0.8)
    for line in _borders(down):
        axis.axhline(line, color="black", linewidth=0.8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("tested on")
    axis.set_ylabel("trained on")
    return image


def _side(rows: pd.DataFrame, dataset: str, level: str, levels: Levels) -> Side:
    """Each (dataset, level) of a side: datasets in the table's order, levels from easy to hard.

    The levels of all datasets of a row are the same ones, so those of the tested one say the order.
    """
    tested, variable_ = (str(rows[column].iloc[0]) for column in ("dataset", "variable"))
    order = levels.get((tested, variable_), ())
    datasets = list(dict.fromkeys(rows["dataset"].astype(str)))
    found = set(zip(rows[dataset].astype(str), rows[level].astype(str), strict=True))
    known = [*datasets, *sorted({one for one, _ in found} - set(datasets))]
    return sorted(found, key=lambda one: (known.index(one[0]), place(one[1], order)))


def _borders(side: Side) -> list[float]:
    """Between one dataset's levels and the next's."""
    return [number - 0.5 for number in range(1, len(side)) if side[number][0] != side[number - 1][0]]
