"""Where a picture says that its panels stand, there they are."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from uphill.figures.plots.boxes import said, with_texts
from uphill.figures.plots.style import save


def two_panels() -> Figure:
    figure = Figure(figsize=(6, 3), dpi=100, layout="constrained")
    for axis, colour in zip(figure.subplots(1, 2), ("#ff0000", "#0000ff"), strict=True):
        axis.set_facecolor(colour)
    figure.legend(handles=[figure.axes[0].plot([0], [0], color="#00ff00", label="a line")[0]], loc="outside upper left")
    return figure


def share(pixels: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float(np.isclose(pixels[..., :3], colour, atol=0.02).all(axis=-1).mean())


def test_each_box_holds_its_part_and_no_other(tmp_path: Path) -> None:
    save(two_panels(), str(tmp_path / "f.png"))
    content = (tmp_path / "f.png").read_bytes()
    pixels = imread(io.BytesIO(content))
    height, width = pixels.shape[:2]
    parts = [
        pixels[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
        for left, top, right, bottom in said(content, "Panels")
    ]
    red, green, blue = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    legend, first, second = parts
    assert share(first, red) > 0.6
    assert share(second, blue) > 0.6
    assert share(first, blue) == share(second, red) == share(legend, red) == share(legend, blue) == 0
    assert share(legend, green) > 0


def test_a_picture_is_the_same_with_what_it_says(tmp_path: Path) -> None:
    plain = io.BytesIO()
    two_panels().savefig(plain, format="png")
    told = with_texts(plain.getvalue(), Panels=[[0.0, 0.25, 0.5, 1.0]])
    assert said(plain.getvalue(), "Panels") == []
    assert said(told, "Panels") == [[0.0, 0.25, 0.5, 1.0]]
    assert np.array_equal(imread(io.BytesIO(told)), imread(io.BytesIO(plain.getvalue())))
