"""Figures show the table's numbers where a reader looks for them: heights of bars, places of points, names of axes."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from figure_tables import (
    LEVELS,
    ORDER,
    accuracy,
    by_value,
    gap,
    heights,
    house_style,  # noqa: F401 # a fixture
    levels,
    lines,
    ticks,
)
from matplotlib.colors import to_rgb

from uphill import registry
from uphill.config.checked import check
from uphill.figures.plots import (
    accuracy_by_hardness,
    by_model,
    hardness,
    ladders,
    learning_curves,
    noisy_labels,
    population,
    quantization,
    sgr,
    train_levels,
)
from uphill.figures.plots.inputs import arranged, only_baselines
from uphill.figures.plots.style import COLOURS, SERIES, grid, save
from uphill.report import captions
from uphill.workflow.study import Study

pytestmark = pytest.mark.usefixtures("house_style")


def test_population_has_a_bar_with_a_whisker_for_each_condition() -> None:
    (axis,) = population.plot(levels(), ORDER).axes
    assert heights(axis) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.45, 0.55, 0.65])
    assert len(axis.containers) == 2 * 7  # a bar and its whisker
    assert ticks(axis) == ["zero-shot", "ICL", "linear probe"]
    assert axis.get_ylabel() == "accuracy on hard items (%)"
    assert [axis.yaxis.get_major_formatter()(value) for value in (0, 0.25, 1)] == ["0", "25", "100"]


def test_population_of_all_items() -> None:
    (axis,) = population.plot(levels(), ORDER, test_on="all").axes
    assert heights(axis) == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.65, 0.75, 0.85])
    assert axis.get_ylabel() == "accuracy on all items (%)"


def test_bars_of_other_data_are_hatched() -> None:
    table = pd.concat([levels(), pd.DataFrame([accuracy("icl", "easy", "hard", 0.55, train_dataset="other")])])
    figure = population.plot(table, ORDER)
    hatched = [patch.get_height() for patch in figure.axes[0].patches if patch.get_hatch()]
    assert hatched == [0.55]
    assert "data of another dataset" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_models_have_sections_in_the_order_given() -> None:
    figure = population.plot(pd.concat([levels("z"), levels("a", 0.1)]), ORDER)
    assert [axis.get_title("center").strip() for axis in figure.axes] == ["z", "a"]
    assert figure.axes[0].get_position().y0 > figure.axes[1].get_position().y0


def test_train_levels_joins_the_levels_of_a_method_in_order() -> None:
    table = levels().sample(frac=1, random_state=0)
    (axis,) = train_levels.plot(table, ORDER).axes
    assert sorted(y for _, y in lines(axis)) == [pytest.approx([0.4, 0.5, 0.6]), pytest.approx([0.45, 0.55, 0.65])]
    assert ticks(axis) == list(LEVELS)


def test_train_levels_of_bins_names_the_first_and_some_more() -> None:
    bins = [f"bin_{number:02d}" for number in range(1, 11)]
    rows = [accuracy("icl", level, "bin_10", 0.5 + place / 100) for place, level in enumerate(bins)]
    table = pd.DataFrame([accuracy("zero_shot", "none", "bin_10", 0.3), *rows])
    (axis,) = train_levels.plot(table, {("d", "v"): bins}).axes
    assert lines(axis)[0][1] == pytest.approx([0.5 + place / 100 for place in range(10)])
    assert ticks(axis) == ["bin 1", "bin 4", "bin 7", "bin 10"]


def test_by_model_compares_models_in_the_order_given_and_leaves_out_single_ones() -> None:
    alone = levels("z").assign(dataset="alone", train_dataset="alone")
    figure = by_model.plot(pd.concat([levels("z"), levels("a", 0.1), alone]), ORDER)
    assert len(figure.axes) == 2  # one a method
    axis = figure.axes[0]
    assert ticks(axis) == ["z", "a"]
    assert heights(axis) == pytest.approx([0.3, 0.4, 0.6, 0.4, 0.5, 0.7], abs=2e-4)


def test_sgr_says_what_is_undefined_and_marks_what_leaves_the_frame() -> None:
    nan = float("nan")
    rows = [gap("icl", 0.8, 0.6, 1.0), gap("probe", nan, nan, nan, "undefined"), gap("lora", 1.2, 0.9, 3.0)]
    (axis,) = sgr.plot(pd.DataFrame(rows), ORDER).axes
    assert heights(axis) == [0.8, 1.2]
    assert [text.get_text() for text in axis.texts] == ["undefined:\nno gap"]
    arrows = [line for line in axis.lines if line.get_marker() == "^"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in arrows] == [(2, sgr.SHOWN[1])]


def test_sgr_of_nothing_says_so() -> None:
    figure = sgr.plot(pd.DataFrame(columns=list(gap("icl", 1, 1, 1))), ORDER)
    assert "Nothing to draw" in figure.texts[0].get_text()


def test_whole_values_have_bars_and_ranges_have_lines() -> None:
    (axis,) = accuracy_by_hardness.plot(by_value([1.0, 2.0, 3.0]), ORDER, train_on="all").axes
    assert heights(axis) == pytest.approx([0.3] * 3 + [0.9, 0.8, 0.7])
    assert ticks(axis) == ["1", "2", "3"]
    (axis,) = accuracy_by_hardness.plot(by_value([1.5, 2.7, 3.9]), ORDER, train_on="all").axes
    assert axis.patches == [] or heights(axis) == []
    assert lines(axis)[1] == ([1.5, 2.7, 3.9], pytest.approx([0.9, 0.8, 0.7]))
    assert len(axis.collections) == 2  # bands


def test_a_value_with_few_items_says_how_many_where_no_interval_is() -> None:
    for values in ([1.0, 2.0, 3.0], [1.5, 2.7, 3.9]):
        table = by_value(values)
        counted = table.assign(n_test=table["test_on"].astype(float).map(dict(zip(values, [49, 50, 7], strict=True))))
        figure = accuracy_by_hardness.plot(counted, ORDER, train_on="all")
        figure.draw_without_rendering()
        (axis,) = figure.axes
        shown = [tick for tick in axis.xaxis.get_minor_ticks() if tick.label2.get_visible()]
        places = (0, 2) if values[0] == 1.0 else (1.5, 3.9)
        said = [(tick.label2.get_text(), tick.get_loc()) for tick in shown]
        assert said == [("n=49", places[0]), ("n=7", places[1])]
        boxes = [tick.label2.get_window_extent() for tick in shown]
        assert all(axis.bbox.y1 < box.y0 < box.y1 < axis.title.get_window_extent().y0 for box in boxes)


def test_a_variable_with_one_value_has_no_panel() -> None:
    two = pd.concat([by_value([1.0, 2.0]), by_value([4.0]).assign(variable="same")])
    assert len(accuracy_by_hardness.plot(two, ORDER, train_on="all").axes) == 1


def test_hard_labels_cost_twice_as_much() -> None:
    rows = [accuracy("zero_shot", "none", "hard", 0.3)]
    rows += [accuracy("icl", level, "hard", 0.5 + n / 100, n_train=n) for n in (10, 20) for level in ("easy", "hard")]
    by_number, by_cost = learning_curves.plot(pd.DataFrame(rows), ORDER).axes
    assert [x for x, _ in lines(by_number)] == [[10, 20], [10, 20]]
    assert [x for x, _ in lines(by_cost)] == [[10, 20], [20, 40]]
    assert [y for _, y in lines(by_cost)] == [pytest.approx([0.6, 0.7])] * 2
    assert by_cost.get_xlabel() == "label cost (easy 1, hard 2)"


def test_noise_is_that_of_easy_data() -> None:
    rows = [accuracy("zero_shot", "none", "hard", 0.3, easy_noise_p=0.0)]
    rows += [
        accuracy("icl", level, "hard", 0.6 - factor * p, noise_p=factor * p, easy_noise_p=p)
        for level, factor in (("easy", 1), ("hard", 2))
        for p in (0.0, 0.1)
    ]
    (axis,) = noisy_labels.plot(pd.DataFrame(rows), ORDER).axes
    assert lines(axis) == [([0.0, 0.1], pytest.approx([0.6, 0.5])), ([0.0, 0.1], pytest.approx([0.6, 0.4]))]
    assert axis.get_xlabel() == "random labels of easy data (%)\nhard data: 2 times as many"


def test_a_ladder_stands_in_its_own_order_with_its_numbers() -> None:
    rows = [accuracy("zero_shot", "none", "test", 0.4)]
    rows += [accuracy("icl", rung, "test", 0.5 + place / 10) for place, rung in enumerate(("zoo", "attic"))]
    (axis,) = ladders.plot(pd.DataFrame(rows), {("d", "v"): ["zoo", "attic"]}).axes
    assert ticks(axis) == ["no supervision", "zoo", "attic"]
    assert heights(axis) == pytest.approx([0.4, 0.5, 0.6])
    assert [text.get_text() for text in axis.texts] == ["40", "50", "60"]


def test_quantization_shows_paired_differences() -> None:
    row = {"dataset": "d", "method": "icl", "model": "f", "quantized_model": "q", "difference": -0.01}
    (axis,) = quantization.plot(pd.DataFrame([row | {"difference_low": -0.02, "difference_high": 0.01}]), ORDER).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["d, ICL: q - f"]
    point = next(line for line in axis.lines if line.get_marker() == "o")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (-0.01, 0)


def test_histograms_hold_every_item_once() -> None:
    values = np.random.default_rng(0).lognormal(size=200)
    table = pd.DataFrame({"item_id": range(200), "variable": "v", "value": values, "dataset": "d", "kind": "model"})
    table["level"] = np.where(values < 1, "easy", "hard")
    (axis,) = hardness.plot(table, ORDER).axes
    assert sum(heights(axis)) == 200
    easy = [patch for patch in axis.patches if patch.get_facecolor()[:3] == pytest.approx(to_rgb(COLOURS["easy"]))]
    assert sum(patch.get_height() for patch in easy) == (values < 1).sum()


def test_rows_stand_in_the_order_of_the_config() -> None:
    table = pd.DataFrame({"model": ["a", "b", "c", "b"], "method": ["x", "y", "x", "x"], "n": [1, 2, 3, 4]})
    table.index = pd.Index([0, 0, 1, 1])  # as after concat
    found = arranged(table, {"model": ["c", "b"], "method": ["x", "y"], "absent": ["z"]})
    assert found["n"].tolist() == [3, 4, 2, 1]


def test_only_a_datasets_own_baseline_is_drawn() -> None:
    table = pd.DataFrame([accuracy("zero_shot", "none", "hard", 0.3), accuracy("zero_shot_cot", "none", "hard", 0.4)])
    assert only_baselines(table, {"d": "zero_shot_cot"})["method"].tolist() == ["zero_shot_cot"]


def default_study(**change: Any) -> Study:
    return Study(check(yaml.safe_load(Path("config/config.yaml").read_text()) | change))


def test_figures_are_those_of_the_experiments_in_the_config() -> None:
    every = default_study()
    assert {"all_to_all_by_hardness", "learning_curves", "noisy_labels", "road_to_dial"} <= every.values("figure")
    assert {"cross_difficulty", "weak_to_strong"} <= every.values("figure")
    assert not {"by_model", "quantization"} & every.values("figure")
    fewer = default_study(all_to_all=[], learning_curves=[], noisy_labels=[], ladders={})
    gone = {"all_to_all_by_hardness", "learning_curves", "noisy_labels", "road_to_dial"}
    assert every.values("figure") - fewer.values("figure") == gone


def test_models_are_compared_where_there_are_several() -> None:
    models = {key: {"path": "resources/demo-models/1280k", "dtype": "float32"} for key in ("demo", "second")}
    rows = yaml.safe_load(Path("config/config.yaml").read_text())["population"]
    apart = [{**row, "models": [model]} for row, model in zip(rows[:1] + rows[3:4], models, strict=True)]
    assert "by_model" not in default_study(models=models, population=apart, weak_to_strong=[]).values("figure")
    several = default_study(models=models, test_models=["demo", "second"], weak_to_strong=[])
    assert "by_model" in several.values("figure")
    order = several.job("figure", {"figure": "by_model"}).settings["order"]
    assert order["model"] == ["demo", "second"]


def test_a_figure_reads_its_table_and_that_of_hardness_the_hardness_tables() -> None:
    study = default_study()
    jobs = {job.wildcards["figure"]: job for job in study.of("figure")}
    assert jobs["population_all"].inputs["drawn"] == ["results/tables/population.csv"]
    assert jobs["hardness"].inputs == {"drawn": [f"results/hardness/{name}.parquet" for name in study.datasets]}
    assert study.job("splits", {"dataset": "dial", "split": "road_to_dial"}).settings["order"] == [
        *("road_1_step", "road_3_steps", "dial_1_step", "dial_5_steps", "test")
    ]


def test_every_figure_and_table_has_a_module_and_a_caption() -> None:
    study = default_study()
    for job in study.of("figure"):
        registry.load("uphill.figures.plots", job.settings["plot"], "plot")
        assert captions.of_figure(job.settings)
    titles = [
        captions.of_table(Path(job.made[0]).stem, job.settings)
        for rule in ("table", "correlations")
        for job in study.of(rule)
    ]
    assert all(caption for _, caption in titles)
    assert {"Ladder: road to dial", "Supervision Gap Recovered"} < {title for title, _ in titles}
    assert "Rank correlations between hardness variables: road_written" in {title for title, _ in titles}


def test_the_same_figure_is_the_same_bytes(tmp_path: Path) -> None:
    for kind in ("png", "pdf"):
        for number in (1, 2):
            save(population.plot(levels(), ORDER), str(tmp_path / f"{number}.{kind}"))
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()


def test_a_row_of_panels_is_no_wider_than_a_page() -> None:
    figure, axes = grid([("a", 14), ("b", 3)], 2.7, 2.0)
    assert len(axes) == 17
    assert figure.get_figwidth() <= 11
    assert {axis.get_subplotspec().rowspan.start for axis in axes[14:]} == {4}  # 14 panels fill rows 0 to 3


# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, kind: str) -> np.ndarray[Any, Any]:
    """CIELAB of a colour as somebody sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(BLIND[kind]) @ linear, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", list(BLIND))
@pytest.mark.parametrize("palette", [list(COLOURS.values()), list(SERIES[:4])], ids=["levels", "methods"])
def test_colours_are_told_apart_by_colour_blind_readers(palette: list[str], kind: str) -> None:
    """A difference of 2.3 in CIELAB can just be seen side by side; apart, it takes several times that."""
    for a, b in itertools.combinations(palette, 2):
        assert np.linalg.norm(lab(a, kind) - lab(b, kind)) > 10, (a, b)
