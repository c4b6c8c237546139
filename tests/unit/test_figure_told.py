"""What a figure tells at its marks is the table's, and stands where the mark is."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_tables import LEVELS, ORDER, accuracy, house_style, levels  # noqa: F401 # a fixture
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from uphill.figures.plots import gain_grid, learning_curves, population, quantization, train_levels
from uphill.figures.plots.boxes import said
from uphill.figures.plots.style import COLOURS, save

pytestmark = pytest.mark.usefixtures("house_style")


def drawn(figure: Figure, folder: Path) -> tuple[list[Any], Any]:
    """What a saved picture tells, and its pixels."""
    save(figure, str(folder / "f.png"))
    content = (folder / "f.png").read_bytes()
    return said(content, "Marks"), imread(io.BytesIO(content))


def test_bars_tell_what_they_are_of_and_stand_where_they_are_told(tmp_path: Path) -> None:
    table = pd.concat([levels(), pd.DataFrame([accuracy("icl", "easy", "hard", 0.55, train_dataset="other")])])
    [[title, marks]], pixels = drawn(population.plot(table, ORDER), tmp_path)
    assert title == "d by v"
    told = [text for *_, text in marks]
    assert told[:2] == [
        "no supervision, zero-shot, accuracy on hard items 30.0 % [20.0, 40.0]",
        "trained on easy, ICL, accuracy on hard items 40.0 % [30.0, 50.0]",
    ]
    assert "trained on easy, data of another dataset, ICL, accuracy on hard items 55.0 % [45.0, 65.0]" in told
    assert len(told) == 8
    height, width = pixels.shape[:2]
    for level, (left, top, right, bottom, _) in zip(("none", *LEVELS), marks[:4], strict=True):
        # Beside the whisker, in the lower half of the bar.
        pixel = pixels[int((0.3 * top + 0.7 * bottom) * height), int((0.8 * left + 0.2 * right) * width), :3]
        assert np.allclose(pixel, to_rgb(COLOURS[level]), atol=0.02)


def test_points_tell_their_series_and_their_interval(tmp_path: Path) -> None:
    [[_, marks]], _ = drawn(train_levels.plot(levels(), ORDER), tmp_path)
    told = [text for *_, text in marks]
    assert "ICL, trained on medium, accuracy on hard items 50.0 % [40.0, 60.0]" in told
    assert len([text for text in told if text.startswith("linear probe")]) == len(LEVELS)


def test_points_of_a_line_have_the_interval_of_its_band(tmp_path: Path) -> None:
    rows = [
        accuracy("icl", level, "hard", value, n_train=count)
        for level, first in (("easy", 0.4), ("hard", 0.45))
        for count, value in ((8, first), (16, first + 0.1))
    ]
    none = accuracy("zero_shot", "none", "hard", 0.3)
    [[_, marks], *_], _ = drawn(learning_curves.plot(pd.DataFrame([none, *rows]), ORDER), tmp_path)
    told = [text for *_, text in marks]
    assert any("50.0 % [40.0, 60.0]" in text and "easy" in text for text in told), told
    assert any("55.0 % [45.0, 65.0]" in text and "hard" in text for text in told), told


def test_values_may_be_across(tmp_path: Path) -> None:
    row = {"dataset": "d", "method": "icl", "model": "f", "quantized_model": "q", "difference": -0.01}
    table = pd.DataFrame([row | {"difference_low": -0.02, "difference_high": 0.01}])
    [[_, [(*_, told)]]], _ = drawn(quantization.plot(table, ORDER), tmp_path)
    assert told.startswith("d, ICL: q - f, ")
    assert told.endswith("(percentage points) -1.0 [-2.0, 1.0]")


def test_cells_tell_both_of_their_names(tmp_path: Path) -> None:
    rows = [
        accuracy("icl", train_on, test_on, 0.5, gain=gain, gain_low=gain - 0.1, gain_high=gain + 0.1)
        for gain, (train_on, test_on) in zip((0.1, -0.2), (("easy", "hard"), ("hard", "easy")), strict=True)
    ]
    [[_, marks]], _ = drawn(gain_grid.plot(pd.DataFrame(rows), ORDER), tmp_path)
    assert [text for *_, text in marks] == [
        "trained on easy, tested on hard, gain (points) 10",
        "trained on hard, tested on easy, gain (points) -20",
    ]
    (first, second) = marks
    assert first[0] > second[0]  # tested on hard: to the right
    assert first[1] < second[1]  # trained on easy: above
