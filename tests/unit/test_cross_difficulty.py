"""The cross-difficulty tables and figure against a grid that is known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from uphill.experiments import cross_difficulty
from uphill.experiments.arms import Given, levels_of
from uphill.figures.plots import gain_grid
from uphill.tables.cross_difficulty import TABLES
from uphill.tables.table import Analysis, Inputs
from uphill.tables.wide import wide

BINS = ["bin_01", "bin_02", "bin_03"]
LEVELS = {("d", "rasch"): BINS}
PER_BIN = 20
ITEMS = [f"i{number:02d}" for number in range(len(BINS) * PER_BIN)]
RIGHT = np.array([[16, 10, 4], [14, 14, 6], [8, 10, 12]])
"""How many of 20 items of each bin (across) are right after training on each bin (down)."""
BEFORE = np.array([10, 10, 6])


def answers(right: Any, method: str, train_on: str, boots: int) -> pd.DataFrame:
    """Grades: in each boot the first so many of each bin's items are right."""
    correct = [place < count for count in right for place in range(PER_BIN)]
    parts = [pd.DataFrame({"item_id": ITEMS, "correct": correct, "boot": boot}) for boot in range(boots)]
    made = {"model": "m", "dataset": "d", "variable": "rasch", "experiment": "cross_difficulty", "method": method}
    made |= {"train_dataset": "d", "train_on": train_on, "n_train": 0 if train_on == "none" else 8, "k": 0}
    read = {
        "cot": False,
        "prompt": "0040",
        "dropped": 0,
        "noise_p": 0.0,
        "labels": "gold",
        "status": "ok",
        "ended": None,
    }
    return pd.concat(parts, ignore_index=True).assign(**made, **read, source="file")


def inputs(**changes: Any) -> Inputs:
    trained = [answers(right, "sft", level, 2) for level, right in zip(BINS, RIGHT, strict=True)]
    tested = pd.DataFrame({"item_id": ITEMS, "level": np.repeat(BINS, PER_BIN), "value": 0.0})
    given = {
        "predictions": pd.concat([answers(BEFORE, "zero_shot", "none", 1), *trained], ignore_index=True),
        "tested": tested.assign(dataset="d", variable="rasch"),
        "levels": LEVELS,
        "study": Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0),
    }
    return Inputs(**{**given, **changes})


GAINS = (RIGHT - BEFORE) / PER_BIN


def said(summary: pd.DataFrame, statistic: str, of: Any = "") -> pd.Series:
    rows = summary[(summary["statistic"] == statistic) & (summary["of"] == of)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_table_has_a_gain_for_each_train_level_and_test_level() -> None:
    table = TABLES["cross_difficulty"].reduce(inputs())
    trained = table[table["train_on"] != "none"]
    gains = trained.pivot(index="train_on", columns="test_on", values="gain")
    np.testing.assert_allclose(gains.loc[BINS, BINS], GAINS)
    assert set(table["test_on"]) == set(BINS)
    assert (trained["gain_low"] <= trained["gain"]).all()
    assert (trained["gain"] <= trained["gain_high"]).all()


def test_the_summary_is_of_the_gains() -> None:
    summary = TABLES["cross_difficulty_summary"].reduce(inputs())
    down, across = np.indices(GAINS.shape)
    assert said(summary, "mean gain")["value"] == pytest.approx(GAINS.mean())
    assert said(summary, "easy to hard")["value"] == pytest.approx(GAINS[across > down].mean())
    assert said(summary, "hard to easy")["value"] == pytest.approx(GAINS[across < down].mean())
    for width in range(3):
        row = said(summary, "by distance", width)
        assert row["value"] == pytest.approx(GAINS[np.abs(across - down) == width].mean())
        assert row["cells"] == (np.abs(across - down) == width).sum()
    assert said(summary, "by gap", 1)["value"] == pytest.approx(GAINS[across - down == 1].mean())
    assert said(summary, "by middle of the window", 2.0)["value"] == pytest.approx(GAINS[0, 2])
    assert said(summary, "share of cells below 0")["value"] == pytest.approx((GAINS < 0).mean())
    for column, level in enumerate(BINS):
        best = said(summary, "best train level", level)
        assert best["best"] == BINS[GAINS[:, column].argmax()]
        assert best["value"] == pytest.approx(GAINS[:, column].max())
        assert 0 < best["share"] <= 1
    known = summary[summary["statistic"] != "share of cells below 0"]
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    assert set(summary["levels"]) == {3}
    assert set(summary["n_test"]) == {60}


def test_order_of_rows_moves_nothing() -> None:
    whole = inputs()
    mixed = inputs(predictions=whole.predictions.sample(frac=1, random_state=0, ignore_index=True))
    for name in TABLES:
        pd.testing.assert_frame_equal(TABLES[name].reduce(whole), TABLES[name].reduce(mixed))


def test_a_grid_of_one_level_or_without_a_baseline_says_nothing() -> None:
    whole = inputs().predictions
    for kept in (whole[whole["train_on"].isin(["none", "bin_01"])], whole[whole["train_on"] != "none"]):
        assert TABLES["cross_difficulty_summary"].reduce(inputs(predictions=kept)).empty


def test_a_paper_prints_a_row_a_train_level_and_a_column_a_test_level() -> None:
    table = TABLES["cross_difficulty"].reduce(inputs())
    layout = TABLES["cross_difficulty"].layout
    assert layout is not None
    printed = wide(table, layout, {"d": "zero_shot"}, LEVELS)
    assert list(printed.columns) == ["on bin_01", "on bin_02", "on bin_03", "n test"]
    assert list(printed.index.get_level_values("supervision")) == ["bin_01", "bin_02", "bin_03"] or len(printed) == 3
    assert printed.iloc[0, 0].startswith("+30.0")


def test_the_heat_map_has_zero_in_the_middle_and_brackets_what_holds_it() -> None:
    table = TABLES["cross_difficulty"].reduce(inputs())
    figure = gain_grid.plot(table, LEVELS)
    axis = figure.axes[0]
    low, high = axis.images[0].get_clim()
    assert low == -high == pytest.approx(-100 * np.abs(GAINS).max())
    np.testing.assert_allclose(axis.images[0].get_array(), 100 * GAINS)
    said = {text.get_position(): text.get_text() for text in axis.texts}
    holds = table[table["train_on"] != "none"].set_index(["train_on", "test_on"])
    for (x, y), text in said.items():
        row = holds.loc[(BINS[int(y)], BINS[int(x)])]
        assert text.startswith("(") == (row["gain_low"] <= 0 <= row["gain_high"])
        points = round(100 * GAINS[int(y), int(x)])
        assert text.strip("()") == (f"{points:+d}" if points else "0")
    assert len(said) == 9
    assert len(axis.patches) == 3  # the diagonal


def test_an_entry_is_one_arm_of_every_level_and_needs_some() -> None:
    given = Given(("m",), lambda _: 8, lambda _, variable: levels_of(variable, BINS), lambda _: "supervisor")
    entry = cross_difficulty.Entry.model_validate({"dataset": "d", "variable": "rasch", "methods": ["sft"]})
    [arm] = cross_difficulty.arms(entry, "cross_difficulty", given)
    assert (arm.order, arm.models, arm.slice) == (tuple(BINS), ("m",), "cross_difficulty/rasch")
    assert arm.split == "rasch"  # the study's own splits
    with pytest.raises(ValidationError, match="expected a hardness variable that cuts levels"):
        cross_difficulty.Entry.model_validate({"dataset": "d", "variable": "all", "methods": ["sft"]})
