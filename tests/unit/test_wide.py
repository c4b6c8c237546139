"""Wide tables hold the tidy table's numbers, each where its row and heading say."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from covering import few
from hypothesis import given
from hypothesis import strategies as st

from uphill import registry
from uphill.errors import UphillError
from uphill.stats.conditions import condition
from uphill.stats.estimates import Accuracy, Difference
from uphill.stats.recovery import gap_recovered
from uphill.tables.comparisons import supervision_estimates
from uphill.tables.estimates import estimates
from uphill.tables.layouts import ACCURACY, GAIN
from uphill.tables.wide import DASH, WideLayout, to_latex, wide, write_wide

ZERO_SHOT = {"arc": "zero_shot", "mmlu": "zero_shot", "strategy_qa": "zero_shot_cot"}
NONE = {"method": "zero_shot", "train_on": "none", "n_train": 0}


def tidy(*cells: dict[str, Any]) -> pd.DataFrame:
    """Rows with the columns of tables/accuracy.py; every cell has an accuracy of its own."""
    common = {"model": "m_7b", "dataset": "arc", "variable": "grade", "method": "icl", "cot": False, "k": 0}
    common |= {"n_train": 8, "noise_p": 0.0, "train_on": "easy", "test_on": "hard", "boots": 5, "n_test": 100}
    rows = []
    for number, cell in enumerate(cells):
        value = 0.4 + number / 100
        row = {**common, "accuracy": value, "low": value - 0.02, "high": value + 0.03}
        if cell.get("train_on") != "none":
            row |= {"gain": 0.05, "gain_low": 0.01, "gain_high": 0.08, "gain_p": 0.0123}
        row |= cell
        rows.append({"train_dataset": row["dataset"], **row})
    return pd.DataFrame(rows)


def printed(row: pd.Series) -> str:
    """An independent spelling of a cell."""
    return "%.1f [%.1f, %.1f]" % (100 * row["accuracy"], 100 * row["low"], 100 * row["high"])  # noqa: UP031


def layouts() -> dict[str, WideLayout]:
    """Every print of every table, by name."""
    found = {}
    for module in registry.names("uphill.tables", "TABLES"):
        for name, table in registry.load("uphill.tables", module, "TABLES").TABLES.items():
            found |= {name: table.layout, **table.also}
    return found


def shown(table: pd.DataFrame, name: str, order: Sequence[str] = ("easy", "medium", "hard")) -> pd.DataFrame:
    panels = table[["dataset", "variable"]].drop_duplicates().itertuples(index=False, name=None)
    return wide(table, layouts()[name], ZERO_SHOT, dict.fromkeys(panels, order))


def test_cells_are_published_in_style() -> None:
    row = {"accuracy": 0.8312, "low": 0.81, "high": 0.85, "gain": -0.04, "gain_low": -0.06, "gain_high": -0.02}
    table = pd.DataFrame([{**row, "gain_p": p} for p in (0.0123, 0.0004, math.nan)])
    assert ACCURACY.text(table)[0] == "83.1 [81.0, 85.0]"
    assert GAIN.text(table) == ["-4.0 [-6.0, -2.0] (p = 0.012)", "-4.0 [-6.0, -2.0] (p < 0.001)", "-4.0 [-6.0, -2.0]"]
    assert GAIN.text(table.assign(gain=0.04))[0] == "+4.0 [-6.0, -2.0] (p = 0.012)"
    assert GAIN.text(table.assign(gain=-0.0001))[0].startswith("+0.0 ")
    assert ACCURACY.text(table.assign(low=math.nan))[0] == "83.1"
    assert ACCURACY.text(table.assign(accuracy=math.nan))[0] == DASH


def test_population_has_a_column_for_each_level_and_the_gain_of_easy_data() -> None:
    cells = [
        NONE,
        *({"train_on": level} for level in ("easy", "hard", "medium")),
        *({"train_on": level, "method": "probe", "n_train": 160} for level in ("easy", "hard")),
        {"train_on": "easy", "test_on": "all"},
        {"train_on": "easy", "test_on": "easy"},
    ]
    table = tidy(*cells)
    found = shown(table, "population")
    assert found.index.names == ["model", "dataset", "variable", "method", "n_train"]
    assert list(found.columns) == ["Unsupervised", "Easy", "Medium", "Hard", "Easy - Unsupervised", "n test"]
    icl, probe = found.loc[("m_7b", "arc", "grade", "icl", 8)], found.loc[("m_7b", "arc", "grade", "probe", 160)]
    texts = [printed(row) for _, row in table.iterrows()]
    assert list(icl) == [texts[0], texts[1], texts[3], texts[2], "+5.0 [1.0, 8.0] (p = 0.012)", "100"]
    assert list(probe) == [texts[0], texts[4], DASH, texts[5], "+5.0 [1.0, 8.0] (p = 0.012)", "100"]


def test_unsupervised_is_the_datasets_own_method_whatever_the_reasoning() -> None:
    table = tidy(
        {**NONE, "dataset": "strategy_qa"},
        {**NONE, "dataset": "strategy_qa", "method": "zero_shot_cot", "cot": True},
        {"dataset": "strategy_qa", "cot": True},
        {"dataset": "strategy_qa", "cot": False},
        {"dataset": "strategy_qa", "method": "icl_cot", "cot": True},
    )
    found = shown(table, "population")
    assert list(found.index.get_level_values("method")) == ["icl CoT", "icl", "icl_cot"]
    assert set(found["Unsupervised"]) == {printed(table.iloc[1])}


def test_bins_act_as_levels_and_sources_are_told_apart() -> None:
    cells: list[dict[str, Any]] = [{**NONE, "test_on": "bin_03"}]
    cells += [{"train_on": f"bin_0{number}", "test_on": "bin_03"} for number in (1, 2, 3)]
    cells += [{"train_on": "bin_01", "test_on": "bin_03", "train_dataset": "mmlu"}, {"test_on": "bin_01"}]
    found = shown(tidy(*cells), "population", ["bin_01", "bin_02", "bin_03"])
    assert list(found.columns)[:4] == ["Unsupervised", "Easy", "bin_02", "Hard"]
    assert found.index.names[-1] == "train_dataset"
    assert [key[-1] for key in found.index] == ["arc", "mmlu"]
    assert list(found["Hard"] == DASH) == [False, True]


def test_all_to_all_has_a_column_for_each_method_with_reasoning_and_size() -> None:
    table = tidy(
        *(
            {**cell, "test_on": "all", "variable": "any", "train_on": "none" if cell["n_train"] == 0 else "all"}
            for cell in (
                {"n_train": 0, "method": "zero_shot", "n_test": 500},
                {"n_train": 10, "n_test": 490},
                {"n_train": 160, "method": "probe", "n_test": 340},
                {"n_train": 8, "dataset": "strategy_qa", "cot": True},
            )
        )
    )
    found = shown(table, "all_to_all")
    assert found.index.names == ["model", "dataset"]
    assert list(found.columns) == ["zero_shot n=0", "icl CoT n=8", "icl n=10", "probe n=160", "n test"]
    texts = [printed(row) for _, row in table.iterrows()]
    assert list(found.loc[("m_7b", "arc")]) == [texts[0], DASH, texts[1], texts[2], "340 to 500"]
    assert list(found.loc[("m_7b", "strategy_qa")]) == [DASH, texts[3], DASH, DASH, "100"]


def test_sgr_prints_a_status_where_the_ratio_says_nothing() -> None:
    table = tidy({}, {"method": "probe", "n_train": 160}, {"method": "lora", "n_train": 160})
    table = table.assign(
        sgr=[0.934, math.nan, 1.2], sgr_low=[0.8, math.nan, 1.0], sgr_high=[1.0, math.nan, 1.4], sgr_p=0.0
    ).assign(status=["defined", "undefined", "negative gap"])
    found = shown(table.drop(columns="train_on"), "sgr")
    assert list(found.columns) == ["icl n=8", "probe n=160", "lora n=160"]
    assert found.iloc[0].tolist() == ["0.93 [0.80, 1.00]", "undefined", "negative gap"]


def test_comparisons_hold_what_the_statistics_found() -> None:
    rng = np.random.default_rng(0)
    easy, hard, zero = (condition((rng.random((300, 4)) < mean).astype(float)) for mean in (0.7, 0.8, 0.5))
    result = gap_recovered(easy, hard, zero)
    table = tidy({"n_test": 300}).assign(**supervision_estimates(result))
    found = shown(table, "comparisons").iloc[0]
    for heading, part, sign in (
        ("Unsupervised", result.floor, ""),
        ("Easy", result.reached, ""),
        ("Hard", result.ceiling, ""),
        ("Hard - Easy", result.ceiling_reached, "+"),
        ("Easy - Unsupervised", result.reached_floor, "+"),
    ):
        text = f"{100 * part.point:{sign}.1f} [{100 * part.low:.1f}, {100 * part.high:.1f}]"
        assert found[heading].startswith(text)
        assert ("(p " in found[heading]) == isinstance(part, Difference)
    assert found["SGR"] == f"{result.point:.2f} {result.ratios} (p < 0.001)"
    assert found["n test"] == "300"


def test_learning_curves_and_noise_run_across() -> None:
    sizes = tidy(*({"train_on": level, "n_train": n} for level, n in itertools.product(["easy", "hard"], [40, 8, 320])))
    found = shown(sizes, "learning_curves")
    assert list(found.columns) == ["n=8", "n=40", "n=320"]
    assert list(found.index.get_level_values("supervision")) == ["Easy", "Hard"]
    assert list(found.iloc[1]) == [printed(sizes.iloc[number]) for number in (4, 3, 5)]
    noisy = tidy(*({"train_on": level, "noise_p": p} for level, p in [("easy", 0.05), ("easy", 0.0), ("hard", 0.1)]))
    found = shown(noisy.assign(easy_noise_p=[0.05, 0.0, 0.05]), "noisy_labels")
    assert list(found.columns) == ["p=0", "p=0.05"]
    assert list(found.iloc[0]) == [printed(noisy.iloc[1]), printed(noisy.iloc[0])]
    assert list(found.iloc[1]) == [DASH, printed(noisy.iloc[2])]


def test_ladders_climb_in_the_order_of_their_rungs() -> None:
    rungs = ["3rd_grade", "8th_grade", "high_school", "college"]
    common = {"dataset": "mmlu", "variable": "to_college"}
    cells = [{**common, "train_on": rung, "method": method} for method in ("icl", "probe") for rung in rungs]
    table = tidy({**NONE, **common}, *cells, {**common, "model": "m_70b", "train_on": "college"})
    found = shown(table, "ladders", rungs)
    assert list(found.columns) == ["Unsupervised", *rungs]
    assert list(found.loc[("m_7b", "probe", 8)]) == [printed(table.iloc[number]) for number in (0, 5, 6, 7, 8)]
    assert list(found.loc[("m_70b", "icl", 8)]) == [DASH] * 4 + [printed(table.iloc[9])]
    assert list(shown(table, "ladders", rungs[::-1]).columns) == ["Unsupervised", *reversed(rungs)]


def test_quantization_sets_pairs_side_by_side() -> None:
    pair = estimates(
        full=Accuracy(0.5, 0.4, 0.6, 0.1, 2),
        quantized=Accuracy(0.45, 0.4, 0.5, 0.1, 2),
        difference=Difference(-0.05, -0.07, -0.03, 0.5, 0.1),
    )
    assert set(pair) == {
        f"{name}{end}" for name in ("full", "quantized", "difference") for end in ("", "_low", "_high")
    } | {"difference_p", "difference_mde"}
    found = shown(tidy({"method": "lora"}).assign(**pair), "quantization")
    assert found.index.names == ["dataset", "method", "n_train", "model"]
    assert found.iloc[0].tolist() == ["50.0 [40.0, 60.0]", "45.0 [40.0, 50.0]", "-5.0 [-7.0, -3.0] (p = 0.500)", "100"]


@few()
@given(st.sets(st.tuples(*(st.sampled_from("abc") for _ in range(3)), st.sampled_from([8, 160])), min_size=1))
def test_a_wide_table_is_its_tidy_one(cells: set[tuple[str, str, str, int]]) -> None:
    names = ("model", "dataset", "method", "n_train")
    table = tidy(*({**dict(zip(names, cell, strict=True)), "test_on": "all"} for cell in sorted(cells)))
    found = shown(table, "all_to_all").drop(columns="n test")
    assert (found != DASH).to_numpy().sum() == len(table)
    for _, row in table.iterrows():
        assert found.loc[(row["model"], row["dataset"]), f"{row['method']} n={row['n_train']}"] == printed(row)


def test_an_empty_table_keeps_its_fixed_columns() -> None:
    found = shown(tidy({"test_on": "all"}).iloc[:0], "population")
    assert len(found) == 0
    assert list(found.columns) == ["Easy - Unsupervised", "n test"]


def test_two_numbers_for_one_cell_and_missing_columns_are_refused() -> None:
    with pytest.raises(UphillError, match=r"'n=8'.* occurs twice, expected one number a cell"):
        shown(tidy({}, {"noise_p": 0.1}), "learning_curves")
    with pytest.raises(UphillError, match=r"columns \['gain_p'\] are missing"):
        shown(tidy(NONE, {}).drop(columns="gain_p"), "population")


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\").strip())]


def test_latex_is_escaped_and_has_a_cell_for_each_of_the_tables() -> None:
    table = tidy({**NONE, "model": "a_b & 50%"}, {"model": "a_b & 50%", "gain": -0.05, "gain_p": 0.0})
    found = shown(table, "population")
    text = to_latex(found)
    lines = text.strip().splitlines()
    assert lines[0] == r"\begin{tabular}{lllllcccc}"
    assert lines[-1] == r"\end{tabular}"
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    header, row = (cells_of(line) for line in lines if line.endswith(r"\\"))
    assert header == ["model", "dataset", "variable", "method", r"n\_train", *found.columns[:2], *header[7:]]
    assert header[7:] == ["Easy $-$ Unsupervised", "n test"]
    assert row[:2] == [r"a\_b \& 50\%", "arc"]
    assert row[5] == printed(table.iloc[0])
    assert row[7] == r"$-$5.0 [1.0, 8.0] (p $<$ 0.001)"
    assert text.count("{") == text.count("}")
    assert text.count("$") % 2 == 0
    assert re.sub(r"\\[&%_$#{}]", "", text).isascii()
    assert DASH not in to_latex(shown(tidy({"train_on": "hard"}), "population"))


def test_both_files_hold_the_table(tmp_path: Path) -> None:
    found = shown(tidy({"n_train": 8}, {"n_train": 16}), "learning_curves")
    write_wide(found, tmp_path / "wide.csv", tmp_path / "wide.tex")
    back = pd.read_csv(tmp_path / "wide.csv", index_col=list(range(found.index.nlevels)))
    assert back.to_numpy().tolist() == found.to_numpy().tolist()
    assert (tmp_path / "wide.tex").read_text(encoding="utf-8") == to_latex(found)
