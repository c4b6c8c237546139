"""Figures call things what a reader calls them: methods with their shots, variables as their dataset means them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from figure_tables import ORDER, by_value, house_style, levels, ticks  # noqa: F401 # the second but last is a fixture

from uphill import registry
from uphill.config.checked import check
from uphill.figures.plots import accuracy_by_hardness, correlations, hardness, population
from uphill.figures.plots.inputs import by_labels, with_sources
from uphill.figures.plots.names import SOURCE, VALUES, VARIABLES, methods, name, values, variable
from uphill.workflow.study import Study

pytestmark = pytest.mark.usefixtures("house_style")


def rows(kind: str, key: str) -> pd.DataFrame:
    return pd.DataFrame({"dataset": ["d"], "variable": [key], SOURCE: [kind]})


def test_names_are_for_readers() -> None:
    assert name("mdl_probe_bits") == "MDL (linear probe), bits"
    assert name("bin_03") == "bin 3"
    assert name("bin_of_mine") == "bin of mine"
    assert name("third_grade") == "third grade"
    assert name("probe (road.tiny_model.icl)") == "linear probe (road.tiny_model.icl)"


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("world", "num_steps", "true steps"),
        ("strategyqa", "num_steps", "steps"),
        ("gsm8k", "num_steps", "steps"),
        ("ai2_arc", "human_grade", "school grade"),
        ("ai2_arc", "human_bloom", "Bloom skill"),
        ("mmlu_stem5", "human_hardness", "high school or college"),
        ("file", "human_hardness", "human hardness"),
        ("file", "reading_ease", "reading ease"),
    ],
)
def test_a_variable_is_what_its_dataset_means(kind: str, key: str, said: str) -> None:
    assert variable(rows(kind, key)) == said


def test_values_are_named_where_they_are_no_numbers_to_a_reader() -> None:
    assert values(rows("mmlu_stem5", "human_hardness"), [0.0, 1.0]) == ["high school", "college"]
    assert values(rows("file", "human_hardness"), [0.0, 1.0, 2.5]) == ["0", "1", "2.5"]
    assert values(rows("ai2_arc", "human_grade"), [3.0, 8.0]) == ["3", "8"]


def test_what_is_named_is_there() -> None:
    """A kind of source that is renamed would lose its names without a word."""
    kinds = {*VARIABLES, *(kind for kind, _ in VALUES)}
    assert kinds <= set(registry.names("uphill.datasets", "load"))
    for kind, keys in [*VARIABLES.items(), *((kind, [key]) for kind, key in VALUES)]:
        source = Path(f"src/uphill/datasets/{kind}.py").read_text()
        assert [key for key in keys if key not in source] == []


def with_k(**shots: Any) -> pd.DataFrame:
    pairs = [(method, k) for method, counts in shots.items() for k in counts]
    return pd.DataFrame(pairs, columns=["method", "k"])


def test_methods_say_their_shots() -> None:
    table = with_k(zero_shot=[0], icl=[10, 10], icl_8=[8], icl_cot_4=[4], probe=[0], mine_8=[4])
    assert methods(table) == {
        "zero_shot": "zero-shot",
        "icl": "ICL, 10 shots",
        "icl_8": "ICL, 8 shots",
        "icl_cot_4": "ICL + CoT, 4 shots",
        "probe": "linear probe",
        "mine_8": "mine 8, 4 shots",
    }


def test_a_method_of_several_numbers_of_shots_says_none() -> None:
    assert methods(with_k(icl=[2, 4, 8])) == {"icl": "ICL"}
    assert methods(with_k(icl=[8]).drop(columns="k")) == {"icl": "ICL"}


def test_methods_of_one_name_are_told_apart() -> None:
    assert methods(with_k(icl=[8], icl_8=[8])) == {"icl": "ICL, 8 shots (icl)", "icl_8": "ICL, 8 shots (icl_8)"}


def test_a_figure_says_shots_and_variables() -> None:
    table = levels().assign(k=lambda rows: rows["method"].map({"icl": 8}).fillna(0).astype(int))
    renamed = with_sources(table.assign(variable="num_steps"), {"d": "world"})
    (axis,) = population.plot(renamed, {("d", "num_steps"): ORDER["d", "v"]}).axes
    assert ticks(axis) == ["zero-shot", "ICL, 8 shots", "linear probe"]
    assert axis.get_title("left") == "d\nby true steps"


def test_bars_stand_above_the_names_of_values() -> None:
    table = with_sources(by_value([0.0, 1.0]).assign(variable="human_hardness"), {"d": "mmlu_stem5"})
    (axis,) = accuracy_by_hardness.plot(table, ORDER, train_on="all").axes
    assert ticks(axis) == ["high school", "college"]
    assert axis.get_xlabel() == "high school or college"
    items = pd.DataFrame({"item_id": range(4), "value": [0.0, 0.0, 1.0, 1.0], "kind": "human"})
    items = items.assign(level=["easy", "easy", "hard", "hard"], variable="human_hardness", dataset="d")
    (axis,) = hardness.plot(with_sources(items, {"d": "mmlu_stem5"}), {}).axes
    assert ticks(axis) == ["high school", "college"]


def test_correlations_name_variables_as_their_dataset_means_them() -> None:
    table = pd.DataFrame({"dataset": "d", "variable_a": ["num_steps"], "variable_b": ["num_steps"], "rho": [1.0]})
    table = with_sources(table.assign(low=1.0, high=1.0, n_items=9), {"d": "world"})
    assert ticks(correlations.plot(table, {}).axes[0]) == ["true steps"]


def test_labels_are_told_with_the_method() -> None:
    found = by_labels(levels().assign(labels="d.m.icl"))["method"].unique()
    assert [name(method) for method in found] == ["zero-shot (d.m.icl)", "ICL (d.m.icl)", "linear probe (d.m.icl)"]


def test_a_figure_knows_what_its_datasets_are_read_from() -> None:
    study = Study(check(yaml.safe_load(Path("config/config.yaml").read_text())))
    sources = study.job("figure", {"figure": "population"}).settings["sources"]
    assert sources == dict.fromkeys(study.config.datasets, "world")
