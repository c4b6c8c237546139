"""Tables against sums done by hand: on a small table of grades, every cell can be counted."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.running import provenance
from uphill.schemas.files import write
from uphill.schemas.grades import GRADES
from uphill.schemas.tables import NAMES, csv_table
from uphill.tables.accuracy import accuracy_rows, by_level, by_value
from uphill.tables.all_to_all import TABLES as ALL_TO_ALL
from uphill.tables.comparisons import sgr_rows
from uphill.tables.correlations import correlation_rows
from uphill.tables.noisy_labels import TABLES as NOISY
from uphill.tables.predictions import correctness, read_grades, write_table
from uphill.tables.quantization import quantization_rows
from uphill.tables.table import Analysis, Inputs

ITEMS = [f"i{number:02d}" for number in range(40)]
ORDER = {("d", variable): ["easy", "medium", "hard"] for variable in "vw"}
STUDY = Analysis({"d": "zero_shot"}, draws=400, coverage=0.95, seed=0)


def hardness() -> pd.DataFrame:
    """Twenty easy items of value 1, twenty hard ones of value 2."""
    values = [1.0] * 20 + [2.0] * 20
    levels = ["easy"] * 20 + ["hard"] * 20
    frame = pd.DataFrame({"item_id": ITEMS, "variable": "v", "value": values, "level": levels, "kind": "human"})
    return frame.assign(dataset="d")


def condition(method: str, train_on: str, boots: list[list[bool]], **columns: Any) -> pd.DataFrame:
    """Grades of one condition: for each boot, whether each item was right."""
    made = {"method": method, "model": "m", "dataset": "d", "experiment": "e", "variable": "v", "train_dataset": "d"}
    made |= {
        "train_on": train_on,
        "n_train": 0 if train_on == "none" else 8,
        "noise_p": 0.0,
        "labels": "gold",
        "k": 0,
        "cot": False,
        "prompt": "0040",
        "dropped": 0,
    } | columns
    parts = [
        pd.DataFrame({"item_id": ITEMS, "correct": right}).assign(boot=boot, **made) for boot, right in enumerate(boots)
    ]
    own = {
        "status": "ok",
        "parsed": "x",
        "p_gold": 0.5,
        "shares": None,
        "f1": None,
        "ended": None,
        "grader": "choice",
        "also": None,
        "source": "file",
    }
    return pd.concat(parts).assign(**own)


def first(right_easy: int, right_hard: int) -> list[bool]:
    """The first so many items of each level right."""
    return [n < right_easy for n in range(20)] + [n < right_hard for n in range(20)]


PREDICTED = pd.concat(
    [
        condition("zero_shot", "none", [first(5, 5)]),
        condition("probe", "easy", [first(20, 15), first(20, 14), first(20, 13)]),
        condition("probe", "hard", [first(18, 17), first(18, 16), first(18, 15)]),
        condition("icl", "easy", [first(20, 10)]),
        condition("icl", "hard", [first(20, 5)]),
        condition("lora", "easy", [first(9, 9)]),
        condition("lora", "hard", [first(0, 0)]),
    ],
    ignore_index=True,
)


def row(table: pd.DataFrame, **wanted: object) -> pd.Series:
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_accuracy_is_the_mean_over_boots_and_gains_are_paired() -> None:
    table = accuracy_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER)
    found = row(table, method="probe", train_on="easy", test_on="hard")
    assert found["accuracy"] == pytest.approx((15 / 20 + 14 / 20 + 13 / 20) / 3)
    assert found["gain"] == pytest.approx(0.70 - 0.25)
    assert (found["boots"], found["n_test"]) == (3, 20)
    assert found["low"] < found["accuracy"] < found["high"]
    assert 0 < found["gain_low"] < found["gain"] < found["gain_high"]
    everything = row(table, method="probe", train_on="easy", test_on="all")
    assert everything["accuracy"] == pytest.approx((35 / 40 + 34 / 40 + 33 / 40) / 3)
    assert found["boots_sd"] == pytest.approx(1 / 20)
    assert found["df"] == 2
    assert found["gain_mde"] > found["gain_high"] - found["gain"]
    assert pd.isna(row(table, method="zero_shot", test_on="hard")["gain"])


def test_one_draw_of_training_items_makes_no_test() -> None:
    found = row(
        accuracy_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER),
        method="icl",
        train_on="easy",
        test_on="hard",
    )
    assert pd.isna(found["gain_p"])
    assert pd.isna(found["df"])
    assert found["gain_low"] < found["gain"] < found["gain_high"]


def test_a_blind_guess_stands_beside_scores_alone() -> None:
    study = dataclasses.replace(STUDY, chance={"d": {item: 0.25 if n < 20 else 0.5 for n, item in enumerate(ITEMS)}})
    texts = condition("icl", "easy", [first(9, 9)], k=3).assign(ended=True)
    table = accuracy_rows(pd.concat([PREDICTED, texts]), by_level(hardness(), ORDER), study, ORDER)
    found = {test_on: row(table, method="zero_shot", test_on=test_on)["chance"] for test_on in ("all", "easy", "hard")}
    assert found == {"all": 0.375, "easy": 0.25, "hard": 0.5}
    assert pd.isna(row(table, method="icl", k=3, test_on="hard")["chance"])


def test_items_that_belong_together_count_as_one() -> None:
    """Twenty hard items of two clusters of ten: the interval is that of two."""
    clusters = {"d": {item: f"passage {n // 10}" for n, item in enumerate(ITEMS)}}
    alone, together = (
        row(accuracy_rows(PREDICTED, by_level(hardness(), ORDER), study, ORDER), method="zero_shot", test_on="hard")
        for study in (STUDY, dataclasses.replace(STUDY, clusters=clusters))
    )
    assert together["accuracy"] == alone["accuracy"]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_a_scale_that_the_tested_model_made_is_marked() -> None:
    study = dataclasses.replace(STUDY, circular={("m", "d", "v"): frozenset({"probe"}), ("n", "d", "v"): frozenset()})
    table = accuracy_rows(PREDICTED, by_level(hardness(), ORDER), study, ORDER)
    assert set(table.loc[table["method"] == "probe", "circular"]) == {"model and method"}
    assert set(table.loc[table["method"] == "icl", "circular"]) == {"model"}
    assert set(accuracy_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER)["circular"]) == {""}
    assert (
        row(sgr_rows(PREDICTED, by_level(hardness(), ORDER), study, ORDER), method="probe")["circular"]
        == "model and method"
    )


def test_written_answers_say_how_many_were_found_and_how_many_were_cut_off() -> None:
    """Of forty texts an answer is found in thirty-six, twenty of them right; thirty-eight came to their end."""
    texts = condition("icl", "easy", [first(10, 10)]).assign(ended=[True] * 38 + [False] * 2)
    texts["status"] = ["ok"] * 18 + ["none"] * 2 + ["ok"] * 18 + ["truncated"] * 2
    both = pd.concat([texts, condition("zero_shot", "none", [first(5, 5)])], ignore_index=True)
    table = accuracy_rows(both, by_level(hardness(), ORDER), STUDY, ORDER)
    found = row(table, method="icl", test_on="all")
    rates = ["accuracy", "parsed_accuracy", "parse_rate", "ended_rate"]
    assert found[rates].tolist() == pytest.approx([20 / 40, 20 / 36, 36 / 40, 38 / 40])
    assert row(table, method="icl", test_on="hard")[rates].tolist() == pytest.approx([10 / 20, 10 / 18, 0.9, 0.9])
    # Of scores one is always the highest.
    assert table.loc[table["method"] == "zero_shot", rates[1:]].isna().all(axis=None)


def test_no_answer_at_all_is_no_accuracy_of_those_found() -> None:
    texts = condition("icl", "easy", [first(0, 0)]).assign(ended=False, status="truncated")
    table = accuracy_rows(texts, by_level(hardness(), ORDER), STUDY, ORDER)
    assert table["parsed_accuracy"].isna().all()
    assert table[["accuracy", "parse_rate", "ended_rate"]].eq(0).all(axis=None)


def test_a_cell_does_not_depend_on_the_others() -> None:
    whole = accuracy_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER)
    without = accuracy_rows(PREDICTED[PREDICTED["method"] != "icl"], by_level(hardness(), ORDER), STUDY, ORDER)
    kept = whole[whole["method"] != "icl"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without.reset_index(drop=True))


def test_sgr_by_hand_undefined_and_negative() -> None:
    table = sgr_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER)
    probe = row(table, method="probe")
    assert probe["sgr"] == pytest.approx((0.70 - 0.25) / (0.80 - 0.25))
    assert (probe["easy"], probe["hard"], probe["unsupervised"]) == pytest.approx((0.70, 0.80, 0.25))
    assert probe["status"] == "defined"
    assert probe["sgr_set"] == f"[{probe['sgr_low']:.2f}, {probe['sgr_high']:.2f}]"
    assert (probe["as_good"], probe["margin"]) == ("cannot tell", 0.03)
    icl = row(table, method="icl")
    # Easy data gains and hard data does not: the ratio is not small, and may be anything else.
    assert icl["status"] == "unbounded"
    assert icl["sgr_set"].startswith("up to -")
    assert pd.isna(icl["sgr"])
    assert row(table, method="lora")["status"] == "negative gap"


def test_few_values_stand_for_themselves_and_many_for_their_range() -> None:
    groups = by_value(hardness())
    assert sorted(groups["test_on"].unique()) == [1.0, 2.0]
    many = by_value(hardness().assign(value=np.arange(40.0)))
    assert many["test_on"].nunique() == 4
    # Forty values from 0 to 39 in four equal ranges: ten each.
    assert many["test_on"].value_counts().tolist() == [10] * 4


def test_untested_items_are_no_wrong_answers() -> None:
    rows = PREDICTED[(PREDICTED["method"] == "probe") & (PREDICTED["train_on"] == "easy")]
    matrix = correctness(rows[~((rows["boot"] == 1) & (rows["item_id"] == "i00"))], ITEMS)
    assert matrix.shape == (40, 3)
    assert np.isnan(matrix[0, 1])
    assert matrix[0, 0] == 1.0


def test_correlations_are_over_the_experiment_pool() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=60)
    names = [f"j{number:02d}" for number in range(60)]
    parts = [
        pd.DataFrame({"item_id": names, "variable": name, "value": column, "dataset": "d"})
        for name, column in (("a", values), ("b", -values), ("c", rng.normal(size=60)))
    ]
    items = pd.DataFrame({"item_id": names, "pool": ["hardness"] * 20 + ["experiment"] * 40})
    table = correlation_rows(pd.concat(parts), items, draws=200, coverage=0.95, seed=0)
    assert row(table, variable_a="a", variable_b="b")["rho"] == -1.0
    assert row(table, variable_a="a", variable_b="a")["rho"] == 1.0
    assert set(table["n_items"]) == {40}
    assert len(table) == 6


def test_grades_of_another_identity_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "grades.parquet")
    frame = PREDICTED[PREDICTED["method"] == "icl"].drop(columns="source")
    both = pd.concat([frame, frame.assign(variable="w")])
    spec = {"settings": {"slices": {"e/v": {"id": "today"}, "e/w": {"id": "of no interest"}}}}
    write(both[GRADES.schema.names], path, GRADES, spec)
    assert len(read_grades({path: {"e/v": "today"}})) == len(frame)
    with pytest.raises(UphillError, match="'e/v' made by another config or by older code"):
        read_grades({path: {"e/v": "tomorrow"}})


def test_easy_and_hard_data_are_compared_on_the_same_items() -> None:
    found = row(sgr_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER), method="probe")
    assert found["hard_easy"] == pytest.approx(0.10)
    assert found["hard_easy_low"] < 0.10 < found["hard_easy_high"]
    assert found["easy_unsupervised"] == pytest.approx(0.45)
    assert found["easy_unsupervised_p"] < 0.05


def test_the_generalization_gap_is_to_the_level_that_was_trained_on() -> None:
    table = accuracy_rows(PREDICTED, by_level(hardness(), ORDER), STUDY, ORDER)
    found = row(table, method="probe", train_on="easy", test_on="hard")
    assert found["gap"] == pytest.approx(0.70 - 1.0)
    assert found["gap_low"] < found["gap"] < found["gap_high"]
    assert table["gap"].notna().sum() == 3


def test_p_values_are_adjusted_beside_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"gain_p": [0.01, 0.04, None, 0.03], "noise_p": 0.0})
    write_table(table, str(tmp_path / "table.csv"))
    written = pd.read_csv(tmp_path / "table.csv")
    assert written.columns.tolist() == ["gain_p", "gain_p_adjusted", "noise_p"]
    # By hand: of three, sorted .01 .03 .04, times 3/1, 3/2, 3/3, and never below a smaller one's.
    assert written["gain_p_adjusted"].dropna().tolist() == pytest.approx([0.03, 0.04, 0.04])


def test_a_quantized_model_is_compared_on_the_same_items_after_the_same_training() -> None:
    full = PREDICTED[PREDICTED["method"] == "probe"].assign(variable="all")
    small = full.assign(model="m8", correct=full["correct"] & (full["item_id"] != "i00"))
    table = quantization_rows(pd.concat([full, small]), {"d": {"m": "m8"}}, STUDY)
    assert table["model"].tolist() == ["m", "m"]
    assert table["quantized_model"].tolist() == ["m8", "m8"]
    # One item of forty, which the full model knew in every boot.
    assert table["difference"].tolist() == pytest.approx([-1 / 40, -1 / 40])


@pytest.mark.parametrize(("easy", "hard"), [("easy", "hard"), ("bin_01", "bin_04"), ("bin_02", "bin_10")])
def test_noise_is_read_beside_that_of_easy_data_row_by_row(easy: str, hard: str) -> None:
    """Noise was multiplied for the hardest level that is trained on, by each row's own factor."""
    factors = {("m", "d", "v", "probe"): 2.0, ("m", "d", "v", "lora"): 4.0, ("m", "d", "w", "probe"): 1.0}
    factors[("n", "d", "v", "probe")] = 0.5
    order = dict.fromkeys(
        ORDER, [f"bin_{n:02d}" for n in range(1, 11)] if "bin" in easy else ["easy", "medium", "hard"]
    )
    made = [condition("zero_shot", "none", [first(5, 5)], variable=variable) for variable in ("v", "w")]
    for (model, _, variable, method), factor in factors.items():
        for train_on, noise in ((easy, 0.2), (hard, 0.2 * factor), ("bin_03" if "bin" in easy else "medium", 0.2)):
            where = {"model": model, "variable": variable, "noise_p": noise}
            made.append(condition(method, train_on, [first(9, 9)], **where))
    tested = pd.concat([hardness().assign(variable=variable) for variable in ("v", "w")])
    tested["level"] = tested["level"].map({"easy": easy, "hard": hard})
    own = {"noise_factors": [[*names, hard, factor] for names, factor in factors.items()]}
    table = NOISY["noisy_labels"].reduce(Inputs(pd.concat(made), tested, order, STUDY, own=own))
    trained = table[table["train_on"] != "none"]
    assert len(trained) == 4 * 3 * 3
    assert trained["easy_noise_p"].round(9).eq(0.2).all()
    assert set(trained.loc[trained["train_on"] == hard, "noise_p"]) == {0.4, 0.8, 0.2, 0.1}
    assert table.loc[table["train_on"] == "none", "easy_noise_p"].eq(0).all()


