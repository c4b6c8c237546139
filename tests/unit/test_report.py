"""The page's tables say each number as a reader wants it, and its warnings name every case."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined, meta, select_autoescape

from uphill.identity.specs import together
from uphill.report import made
from uphill.report.cautions import cautions
from uphill.report.cells import in_all_rows, shown
from uphill.report.page import SCRIPT, STYLE, TEMPLATE
from uphill.running.job import Running
from uphill.schemas.files import write
from uphill.schemas.measures import MEASURE

NAN = float("nan")


def test_a_value_stands_with_its_interval_and_p_value() -> None:
    row = {"accuracy": 0.5, "low": 0.25, "high": 0.7512, "gain": 0.1, "gain_low": -0.1, "gain_high": 0.3}
    table = pd.DataFrame([row | {"gain_p": 0.04, "gain_p_adjusted": 0.0004, "source": "x", "dropped": 0.0}])
    found = shown(table)
    assert list(found.columns) == ["accuracy", "gain"]
    assert found.iloc[0].tolist() == ["50.0 % [25.0, 75.1]", "10.0 % [-10.0, 30.0], p 0.040 (< 0.001)"]


def test_ratios_and_correlations_are_no_percent() -> None:
    row = {"sgr": 0.8, "sgr_low": 0.5, "sgr_high": 1.25, "rho": -0.5, "low": -0.6, "high": -0.4}
    assert shown(pd.DataFrame([row])).iloc[0].tolist() == ["0.80 [0.50, 1.25]", "-0.50 [-0.60, -0.40]"]


def test_differences_of_two_models_have_their_p_value_beside() -> None:
    row = {"a": 0.5, "b": 0.6, "difference": -0.1, "low": -0.2, "high": 0.0, "p": 0.05, "cot": True}
    found = shown(pd.DataFrame([row])).iloc[0].to_dict()
    assert found == {
        "a": "50.0 %",
        "b": "60.0 %",
        "difference": "-10.0 % [-20.0, 0.0]",
        "p": "p 0.050",
        "reasoning": "yes",
    }


def test_what_is_not_there_is_empty_and_noise_is_shown_where_there_is_some() -> None:
    table = pd.DataFrame({"accuracy": [0.5, NAN], "low": [0.4, NAN], "high": [0.6, NAN], "noise_p": [0.0, 0.1]})
    assert shown(table)["accuracy"].tolist() == ["50.0 % [40.0, 60.0]", ""]
    assert shown(table)["random labels"].tolist() == ["0.0 %", "10.0 %"]
    assert "random labels" not in shown(table.assign(noise_p=0.0))


def test_what_all_rows_share_is_said_once() -> None:
    table = pd.DataFrame({"model": ["m"] * 3, "n": [1, 2, 3]})
    assert in_all_rows(table) == {"model": "m"}
    assert in_all_rows(table.head(1)) == {}


def test_numbers_of_no_unit_have_three_digits_and_what_is_0_in_all_rows_is_left_out() -> None:
    table = pd.DataFrame({"value": [0.11515, 11.8315, 1586.0], "k": [0, 0, 8], "cot": [False] * 3})
    assert shown(table).to_dict("list") == {"value": ["0.115", "11.8", "1586"], "shots": ["", "", 8]}
    assert list(shown(table.head(2))) == ["value"]


def rows(**columns: Any) -> pd.DataFrame:
    same = {"model": "m", "dataset": "d", "variable": "v", "method": "icl", "train_dataset": "d", "train_on": "easy"}
    return pd.DataFrame({**{key: [value] for key, value in (same | {"n_train": 8}).items()}, **columns})


def test_warnings_name_what_is_undefined_dropped_and_small() -> None:
    tables = {
        "sgr": pd.concat([rows(status="undefined"), rows(status="defined")]),
        "population": pd.concat([rows(dropped=1.5, n_test=49), rows(dropped=0.0, n_test=50)]),
    }
    found = {caution.title: caution.cases for caution in cautions(tables)}
    undefined = found["Supervision Gap Recovered is undefined"]
    assert len(undefined) == 1
    assert undefined[0].startswith("icl with m on d by v, easy data of d: accuracy after training on hard data cannot")
    assert found["Examples left out of prompts"] == [
        "icl with m on d by v, easy data: 1.5 of 8 examples left out on average."
    ]
    assert found["Fewer than 50 test items"] == ["Table population: 1 of 2 rows."]


def test_students_of_fewer_confident_labels_are_told_once() -> None:
    told = {"labels": "a.over_75", "confident": 0.75, "boots": 10, "n_labels": 45, "status": "defined"}
    few = rows(strong="m", **told).drop(columns="model")
    table = pd.concat([few, few, few.assign(n_labels=80), few.assign(confident=NAN)])
    found = {caution.title: caution.cases for caution in cautions({"weak_to_strong": table})}
    assert found == {
        "Students of confident labels alone": [
            "icl with m on d by v, easy data (a.over_75): 4.5 of 8 items on average."
        ]
    }


def test_texts_without_an_answer_are_told_once_for_each_condition() -> None:
    every = rows(test_on="all", parse_rate=0.9, ended_rate=0.96)
    hard = rows(test_on="hard", parse_rate=0.8, ended_rate=0.9)
    well = rows(test_on="all", parse_rate=0.99, ended_rate=1.0).assign(train_on="hard")
    scored = rows(test_on="all", parse_rate=NAN, ended_rate=NAN).assign(method="probe")
    table = pd.concat([every, hard, well, scored])
    found = {caution.title: caution.cases for caution in cautions({"population": table, "accuracy_by_hardness": hard})}
    assert found == {
        "Texts that gave no answer": [
            "icl with m on d by v, easy data: 10.0 % of the texts; 4.0 % were cut off.",
        ]
    }


def test_tables_that_know_no_condition_say_what_their_own_columns_mean() -> None:
    """`dropped` of certainty.csv are texts of an item; of students and of generations it is told who wrote."""
    student = {"dataset": ["d"], "method": "icl", "student": "s", "labels": "a.labels", "test_on": "all"}
    tables = {
        "certainty": pd.DataFrame({"dataset": ["d"], "group": ["all"], "dropped": [3.0]}),
        "students": pd.DataFrame({**student, "parse_rate": 0.5, "ended_rate": 0.75}),
        "generations": pd.DataFrame(
            {"generation": ["a.texts", "a.doubts"], "dataset": "d", "parse_rate": [0.25, NAN], "cut_rate": 0.125}
        ),
    }
    assert {caution.title: caution.cases for caution in cautions(tables)} == {
        "Texts that gave no answer": [
            "icl with s on d, taught by a.labels: 50.0 % of the texts; 25.0 % were cut off.",
            "generation a.texts on d: 75.0 % of the texts; 12.5 % were cut off.",
        ]
    }


def test_shares_of_texts_are_shown_where_there_are_texts() -> None:
    table = pd.DataFrame({"parsed_accuracy": [0.75, NAN], "parse_rate": [0.5, NAN], "ended_rate": [1.0, NAN]})
    assert shown(table).columns.tolist() == [
        "accuracy where an answer was found",
        "answers found",
        "texts not cut off",
    ]
    assert shown(table)["answers found"].tolist() == ["50.0 %", ""]
    assert shown(table.assign(parsed_accuracy=NAN, parse_rate=NAN, ended_rate=NAN)).empty


def test_comparisons_are_counted_where_they_are_tests() -> None:
    """Of noise_p, a probability that is no test, nothing is said."""
    table = pd.DataFrame({"gain_p": [0.01, NAN, 0.5], "gain_p_adjusted": [0.02, NAN, 0.5], "noise_p": [0.1] * 3})
    (caution,) = cautions({"t": table, "one": table.head(1)})
    assert caution.title == "Many comparisons"
    assert caution.cases == [
        "Table t makes 2 comparisons (2 of gain); if no difference were real, some 0.1 would still have p < 0.05."
    ]


def test_scales_of_the_tested_model_and_few_draws_are_told() -> None:
    table = pd.concat([rows(circular="model", boots=2), rows(circular="", boots=5).assign(model="n")])
    found = {caution.title: caution.cases for caution in cautions({"population": table})}
    assert found["Scales that the tested model made itself"] == ["icl with m on d by v: the same model."]
    taught = rows(circular="model", strong="s", status="defined", boots=1).drop(columns="model")
    students = {caution.title: caution.cases for caution in cautions({"weak_to_strong": taught})}
    assert students["Scales that the tested model made itself"] == ["icl with s on d by v: the same model."]
    assert students["Fewer than 3 training draws"] == ["icl with s on d by v, easy data: 1."]
    assert found["Fewer than 3 training draws"] == ["icl with m on d by v, easy data: 2."]


def test_nothing_to_warn_of_is_no_warning() -> None:
    assert cautions({"population": rows(dropped=0.0, n_test=500), "sgr": rows(status="defined")}) == []


@pytest.mark.parametrize("name", ["http:", "https:", "@import", "<script ", "<link", "url("])
def test_the_template_loads_nothing(name: str) -> None:
    environment = Environment(
        loader=PackageLoader("uphill.report", "."), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, TEMPLATE)
    assert all(name not in environment.loader.get_source(environment, part)[0] for part in (TEMPLATE, STYLE, SCRIPT))
    assert "spent" in meta.find_undeclared_variables(environment.parse(source))


OLD, NEW = {"torch": "2.8.0", "numpy": "2.4.0"}, {"torch": "2.9.0", "numpy": "2.4.0"}


def test_tables_of_one_making_are_said_once_and_warn_of_nothing() -> None:
    assert made.alike({"a": NEW, "b": dict(NEW)}) == [{"tables": ["a", "b"], "versions": NEW}]
    assert made.caution({"a": NEW, "b": dict(NEW)}) == []


def test_different_versions_are_a_caution() -> None:
    """Between tables, and within one: its predictions were made before an upgrade, and it after."""
    assert [group["tables"] for group in made.alike({"a": OLD, "b": NEW})] == [["a"], ["b"]]
    [found] = made.caution({"a": OLD, "b": NEW})
    assert found.cases == ["torch 2.8.0: a; torch 2.9.0: b."]
    both = together(OLD, NEW)
    assert both == {"torch": "2.8.0, 2.9.0", "numpy": "2.4.0"}
    assert together(both, OLD) == both
    [found] = made.caution({"a": both, "b": both})
    assert found.cases == ["torch 2.8.0, 2.9.0: a, b."]
    [found] = made.caution({"a": NEW, "b": {"torch": "2.9.0"}})
    assert found.cases == ["numpy 2.4.0: a; numpy no version on record: b."]


def test_a_job_records_the_versions_of_all_that_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.DataFrame({"item_id": ["a"], "variable": ["v"], "value": [1.0], "kind": ["human"]})
    plain, shares = str(tmp_path / "plain.parquet"), str(tmp_path / "shares.parquet")
    write(rows, plain, MEASURE, {"id": "x", "versions": OLD})
    write(rows, shares, MEASURE, {"id": "x", "versions": {"e/v": OLD, "e/w": NEW}})
    monkeypatch.setattr("uphill.running.job.versions", lambda: NEW)
    params: Any = type("Params", (dict,), {"spec": {"id": "x", "settings": {}, "upstream": {}}})()
    files = {"output": [], "wildcards": None, "resources": None, "threads": 1, "params": params}
    for read, torch in (([], "2.9.0"), ([plain], "2.8.0, 2.9.0"), ([shares, "table.csv"], "2.8.0, 2.9.0")):
        assert Running(SimpleNamespace(input=read, **files)).made_by["versions"]["torch"] == torch
