"""The measure by item response: matrices in files, what is wrong with them, the log, and real answers."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from answer_matrices import Vector, simulated
from scipy.stats import chi2_contingency, spearmanr

from uphill.errors import UphillError
from uphill.hardness import irt
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.item_response import MISSING, Priors, fit
from uphill.hardness.levels import Cuts, add_levels

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
MMLU_PRO = DATA / "mmlu_pro" / "mmlu_pro_item_by_model.csv"

SMALL = {
    "item_id": ["007", "b", "c", "d"],
    "topic": ["x", "y", "x", "y"],
    "m1": [1, 1, 0, None],
    "m2": [1, 0, 0, 1],
    "m3": [1, None, 0, 0],
}


def written(folder: Path, frame: pd.DataFrame, kind: str = ".csv") -> Path:
    path = folder / f"answers{kind}"
    if kind == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def entry(path: Path, **changes: Any) -> irt.Settings:
    return irt.Settings.model_validate({"dataset": "d", "path": path, "not_models": ["topic"], **changes})


def items_of(*ids: str) -> HardnessData:
    items = pd.DataFrame({"pool": "experiment"}, index=pd.Index(ids, name="item_id"))
    return HardnessData(Graded("d", (), False, 0), items, 0)


def test_measure_gives_each_item_its_difficulty_and_how_far_to_trust_it(tmp_path: Path) -> None:
    settings = entry(written(tmp_path, pd.DataFrame(SMALL)))
    rows = irt.measure("b_irt", settings, items_of("c", "007", "d"))
    assert list(rows.columns) == ["item_id", "variable", "value", "kind", *irt.DETAILS]
    assert rows["item_id"].tolist() == ["007", "c", "d"]
    assert set(zip(rows["variable"], rows["kind"], strict=True)) == {("b_irt", "irt")}
    assert rows["flag"].tolist() == [irt.PERFECT, irt.ZERO, ""]
    assert rows["n_answers"].tolist() == [3, 3, 2]
    # All four items, b too, place the models.
    answers = np.array([[1, 1, 0, -1], [1, 0, 0, 1], [1, -1, 0, 0]], dtype=np.int8)
    found = fit(answers, tolerance=1e-9)
    np.testing.assert_allclose(rows["value"], found.difficulty[[0, 2, 3]], atol=1e-5)
    np.testing.assert_allclose(rows["se"], found.difficulty_se[[0, 2, 3]], atol=1e-5)
    np.testing.assert_allclose(rows["slope"], found.slope[[0, 2, 3]], atol=1e-5)


def test_settings_reach_the_estimator(tmp_path: Path) -> None:
    path = written(tmp_path, pd.DataFrame(SMALL))
    answers = read_matrix(path, "item_id", ["topic"]).answers
    settings = entry(path, model="2pl", difficulty_sd=2.0, log_slope_sd=0.3)
    rows = irt.measure("b", settings, items_of("007", "b", "c", "d"))
    found = fit(answers, True, Priors(2.0, 0.3), tolerance=1e-9)
    np.testing.assert_allclose(rows["value"], found.difficulty, atol=1e-5)
    assert settings.files == [path]


def test_variable_is_that_of_the_matrixs_own_dataset(tmp_path: Path) -> None:
    settings = entry(tmp_path / "answers.csv")
    assert irt.variables("b", settings, Graded("d", (), True, 0)) == ["b"]
    assert irt.variables("b", settings, Graded("other", (), True, 0)) == []


def test_rounded_values_are_the_same_in_any_order(tmp_path: Path) -> None:
    answers, _ = simulated(25, 120, seed=1)
    frame = pd.DataFrame(answers.T).add_prefix("m").assign(item_id=[f"i{n:03d}" for n in range(120)], topic="")
    data = items_of(*frame["item_id"])
    values = irt.measure("b", entry(written(tmp_path, frame)), data)
    mixed = frame.sample(frac=1, random_state=0)[[*reversed(frame.columns)]]
    pd.testing.assert_frame_equal(irt.measure("b", entry(written(tmp_path, mixed)), data), values, check_exact=True)
    assert values["value"].nunique() == len(np.unique(answers.sum(0)))  # what Rasch cannot tell apart, ties


@pytest.mark.parametrize("dtype", ["Int8", "float64", "boolean", "string"])
def test_parquet_and_csv_hold_the_same_answers(tmp_path: Path, dtype: str) -> None:
    frame = pd.DataFrame(SMALL)
    expected = read_matrix(written(tmp_path, frame), "item_id", ["topic"])
    models = ["m1", "m2", "m3"]
    typed = frame.astype(dict.fromkeys(models, "Int8")).astype(dict.fromkeys(models, dtype))
    found = read_matrix(written(tmp_path, typed, ".parquet"), "item_id", ["topic"])
    assert (found.item_ids, found.models) == (expected.item_ids, expected.models) == (SMALL["item_id"], models)
    np.testing.assert_array_equal(found.answers, expected.answers)
    assert found.answers.tolist() == [[1, 1, 0, -1], [1, 0, 0, 1], [1, -1, 0, 0]]


def test_number_ids_are_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame(SMALL).assign(item_id=[70, 71, 72, 73])
    assert read_matrix(written(tmp_path, frame, ".parquet"), "item_id", ["topic"]).item_ids == ["70", "71", "72", "73"]


def broken(column: str, row: int, value: object) -> pd.DataFrame:
    frame = pd.DataFrame(SMALL).astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (broken("m2", 2, "2"), r"answers.csv: row 3 \(item 'c'\): m2 is '2', expected 1, 0 or nothing"),
        (broken("m2", 1, 0.5), r"row 2 \(item 'b'\): m2 is '0.5'"),
        (broken("item_id", 3, "b"), "row 4: item 'b' is in row 2 too, expected each item once"),
        (broken("item_id", 0, None), "row 1: item_id is empty, expected the id of an item"),
        (pd.DataFrame(SMALL).rename(columns={"m3": "m1"}), "column 'm1' occurs twice, expected each model once"),
        (pd.DataFrame(SMALL).drop(columns="item_id"), "no column 'item_id', found topic, m1, m2, m3"),
        (pd.DataFrame(SMALL).drop(columns="topic"), "no column 'topic'"),
        (pd.DataFrame(SMALL)[["item_id", "topic", "m1"]], "1 columns of answers, expected one for each of two models"),
        (pd.DataFrame(SMALL).assign(m1=1, m2=1, m3=None), "one kind of answer at most, expected both 1 and 0"),
        (pd.DataFrame(SMALL)[:0], "one kind of answer at most"),
    ],
)
def test_bad_matrix_is_named(tmp_path: Path, frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(UphillError, match=message):
        irt.measure("b", entry(written(tmp_path, frame)), items_of("b"))


def test_column_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, pd.DataFrame(SMALL))
    with pytest.raises(UphillError, match=r"row 1 \(item '007'\): topic is 'x', .*\(name columns .* in not_models\)"):
        irt.measure("b", entry(path, not_models=[]), items_of("b"))
    nested = pd.DataFrame(SMALL).assign(topic=[["x"]] * 4)
    with pytest.raises(UphillError, match="column 'topic' holds list"):
        irt.measure("b", entry(written(tmp_path, nested, ".parquet"), not_models=[]), items_of("b"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "absent.csv: no such file"),
        ("absent.parquet", None, "absent.parquet: no such file"),
        ("answers.tsv", "", "unknown kind of file '.tsv', expected one of .csv, .parquet"),
        ("answers.csv", "", "answers.csv: empty, expected a header and rows"),
        (
            "answers.csv",
            "item_id,topic,m1,m2\na,x,1\n",
            r"answers.csv: row 1 .line 2.: 3 cells, expected 4: item_id, topic, m1, m2",
        ),
        ("answers.parquet", "no Parquet", "answers.parquet: cannot be read"),
    ],
)
def test_unreadable_file_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UphillError, match=message):
        irt.measure("b", entry(tmp_path / name), items_of("b"))


@pytest.mark.parametrize("absent", [{"item_id": "other"}, {"m1": None, "m2": None, "m3": None}])
def test_item_without_answers_is_named(tmp_path: Path, absent: dict[str, Any]) -> None:
    frame = pd.DataFrame(SMALL).astype(object)
    for column, value in absent.items():
        frame.loc[1, column] = value
    with pytest.raises(UphillError, match=r"no answers to item 'b', expected some to each of the 2 items of dataset"):
        irt.measure("b", entry(written(tmp_path, frame)), items_of("b", "d"))


def test_log_tells_of_the_fit_and_of_one_that_did_not_converge(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    settings = entry(written(tmp_path, pd.DataFrame(SMALL).assign(m4=1)))
    irt.measure("b", settings, items_of("b"))
    assert "1pl, 4 models x 4 items (1 perfect, 0 zero, 0 unanswered)" in caplog.text
    assert "model 'm4' has no right answers, or no wrong ones" in caplog.text
    assert "'m1'" not in caplog.text
    assert "not converged" not in caplog.text
    monkeypatch.setattr(irt, "TOLERANCE", 0.0)  # what no step can reach
    irt.measure("b", settings, items_of("b"))
    assert "not converged" in caplog.text


# -- real answers ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not MMLU_PRO.is_file(), reason=f"no {MMLU_PRO}, set UPHILL_DATA")
def test_mmlu_pro() -> None:
    settings = entry(MMLU_PRO, item_id="question_id", not_models=["category", "src"])
    matrix = read_matrix(settings.path, settings.item_id, settings.not_models)
    raw = pd.read_csv(MMLU_PRO, dtype={"question_id": str}).set_index("question_id").drop(columns=["category", "src"])
    np.testing.assert_array_equal(matrix.answers.T, raw.fillna(MISSING))
    assert (matrix.answers.shape, (matrix.answers == MISSING).sum()) == ((29, 12032), 1713)
    table = irt.calibrate(settings, matrix)
    assert table.index.tolist() == raw.index.tolist()
    accuracy = raw.mean(axis=1)
    assert (table["flag"] == irt.PERFECT).tolist() == (accuracy == 1).tolist()
    assert (table["flag"] == irt.ZERO).tolist() == (accuracy == 0).tolist()
    complete = raw.notna().all(axis=1)
    assert complete.sum() == 10326
    # Without missing cells, the number right decides the difficulty, and 30 numbers are possible.
    assert spearmanr(table["difficulty"][complete], -accuracy[complete]).statistic == pytest.approx(1)
    assert table["difficulty"][complete].nunique() == 30
    assert np.isfinite(table["se"]).all()
    assert table.groupby("flag")["se"].min()[[irt.PERFECT, irt.ZERO]].min() > table["se"].median()


@pytest.mark.skipif(not MMLU_PRO.is_file(), reason=f"no {MMLU_PRO}, set UPHILL_DATA")
def test_equal_difficulties_fall_into_bins_by_no_subject() -> None:
    """Ids of MMLU-Pro run through its subjects: in their order, tied items fell into bins by subject (V .44 to .85)."""
    raw = pd.read_csv(MMLU_PRO, dtype={"question_id": str}).set_index("question_id")
    right = raw.drop(columns=["category", "src"]).dropna().sum(axis=1)  # of complete rows, it decides the difficulty
    rows = pd.DataFrame({"item_id": right.index, "variable": "rasch", "value": -right.to_numpy(), "kind": "irt"})
    table = raw.loc[right.index].assign(pool="experiment")
    levels = add_levels(rows, table, {"rasch": Cuts(bins=10)}, 0).assign(subject=table["category"].to_numpy())
    shuffled = add_levels(rows.sample(frac=1, random_state=1), table, {"rasch": Cuts(bins=10)}, 0)
    same = shuffled.set_index("item_id")["level"].loc[right.index]
    assert same.tolist() == levels["level"].tolist()

    by_id = levels.sort_values(["value", "item_id"])
    by_id["level"] = np.arange(len(by_id)) * 10 // len(by_id)
    drawn, ordered = strengths(levels), strengths(by_id)
    assert len(drawn) == len(ordered) >= 8
    assert ordered.min() > 0.4
    assert drawn.max() < 0.1
    other = add_levels(rows, table, {"rasch": Cuts(bins=10)}, 1)
    assert 0.01 < (other["level"] != levels["level"]).mean() < 0.6  # another seed breaks ties otherwise


def strengths(levels: pd.DataFrame) -> Vector:
    """Cramer's V between bin and subject among the items of each value that is in several bins, without its bias.

    Bergsma (2013): of what is independent, V^2 is (r - 1)(c - 1) / (n - 1) too large on average.
    """
    found = []
    for _, tied in levels.groupby("value"):
        counts = pd.crosstab(tied["level"], tied["subject"]).to_numpy()
        if len(counts) < 2 or counts.sum(1).min() < 40:
            continue
        rows, columns = np.array(counts.shape)
        n = counts.sum()
        excess = chi2_contingency(counts).statistic / n - (rows - 1) * (columns - 1) / (n - 1)
        fewer = min(size - (size - 1) ** 2 / (n - 1) for size in (rows, columns)) - 1
        found.append(np.sqrt(max(0.0, excess) / fewer))
    return np.array(found)
