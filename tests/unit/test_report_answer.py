"""The report's answer in numbers, and names on the page: those of the figures, and never one for two conditions."""

from typing import Any

import pandas as pd
import pytest

from uphill.report.answer import answer
from uphill.report.named import with_level_names, with_names
from uphill.report.page import _grid, _wide_names
from uphill.schemas.names import UNSUPERVISED
from uphill.workflow.stages.report import PAGE

ORDER = {("dial", "num_steps"): ["easy", "hard"]}
KINDS = {"dial": "world", "arc": "ai2_arc"}
SAME = {"model": "m", "dataset": "dial", "variable": "num_steps", "cot": False, "train_dataset": "dial", "noise_p": 0.0}


def row(method: str, train_on: str, accuracy: float, k: int = 0, **more: Any) -> dict[str, Any]:
    found = {
        "method": method,
        "k": k,
        "n_train": k,
        "train_on": train_on,
        "test_on": "hard",
        "n_test": 80,
        "chance": 0.25,
    }
    spread = {"accuracy": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.05}
    gain = {"gain": accuracy - 0.4, "gain_low": accuracy - 0.5, "gain_high": accuracy - 0.3}
    return SAME | found | spread | gain | more


def gap(method: str, k: int, **more: Any) -> dict[str, Any]:
    same = {name: value for name, value in SAME.items() if name != "noise_p"}
    numbers = {"hard": 0.75, "hard_low": 0.7, "hard_high": 0.8, "sgr": 0.5, "sgr_low": 0.2, "sgr_high": 2.0}
    return (
        same
        | {"method": method, "k": k, "n_train": k, "sgr_set": "", "status": "defined", "as_good": "yes"}
        | numbers
        | more
    )


POPULATION = pd.DataFrame(
    [
        row("zero_shot", UNSUPERVISED, 0.4),
        row("icl", "easy", 0.8, k=8),
        row("icl", "hard", 0.75, k=8),
        row("probe", "easy", 0.5),
        row("probe", "hard", 0.45),
    ]
)
nan = float("nan")
# The rows stand in another order than the table's, so that no number may be joined by its place.
SGR = pd.DataFrame(
    [
        gap("probe", 0, sgr=nan, sgr_low=nan, sgr_high=nan, status="undefined", as_good="cannot tell", hard=0.45),
        gap("icl", 8),
    ]
)


def test_the_answer_has_hard_data_chance_sgr_and_the_verdict_of_its_own_condition() -> None:
    found = answer({"population": POPULATION, "sgr": SGR}, ORDER, KINDS).set_index("method")
    assert found.loc["ICL, 8 shots"].to_dict() == {
        "model": "m",
        "dataset": "dial",
        "hardness by": "true steps",
        "training items": 8,
        "test items": 80,
        "chance": "25.0 %",
        "no supervision": "40.0 %",
        "easy data": "80.0 % [70.0, 85.0]",
        "hard data": "75.0 % [70.0, 80.0]",
        "gain of easy data, points": "+40.0 [+30.0, +50.0]",
        "SGR": "0.50 [0.20, 2.00]",
        "easy as good as hard": "yes",
    }
    probe = found.loc["linear probe"]
    assert (probe["SGR"], probe["easy as good as hard"]) == ("undefined", "the data cannot tell")
    assert probe["hard data"] == "45.0 % [70.0, 80.0]"


def test_without_a_table_of_sgr_the_answer_is_of_easy_data_alone() -> None:
    found = answer({"population": POPULATION}, ORDER, KINDS)
    assert len(found) == 2
    assert not {"hard data", "SGR", "easy as good as hard"} & {*found}
    assert answer({"correlations_dial": pd.DataFrame({"rho": [0.5]})}, {}, KINDS).empty


def test_a_condition_that_has_two_gaps_is_no_answer() -> None:
    with pytest.raises(pd.errors.MergeError):
        answer({"population": POPULATION, "sgr": pd.concat([SGR, SGR])}, ORDER, KINDS)


def test_two_variables_that_share_a_name_keep_their_ids() -> None:
    table = pd.DataFrame({"dataset": "arc", "variable": ["human_difficulty", "difficulty", "human_grade"]})
    assert with_names(table, KINDS)["variable"].tolist() == [
        "difficulty (human_difficulty)",
        "difficulty (difficulty)",
        "school grade",
    ]


def test_levels_and_values_are_called_as_in_the_figures() -> None:
    by_value = pd.DataFrame({"dataset": "arc", "variable": ["human_bloom", "human_grade"], "test_on": [3.0, 8.5]})
    named = with_level_names(with_names(by_value, KINDS), "accuracy_by_hardness", KINDS, by_value["variable"])
    assert named["test_on"].tolist() == ["applying", 8.5]
    ladder = pd.DataFrame(
        {"dataset": "dial", "variable": "v", "train_on": ["none", "bin_01"], "test_on": ["test", "all"]}
    )
    named = with_level_names(ladder, "ladder", KINDS, ladder["variable"])
    assert named[["train_on", "test_on"]].to_numpy().tolist() == [
        ["no supervision", "the test band"],
        ["bin 1", "all items"],
    ]


def test_headings_of_a_wide_table_name_methods_as_its_rows_do() -> None:
    wide = pd.DataFrame(
        {"dataset": ["dial"], "variable": ["num_steps"], "icl n=8": ["1"], "zero_shot n=0": ["2"], "n_test": ["80"]}
    )
    found = _wide_names(wide, POPULATION, KINDS)
    assert list(found) == ["dataset", "variable", "ICL, 8 shots, 8 items", "zero-shot", "test items"]
    assert found["variable"].tolist() == ["true steps"]


def test_a_number_keeps_its_unit_and_an_interval_its_bounds() -> None:
    table = pd.DataFrame({"gain": ["4.6 % [0.3, 8.8], p 0.036 (< 0.001)"], "n": [5]})
    assert _grid(table)["cells"] == [["4.6\u00a0% [0.3,\u00a08.8], p\u00a00.036\u00a0(<\u00a00.001)", 5]]


def test_every_part_of_the_page_is_in_its_identity(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "src/uphill/report"
    assert {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".py"} == {
        part.rpartition("/")[2] for part in PAGE
    }
