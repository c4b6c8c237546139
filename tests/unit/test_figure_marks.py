"""Chance, sets at 0, and intervals that leave their frame: drawn so that a reader sees what they are."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_tables import LEVELS, ORDER, accuracy, by_value, gap, heights, house_style, levels  # noqa: F401 # a fixture
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer

from uphill.figures.plots import (
    accuracy_by_hardness,
    by_model,
    gain_grid,
    ladders,
    learning_curves,
    noisy_labels,
    population,
    sgr,
    train_levels,
)
from uphill.figures.plots.marks import known_chance

pytestmark = pytest.mark.usefixtures("house_style")
RUNGS = {("d", "v"): ["zoo", "attic"]}
NAN = float("nan")


def curve(**columns: Any) -> pd.DataFrame:
    rows = [accuracy("zero_shot", "none", "hard", 0.3, easy_noise_p=0.0)]
    rows += [
        accuracy("icl", level, "hard", 0.5, n_train=n, noise_p=p, easy_noise_p=p)
        for level in ("easy", "hard")
        for n, p in ((10, 0.0), (20, 0.1))
    ]
    return pd.DataFrame(rows).assign(**columns)


def ladder(**columns: Any) -> pd.DataFrame:
    rows = [
        accuracy("zero_shot", "none", "test", 0.4),
        *(accuracy("icl", rung, "test", 0.5) for rung in RUNGS["d", "v"]),
    ]
    return pd.DataFrame(rows).assign(**columns)


def two_models(**columns: Any) -> pd.DataFrame:
    return pd.concat([levels("a"), levels("b")], ignore_index=True).assign(**columns)


ACCURACIES = [
    (population, two_models(), ORDER),
    (train_levels, two_models(), ORDER),
    (by_model, two_models(), ORDER),
    (learning_curves, curve(), ORDER),
    (noisy_labels, curve(), ORDER),
    (ladders, ladder(), RUNGS),
    (accuracy_by_hardness, by_value([1.0, 2.0]).replace({"train_on": {"all": "easy"}}), ORDER),
]
EVERY_ACCURACY = pytest.mark.parametrize(
    ("plot", "table", "order"), ACCURACIES, ids=[plot.__name__.split(".")[-1] for plot, _, _ in ACCURACIES]
)


def guesses(axis: Any) -> list[float]:
    return [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == ":"]


def legend(figure: Any) -> list[str]:
    return [text.get_text() for one in figure.legends for text in one.get_texts()]


@EVERY_ACCURACY
def test_chance_is_across_each_panel_of_accuracies_and_named_once(plot: Any, table: Any, order: Any) -> None:
    figure = plot.plot(table.assign(chance=0.25), order)
    assert [guesses(axis) for axis in figure.axes] == [[0.25]] * len(figure.axes)
    assert legend(figure).count("chance") == 1
    assert all(axis.get_ylim()[0] <= 0.25 <= axis.get_ylim()[1] for axis in figure.axes)


@EVERY_ACCURACY
def test_written_answers_have_no_chance(plot: Any, table: Any, order: Any) -> None:
    for without in (table, table.assign(chance=NAN)):
        figure = plot.plot(without, order)
        assert [guesses(axis) for axis in figure.axes] == [[]] * len(figure.axes)
        assert "chance" not in legend(figure)


@EVERY_ACCURACY
def test_chance_is_in_the_frame_where_all_are_below(plot: Any, table: Any, order: Any) -> None:
    figure = plot.plot(table.assign(chance=0.9, accuracy=0.1, low=0.05, high=0.15), order)
    assert all(axis.get_ylim()[1] > 0.9 for axis in figure.axes)


def test_chance_that_differs_is_no_line() -> None:
    assert known_chance(pd.DataFrame({"chance": [0.25, 0.2]})) is None
    assert known_chance(pd.DataFrame({"chance": [0.25, NAN, 0.25]})) == 0.25
    table = levels().assign(chance=np.linspace(0.1, 0.25, len(levels())))
    figure = population.plot(table, ORDER)
    assert guesses(figure.axes[0]) == []
    assert "chance" not in legend(figure)


@pytest.mark.parametrize("found", [[1.0, 2.0], [1.5, 2.5]])
def test_chance_that_differs_between_values_stands_at_each(found: list[float]) -> None:
    table = by_value(found)
    same = table.assign(variable="same", chance=0.25)
    table = table.assign(chance=table["test_on"].map(dict(zip(found, (0.5, 0.1), strict=True))))
    figure = accuracy_by_hardness.plot(pd.concat([table, same]), ORDER, train_on="all")
    apart, across = figure.axes
    pieces = [line for line in apart.collections if line.get_linestyles()[0][1] is not None]
    drawn = [segment[0][1] for one in pieces for segment in one.get_segments()]
    drawn += [y for line in apart.lines if line.get_linestyle() == ":" for y in line.get_ydata()]
    assert drawn == pytest.approx([0.5, 0.1])
    assert guesses(across) == [0.25]
    assert legend(figure).count("chance") == 1


@EVERY_ACCURACY
def test_a_set_at_0_is_seen_to_be_there(plot: Any, table: Any, order: Any) -> None:
    """Ten points at least are shown, none below 0 by more than a mark takes, and each bar of no height says so."""
    figure = plot.plot(table.assign(accuracy=0.0, low=0.0, high=0.003), order)
    for axis in figure.axes:
        low, high = axis.get_ylim()
        assert -0.01 < low <= 0
        assert high >= 0.1
        shown = [text.get_text() for text in axis.texts]
        assert shown.count("0") == sum(isinstance(one, BarContainer) for one in axis.containers)
        assert all(tick >= 0 for tick in axis.get_yticks() if low <= tick <= high)


def test_a_bar_too_low_to_be_seen_says_its_number() -> None:
    table = levels().assign(accuracy=0.0004, low=0.0, high=0.003)
    (axis,) = population.plot(table, ORDER).axes
    assert [text.get_text() for text in axis.texts] == ["0.04"] * 7


def test_a_grid_without_gains_is_white() -> None:
    rows = [accuracy("zero_shot", "none", level, 0.0) for level in LEVELS]
    rows += [accuracy("icl", a, b, 0.0, gain=0.0, gain_low=0.0, gain_high=0.002) for a in LEVELS for b in LEVELS]
    axis = gain_grid.plot(pd.DataFrame(rows), ORDER).axes[0]
    (image,) = axis.images
    assert image.norm(0.0) == pytest.approx(0.5)  # the middle of the colours
    assert {text.get_text() for text in axis.texts} == {"(0)"}


def marks(axis: Any) -> list[tuple[str, float]]:
    """Arrows and caps, and the height that each stands at."""
    return sorted((line.get_marker(), float(line.get_ydata()[0])) for line in axis.lines if line.get_marker() in "_^v")


@pytest.mark.parametrize(
    ("value", "low", "high", "found", "said"),
    [
        (0.8, 0.6, 1.0, [("_", 0.6), ("_", 1.0)], []),
        (1.2, 0.9, 3.0, [("^", 1.5), ("_", 0.9)], []),
        (0.4, -2.0, 2.0, [("^", 1.5), ("v", -0.25)], []),
        (-1.7, -4.0, -0.7, [("v", -0.25)], ["\N{MINUS SIGN}1.7"]),
        (2.5, 1.6, 4.0, [("^", 1.5)], ["2.5"]),
        (-0.4, -0.5, 0.1, [("_", 0.1), ("v", -0.25)], ["\N{MINUS SIGN}0.4"]),
    ],
)
def test_an_interval_stays_in_its_frame(value: float, low: float, high: float, found: Any, said: Any) -> None:
    (axis,) = sgr.plot(pd.DataFrame([gap("icl", value, low, high)]), ORDER).axes
    assert marks(axis) == sorted(found)
    assert [text.get_text() for text in axis.texts] == said


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3).map(sorted))
@settings(max_examples=20, deadline=None)
def test_no_interval_has_a_mark_out_of_its_frame(bounds: list[float]) -> None:
    """An arrow stands at an edge if and only if the interval goes on beyond it."""
    low, value, high = bounds
    (axis,) = sgr.plot(pd.DataFrame([gap("icl", value, low, high)]), ORDER).axes
    floor, ceiling = sgr.SHOWN
    assert all(floor <= height <= ceiling for _, height in marks(axis))
    arrows = {mark for mark, _ in marks(axis) if mark != "_"}
    assert ("v" in arrows) == (low < floor)
    assert ("^" in arrows) == (high > ceiling)


def test_where_no_bar_stands_a_square_says_whose_it_would_be() -> None:
    rows = [gap("icl", 0.8, 0.6, 1.0), gap("probe", NAN, NAN, NAN, "undefined")]
    figure = sgr.plot(pd.DataFrame(rows), ORDER)
    (axis,) = figure.axes
    [square] = [line for line in axis.lines if line.get_marker() == "s"]
    handles = dict(zip(legend(figure), figure.legends[0].get_patches(), strict=True))
    assert to_rgb(square.get_color()) == handles["linear probe"].get_facecolor()[:3]
    assert square.get_xdata()[0] == 1
    assert square.get_ydata()[0] < 0


def test_bars_are_as_wide_in_each_panel_of_ratios() -> None:
    rows = [gap(method, 0.5, 0.4, 0.6) for method in ("icl", "probe", "lora", "ccs")]
    alone = gap("icl", 0.5, 0.4, 0.6) | {"variable": "w"}
    spans = [np.ptp(axis.get_xlim()) for axis in sgr.plot(pd.DataFrame([*rows, alone]), ORDER).axes]
    assert spans[0] == pytest.approx(spans[1])
