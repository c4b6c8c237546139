"""The report's page in a browser: rows sort and filter, figures enlarge, and it is whole at two widths."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from browsing import asked, in_a_browser
from matplotlib.figure import Figure

from uphill.figures.plots.boxes import said
from uphill.figures.plots.style import save
from uphill.report.page import filled

ROWS = [
    ["m", "icl, 8 shots", "83.5\u00a0% [73.4,\u00a091.0]", ""],
    ["m", "linear probe", "9.0\u00a0% [-1.0,\u00a020.0]", "0.91"],
    ["n", "LoRA", "-2.5\u00a0% [-9.0,\u00a04.0]", "-1.5"],
    ["n", "no supervision", "38.8\u00a0% [27.8,\u00a050.6]", "12.0"],
    ["n", "a <b>name</b>", "", "0.2"],
    ["n", "CCS", "100.0\u00a0%", "1,586"],
]
GRID = {"columns": ["model", "method", "gain", "ratio"], "cells": ROWS}
WIDE = {"columns": [f"a column {n}" for n in range(40)], "cells": [[f"{n}.5\u00a0%" for n in range(40)]] * 2}
MARKS = [["one <i>panel</i>", [[0.1, 0.2, 0.2, 0.8, "a <b>bar</b> 12.5 %"], [0.14, 0.4, 0.16, 0.6, "a point 3"]]]]
READ = "[...document.querySelectorAll('#table-few ~ .wide')][0].querySelectorAll('tbody tr:not([hidden])')"
METHODS = f"[...{READ}].map((row) => row.cells[1].textContent)"


def picture(folder: Path) -> bytes:
    figure = Figure(figsize=(10.8, 3), dpi=150, layout="constrained")
    for axis in figure.subplots(1, 3):
        axis.plot([1, 2], [3, 4], label="a line")
        axis.set_title("a panel")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center")
    save(figure, str(folder / "picture.png"))
    return (folder / "picture.png").read_bytes()


def page(folder: Path) -> str:
    drawn = picture(folder)
    figure = {
        "name": "f",
        "caption": "c",
        "content": base64.b64encode(drawn).decode(),
        "panels": json.dumps(said(drawn, "Panels")),
        "marks": json.dumps(MARKS),
    }
    tables = [
        {"name": name, "title": name, "caption": "c", "rows": rows, "count": 2, "same": "", "wide": None}
        for name, rows in (("few", GRID), ("many", WIDE))
    ]
    counts: dict[str, Any] = {f"{name}s": ["x"] for name in ("dataset", "variable", "model", "method")}
    return filled(
        config="key: value " * 40,
        counts=counts | {"boots": 5, "coverage": 0.95},
        questions=[],
        answer={**WIDE, "same": "model m"},
        question="",
        verdicts=[],
        datasets=[],
        levels=GRID,
        tables=tables,
        figures=[figure],
        cautions=[],
        versions=[],
        identity="x" * 64,
        spent={"hours": 1.0, "jobs": 1, "waited": 0.0, "tokens": {}, "hardware": [], "stages": []},
    )


def answered(script: str, width: int, folder: Path) -> Any:
    return json.loads(asked(page(folder), f"return JSON.stringify({script})", width, folder))


def by(column: int, clicks: int) -> str:
    """The methods after clicks on a heading."""
    click = f"document.querySelectorAll('#table-few ~ .wide th button')[{column}].click();"
    return f"(() => {{ {click * clicks} return {METHODS}; }})()"


NUMBERS = ["LoRA", "linear probe", "no supervision", "icl, 8 shots", "CCS", "a <b>name</b>"]
RATIOS = ["CCS", "no supervision", "linear probe", "a <b>name</b>", "LoRA", "icl, 8 shots"]


@in_a_browser
def test_rows_sort_by_a_heading_and_filter_by_words_and_figures_enlarge(tmp_path: Path) -> None:
    word = "(() => { const input = document.querySelector('#table-few ~ .tools input'); const found = [];"
    typed = (
        "for (const text of ['N 38', '<b>', 'nowhere', '']) "
        "{ input.value = text; input.dispatchEvent(new Event('input'));"
    )
    read = f"found.push([{METHODS}.length, input.parentElement.lastChild.textContent]); }} return found; }})()"
    large = (
        "(() => { document.querySelector('.drawn button').click(); const open = large.open; large.click(); "
        "return [open, large.querySelector('img').naturalWidth, large.open]; })()"
    )
    script = f"[{by(2, 1)}, {by(3, 2)}, {by(1, 1)}, {word} {typed} {read}, {large}]"
    numbers, ratios, names, filtered, enlarged = answered(script, 1400, tmp_path)
    assert numbers == NUMBERS
    assert ratios == RATIOS
    assert names == ["a <b>name</b>", "CCS", "icl, 8 shots", "linear probe", "LoRA", "no supervision"]
    assert filtered == [[1, "1 of 6 rows"], [1, "1 of 6 rows"], [0, "0 of 6 rows"], [6, "6 rows"]]
    assert enlarged == [True, 1620, False]


POINTED = """(() => {
  const picture = document.querySelector('.drawn img'), button = picture.parentElement;
  const frame = picture.getBoundingClientRect();
  const point = (x, y) => {
    const place = {clientX: frame.left + x * frame.width, clientY: frame.top + y * frame.height};
    picture.dispatchEvent(new PointerEvent('pointermove', {...place, bubbles: true}));
    return said();
  };
  const said = () => told.hidden ? '' : [...told.children].map((one) => one.textContent).join(': ');
  const press = (key) => {
    button.dispatchEvent(new KeyboardEvent('keydown', {key, cancelable: true}));
    return said();
  };
  return {
    pointed: [point(0.12, 0.3), point(0.15, 0.5), point(0.205, 0.5), point(0.5, 0.5)],
    pressed: ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'Escape', 'Enter'].map(press),
    focus: [button.tabIndex, button.tagName, told.getAttribute('role')],
    markup: told.querySelectorAll('i').length,
  };
})()"""


@in_a_browser
def test_a_figure_says_the_value_of_a_mark_to_a_pointer_and_to_keys(tmp_path: Path) -> None:
    found = answered(POINTED, 1400, tmp_path)
    bar, point = "one <i>panel</i>: a <b>bar</b> 12.5 %", "one <i>panel</i>: a point 3"
    assert found["pointed"] == [bar, point, bar, ""]
    assert found["pressed"] == [bar, point, bar, point, "", ""]
    assert found["focus"] == [0, "BUTTON", "status"]
    assert found["markup"] == 0


WHOLE = """(() => {
  const edge = document.documentElement.clientWidth, root = document.documentElement;
  const cells = [...document.querySelectorAll('#table-many ~ .wide td')];
  const shown = (selector) => [...document.querySelectorAll(selector)].map((one) => one.getBoundingClientRect());
  return {
    sideways: root.scrollWidth > edge,
    cut: frames.filter((frame) => frame.scrollWidth > frame.clientWidth + 1).length,
    outside: cells.filter((cell) => cell.getBoundingClientRect().right > edge).length,
    headings: cells.slice(0, 2).map((cell) => cell.dataset.heading),
    figure: shown('.drawn')[0].width,
    panels: shown('.panels canvas').map((box) => [box.left, box.right <= edge, box.top]),
  };
})()"""


@in_a_browser
@pytest.mark.parametrize("width", [420, 1400])
def test_no_column_is_cut_and_a_narrow_page_has_a_panel_a_row(width: int, tmp_path: Path) -> None:
    found = answered(WHOLE, width, tmp_path)
    assert (found["sideways"], found["cut"], found["outside"]) == (False, 0, 0)
    assert found["headings"] == ["a column 0", "a column 1"]
    if width == 420:
        lefts, inside, tops = zip(*found["panels"], strict=True)
        assert found["figure"] == 0
        assert len(tops) == 4  # a legend and three panels
        assert len({*lefts}) == 1
        assert all(inside)
        assert sorted({*tops}) == list(tops)
    else:
        assert found["figure"] > 1000
        assert found["panels"] == []
