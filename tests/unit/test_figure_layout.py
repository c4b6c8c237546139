"""What is written on a figure fits it, whatever the names are: nothing is cut, and nothing lies on another."""

from itertools import combinations
from typing import Any

import pandas as pd
import pytest
from figure_tables import LEVELS, ORDER, accuracy, house_style, levels, ticks  # noqa: F401 # one is a fixture
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import Bbox

from uphill.figures.plots import accuracy_by_hardness, by_model, ladders, learning_curves, noisy_labels, population
from uphill.figures.plots import train_levels as by_level
from uphill.figures.plots.fitting import broken, wide

pytestmark = pytest.mark.usefixtures("house_style")
FONT = FontProperties(size=9)
LONG = "Some-Publisher.Very-Long-Model-Name-1.5B-Instruct-v0.3-Q8_0"
SOLID = "a" * 80
"""The longest name that a config may have, with no place to break it."""


@given(st.text("abc -_/+.()\n", max_size=60), st.floats(0.2, 3.0))
@settings(max_examples=200, deadline=None)
def test_a_broken_text_lacks_nothing_and_fits(text: str, inches: float) -> None:
    found = broken(text, inches, FONT)
    assert "".join(found.split()) == "".join(text.split())
    # A letter is the least that a line holds.
    assert all(wide(line, FONT) <= inches or len(line) == 1 for line in found.split("\n"))


def test_lines_break_where_a_reader_would() -> None:
    assert broken("SmolLM2-135M-Instruct-Q4_1", 1.2, FONT).split("\n") == ["SmolLM2-135M-", "Instruct-Q4_1"]
    assert broken("by the tested model's own scale", 1.2, FONT).split("\n") == ["by the tested", "model's own scale"]
    assert broken("understanding", 0.3, FONT, anywhere=False) == "understanding"


def drawn(figure: Figure) -> list[Bbox]:
    """Where titles, headings, names of axes, names under ticks and the legend are, once the figure is drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for axis in figure.axes:
        # A tick beyond the frame is not drawn.
        low, high = axis.get_xlim()
        seen = zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)
        under = [label for tick, label in seen if low <= tick <= high]
        texts = [axis._left_title, axis.title, axis.xaxis.label, axis.yaxis.label, *under]
        for text in texts:
            # The last lines of a heading are empty, and stand where the title does.
            box = text.get_window_extent(canvas.get_renderer())
            if text is axis.title:
                said = text.get_text()
                empty = box.height / (said.count("\n") + 1) * said.count("\n", len(said.rstrip()))
                box = Bbox([[box.x0, box.y0 + empty], box.max])
            # What slants has a box much larger than itself.
            if text.get_text().strip() and text.get_rotation() in (0, 90):
                found.append(box)
    return [*found, *(legend.get_window_extent(canvas.get_renderer()) for legend in figure.legends)]


def overlaps(a: Bbox, b: Bbox) -> bool:
    both = Bbox.intersection(a, b)
    return both is not None and both.width > 1 and both.height > 1


def assert_all_fits(figure: Figure) -> None:
    boxes = drawn(figure)
    width, height = figure.canvas.get_width_height()
    frame = Bbox([[-1, -1], [width + 1, height + 1]])
    assert [box for box in boxes if not (frame.contains(*box.min) and frame.contains(*box.max))] == []
    assert not [pair for pair in combinations(boxes, 2) if overlaps(*pair)]


def named(model: str, variables: int = 3) -> pd.DataFrame:
    """Some variables, the scale of one of which is the tested model's own."""
    tables = [levels(model).assign(variable=f"variable_{place}", circular="") for place in range(variables)]
    return pd.concat([*tables[:-1], tables[-1].assign(circular="model")], ignore_index=True)


ANY = {("d", f"variable_{place}"): LEVELS for place in range(3)}


@pytest.mark.parametrize("model", ["SmolLM2-135M-Instruct-Q4_1", LONG, SOLID])
@pytest.mark.parametrize("plot", [population, by_level, by_model])
def test_titles_and_headings_fit_whatever_models_are_called(plot: Any, model: str) -> None:
    table = pd.concat([named("z"), named(model)], ignore_index=True)
    figure = plot.plot(table, ANY)
    assert_all_fits(figure)
    said = [axis.get_title("center") for axis in figure.axes] + [tick for axis in figure.axes for tick in ticks(axis)]
    assert any("".join(text.split()) == model for text in said)
    assert any("(the tested model's own scale)" in axis.get_title("left").replace("\n", " ") for axis in figure.axes)


def test_the_own_scale_of_a_model_is_told_under_its_axis() -> None:
    rows = [accuracy("zero_shot", "none", value, 0.3, circular="model") for value in (1.5, 2.5)]
    rows += [accuracy("icl", "all", value, 0.4, circular="model") for value in (1.5, 2.5)]
    (axis,) = accuracy_by_hardness.plot(pd.DataFrame(rows), ORDER, train_on="all").axes
    assert axis.get_xlabel().replace("\n", " ") == "v (the tested model's own scale)"


@pytest.mark.parametrize("model", [LONG, SOLID])
def test_ladders_of_models_of_long_names_fit(model: str) -> None:
    rows = [accuracy("zero_shot", "none", "test", 0.4, model=name) for name in ("z", model)]
    rows += [accuracy("icl", rung, "test", 0.5, model=name) for name in ("z", model) for rung in ("zoo", "attic")]
    assert_all_fits(ladders.plot(pd.DataFrame(rows), {("d", "v"): ["zoo", "attic"]}))


def test_a_legend_of_many_lines_leaves_the_panel_its_height() -> None:
    rows = [accuracy("zero_shot", "none", "hard", 0.3, easy_noise_p=0.0)]
    many = [f"a_level_of_some_long_name_{place}" for place in range(8)]
    rows += [accuracy("icl", level, "hard", 0.5, easy_noise_p=p) for level in many for p in (0.0, 0.1)]
    figure = noisy_labels.plot(pd.DataFrame(rows), {("d", "v"): many})
    assert_all_fits(figure)
    (axis,) = figure.axes
    assert axis.get_position().height * figure.get_figheight() > 1.5


def test_names_slant_where_they_have_no_room_side_by_side() -> None:
    models = ["incomprehensibility", "intercontinentality", "uncharacteristically"]
    table = pd.concat([levels(model).assign(variable="v") for model in models])
    axis = by_model.plot(table, ORDER).axes[0]
    assert ticks(axis) == models
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {30}


def test_the_panels_of_a_learning_curve_have_one_scale() -> None:
    rows = [accuracy("zero_shot", "none", "hard", 0.3)]
    rows += [accuracy("icl", level, "hard", 0.5 + n / 100, n_train=n) for n in (10, 20) for level in ("easy", "hard")]
    by_number, by_cost = learning_curves.plot(pd.DataFrame(rows), ORDER).axes
    assert by_number.get_ylim() == by_cost.get_ylim()