STRANGE = ("007", "1e3", "nan", "NA", "None", "null", "true", "0x10", "1_000", "inf", "-0", "2024-01-02", "1.50", "N/A")


def test_names_that_look_like_numbers_are_read_back_as_text(tmp_path: Path) -> None:
    table = pd.DataFrame(dict.fromkeys(NAMES, STRANGE)).assign(accuracy=[None, *np.linspace(0, 1, len(STRANGE) - 1)])
    path = tmp_path / "population.csv"
    write_table(table, str(path))
    provenance.write(provenance.beside(path), {"id": "x"}, [str(path)], {})
    for back in (csv_table(path.read_bytes(), path.stem), provenance.read_table(path, "x")):
        assert {name: tuple(back[name]) for name in NAMES} == dict.fromkeys(NAMES, STRANGE)
        assert back["accuracy"].dtype == float
        assert back["accuracy"].isna().tolist() == [True] + [False] * (len(STRANGE) - 1)
    values = csv_table(b"model,test_on\n7,1.500000\n7,2.000000\n", "accuracy_by_hardness")
    assert values["test_on"].tolist() == [1.5, 2.0]
    assert values["model"].tolist() == ["7", "7"]


@pytest.mark.parametrize(("train_dataset", "expected"), [("d", 3 / 20), ("elsewhere", 0.0)])
def test_what_was_trained_on_is_told_where_it_may_be_tested(train_dataset: str, expected: float) -> None:
    """Eight of ten drawn items are trained on: of the hard ones four in the first boot and two in the second."""
    drawn = [[*ITEMS[:4], *ITEMS[20:24], *ITEMS[24:26]], [*ITEMS[:6], *ITEMS[20:22], *ITEMS[30:32]]]
    trained = pd.concat(
        pd.DataFrame({"item_id": items, "rank": range(10), "boot": boot}) for boot, items in enumerate(drawn)
    ).assign(dataset="d", variable="v", train_on="easy")
    other = trained.assign(train_on="hard", item_id=ITEMS[-1])
    study = dataclasses.replace(STUDY, trained=pd.concat([trained, other]))
    predicted = pd.concat(
        [
            condition("zero_shot", "none", [first(5, 5)]),
            condition("probe", "easy", [first(20, 15), first(20, 13)], train_dataset=train_dataset),
        ]
    )
    table = accuracy_rows(predicted, by_level(hardness(), ORDER), study, ORDER)
    assert table.columns.tolist()[-2:] == ["seen", "source"]
    assert row(table, method="probe", test_on="hard")["seen"] == pytest.approx(expected)
    assert row(table, method="zero_shot", test_on="hard")["seen"] == 0
    without = accuracy_rows(predicted, by_level(hardness(), ORDER), STUDY, ORDER)
    pd.testing.assert_frame_equal(without, table.drop(columns="seen"))


def test_what_was_trained_on_is_told_by_every_variable_too() -> None:
    """Items drawn at random are read beside the values of each variable."""
    predicted = pd.concat(
        [
            condition("zero_shot", "none", [first(5, 5)], variable="all"),
            condition("probe", "all", [first(20, 15)], variable="all"),
        ]
    )
    trained = pd.DataFrame({"item_id": ITEMS[:8], "rank": range(8), "boot": 0, "train_on": "all"})
    study = dataclasses.replace(STUDY, trained=trained.assign(dataset="d", variable="all"))
    tested = pd.DataFrame({"item_id": ITEMS, "dataset": "d", "variable": "all", "level": "all", "value": np.nan})
    inputs = Inputs(predicted, tested, {("d", "all"): ["all"]}, study, hardness())
    table = ALL_TO_ALL["all_to_all_by_hardness"].reduce(inputs)
    assert row(table, method="probe", test_on=1.0)["seen"] == pytest.approx(8 / 20)
    assert row(table, method="probe", test_on=2.0)["seen"] == 0
