"""Item parameters against direct maximisation, girth, the truth of simulated models, and what must not matter."""

import json
import logging
import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2_contingency, spearmanr

from uphill.errors import UphillError
from uphill.hardness import irt, item_response
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, Answers, Priors, fit, rasch_difficulty
from uphill.hardness.levels import Cuts, add_levels

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
MMLU_PRO = DATA / "mmlu_pro" / "mmlu_pro_item_by_model.csv"
GIRTH = runpy.run_path(str(ROOT / "tests/fixtures/girth_reference.py"))  # makes the matrices that girth saw again
VAGUE = Priors(difficulty_sd=100.0, log_slope_sd=5.0)

Vector = NDArray[np.float64]


def simulated(
    models: int, items: int, slope_sd: float = 0.0, missing: float = 0.0, seed: int = 0
) -> tuple[Answers, Vector]:
    """Answers of models of normal ability, some missing at random, and the items' true difficulties."""
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=models), 1.5 * rng.normal(size=items)
    slope = 1.2 * np.exp(slope_sd * rng.normal(size=items))
    answers = (rng.random((models, items)) < expit(slope * (ability[:, None] - difficulty))).astype(np.int8)
    answers[rng.random((models, items)) < missing] = MISSING
    return answers, difficulty


# -- a slow, direct posterior ----------------------------------------------------------------------------------------


def log_posterior(
    offset: Vector, log_slope: Vector, mean: float, log_sd: float, answers: Answers, priors: Priors
) -> float:
    """What `fit` maximises, cell by cell: products of probabilities, integrated by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(150)
    total = 0.0
    for row in answers:
        likelihood = weights / np.sqrt(2 * np.pi)
        for answer, d, a in zip(row, offset, np.exp(log_slope), strict=True):
            p = 1 / (1 + np.exp(-(a * (mean + np.exp(log_sd) * nodes) - d)))
            likelihood = likelihood * {RIGHT: p, WRONG: 1 - p, MISSING: 1.0}[int(answer)]
        total += np.log(likelihood.sum())
    total -= (offset**2).sum() / (2 * priors.difficulty_sd**2) + (log_slope**2).sum() / (2 * priors.log_slope_sd**2)
    return float(total - log_sd - np.exp(-2 * log_sd) / 2)


def unpacked(parameters: Vector, items: int) -> tuple[Vector, Vector, float, float]:
    offset, rest = parameters[:items], parameters[items:]
    log_slope = rest[:-2] if len(rest) > 2 else np.zeros(items)
    return offset, log_slope, float(rest[-2]), float(rest[-1])


TINY = [
    pytest.param(missing, two_parameter, id=f"{'2pl' if two_parameter else '1pl'}-{missing}")
    for missing in (0.0, 0.25)
    for two_parameter in (False, True)
]


@pytest.fixture(scope="module")
def direct() -> Callable[[float, bool], tuple[Answers, Vector, float]]:
    """A tiny matrix, the parameters that maximise its posterior directly, and the maximum."""
    known: dict[tuple[float, bool], tuple[Answers, Vector, float]] = {}

    def maximised(missing: float, two_parameter: bool) -> tuple[Answers, Vector, float]:
        if (missing, two_parameter) not in known:
            answers, _ = simulated(12, 5, slope_sd=0.4, missing=missing, seed=3)
            items = answers.shape[1]
            start = np.zeros(items * (2 if two_parameter else 1) + 2)

            def objective(parameters: Vector) -> float:
                return -log_posterior(*unpacked(parameters, items), answers, Priors())

            found = minimize(objective, start, method="BFGS", options={"gtol": 1e-5})
            known[missing, two_parameter] = answers, found.x, -found.fun
        return known[missing, two_parameter]

    return maximised


@pytest.mark.parametrize(("missing", "two_parameter"), TINY)
def test_maximises_the_posterior(direct: Callable[..., Any], missing: float, two_parameter: bool) -> None:
    answers, parameters, maximum = direct(missing, two_parameter)
    offset, log_slope, mean, log_sd = unpacked(parameters, answers.shape[1])
    found = fit(answers, two_parameter, tolerance=1e-9)
    # BFGS differentiates numerically, so it stops some 1e-5 from the maximum, where the posterior is 1e-9 lower.
    expected = (offset / np.exp(log_slope) - mean) / np.exp(log_sd)
    np.testing.assert_allclose(found.difficulty, expected, atol=1e-4)
    np.testing.assert_allclose(found.slope, np.exp(log_slope + log_sd), atol=1e-4)
    assert found.log_posterior == pytest.approx(maximum, abs=1e-8)


@pytest.mark.parametrize(("missing", "two_parameter"), TINY)
def test_standard_errors_are_the_curvature_of_the_posterior(
    direct: Callable[..., Any], missing: float, two_parameter: bool
) -> None:
    answers, parameters, _ = direct(missing, two_parameter)
    items = answers.shape[1]
    offset, log_slope, _, log_sd = unpacked(parameters, items)
    errors = fit(answers, two_parameter, tolerance=1e-9).difficulty_se
    for item in range(items):
        own = [item, items + item] if two_parameter else [item]

        def moved(step: Vector, own: list[int] = own) -> float:
            changed = parameters.copy()
            changed[own] += step
            return -log_posterior(*unpacked(changed, items), answers, Priors())

        covariance = np.linalg.inv(hessian(moved, len(own)))
        slope = np.exp(log_slope[item])
        gradient = np.array([1 / slope, -offset[item] / slope])[: len(own)]
        expected = np.sqrt(gradient @ covariance @ gradient) / np.exp(log_sd)
        assert errors[item] == pytest.approx(expected, rel=1e-3)  # second differences with a step of 1e-3


def hessian(function: Callable[[Vector], float], size: int, step: float = 1e-3) -> Vector:
    eye = step * np.eye(size)
    return np.array(
        [[function(u + v) - function(u - v) - function(v - u) + function(-u - v) for v in eye] for u in eye]
    ) / (4 * step**2)


# -- another library, and the truth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", json.loads(GIRTH["FILE"].read_text())["cases"], ids=lambda case: case["function"])
def test_agrees_with_girth_on_complete_data(case: dict[str, Any]) -> None:
    answers = GIRTH["matrix"](**case["matrix"])
    assert answers.sum(0).tolist() == case["right"]  # the matrix that girth saw
    found = fit(answers, case["function"] == "twopl_mml", VAGUE)
    ours, theirs = found.difficulty, np.array(case["difficulty"])
    if case["function"] == "rasch_conditional":  # logits, centred
        ours = (found.difficulty - found.difficulty.mean()) * found.slope
        theirs = theirs - theirs.mean()
    else:
        np.testing.assert_allclose(found.slope, case["slope"], atol=1e-2)
    np.testing.assert_allclose(ours, theirs, atol=1e-2)


@pytest.mark.parametrize(("slope_sd", "two_parameter"), [(0.0, False), (0.3, True)])
@pytest.mark.parametrize(("missing", "least"), [(0.0, 0.98), (0.4, 0.97)])
def test_recovers_true_difficulties(slope_sd: float, two_parameter: bool, missing: float, least: float) -> None:
    answers, difficulty = simulated(500, 200, slope_sd, missing)
    assert np.corrcoef(fit(answers, two_parameter).difficulty, difficulty)[0, 1] > least


def test_standard_errors_are_those_of_repeated_simulations() -> None:
    ability, difficulty = np.linspace(-2, 2, 150), np.linspace(-2, 2, 40)
    p_right = expit(1.2 * (ability[:, None] - difficulty))
    rng = np.random.default_rng(0)
    fits = [fit((rng.random(p_right.shape) < p_right).astype(np.int8), priors=VAGUE) for _ in range(60)]
    logits = np.array([found.difficulty * found.slope for found in fits])
    spread = (logits - logits.mean(1, keepdims=True)).std(0, ddof=1)  # the scale's own error aside
    errors = np.mean([found.difficulty_se * found.slope for found in fits], axis=0)
    # Each ratio of 60 draws has a standard error of 1 / sqrt(118) = .09, the mean of 40 of them .015.
    assert (spread / errors).mean() == pytest.approx(1, abs=0.05)


def test_missing_answers_are_allowed_for_where_accuracy_is_misled() -> None:
    """Strong models answer one half of the items, weak models the other; some items are common to both."""
    rng = np.random.default_rng(0)
    ability, difficulty = np.sort(rng.normal(size=400)), rng.normal(size=150)
    answers = (rng.random((400, 150)) < expit(1.5 * (ability[:, None] - difficulty))).astype(np.int8)
    answers[200:, :60] = MISSING
    answers[:200, 60:120] = MISSING
    accuracy = (answers == RIGHT).sum(0) / (answers != MISSING).sum(0)
    assert np.corrcoef(difficulty, -accuracy)[0, 1] < 0.85
    assert np.corrcoef(difficulty, fit(answers).difficulty)[0, 1] > 0.98


# -- what must hold for any matrix -----------------------------------------------------------------------------------

matrices = arrays(
    np.int8,
    st.tuples(st.integers(2, 12), st.integers(2, 8)),
    elements=st.sampled_from([RIGHT, WRONG, MISSING]),
).filter(lambda answers: (answers == RIGHT).any() and (answers == WRONG).any())


@given(answers=matrices, two_parameter=st.booleans(), data=st.data())
def test_order_of_models_and_items_does_not_matter(answers: Answers, two_parameter: bool, data: st.DataObject) -> None:
    models = data.draw(st.permutations(range(answers.shape[0])))
    items = data.draw(st.permutations(range(answers.shape[1])))
    found, moved = fit(answers, two_parameter), fit(answers[np.ix_(models, items)], two_parameter)
    # Sums in another order: rounding only.
    np.testing.assert_allclose(moved.difficulty, found.difficulty[items], atol=1e-9)
    np.testing.assert_allclose(moved.difficulty_se, found.difficulty_se[items], atol=1e-9)
    np.testing.assert_allclose(moved.ability, found.ability[models], atol=1e-9)


@given(answers=matrices)
def test_items_of_one_difficulty_are_as_well_fitted_together(answers: Answers) -> None:
    many = np.hstack([answers, answers[:, ::-1], answers[:, :1]])
    found = rasch_difficulty(many, tolerance=1e-9)
    np.testing.assert_allclose(found, fit(many, tolerance=1e-9).difficulty, atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_many_items_are_fitted_together_as_apart(missing: float) -> None:
    answers, _ = simulated(30, 2000, missing=missing, seed=4)
    groups, place = item_response._grouped(answers)
    assert groups.copies.sum() == 2000
    assert len(groups.copies) < (35 if not missing else 1200)
    for model in (0, 7):
        for column in (0, len(groups.copies) - 1):
            own = answers[model, place == column]
            assert groups.right[model, column] == (own == RIGHT).sum()
            assert groups.answered[model, column] == (own != MISSING).sum()
    priors = Priors(difficulty_sd=1.5)
    np.testing.assert_allclose(
        rasch_difficulty(answers, priors, 1e-9), fit(answers, priors=priors, tolerance=1e-9).difficulty, atol=1e-7
    )


@given(answers=matrices, two_parameter=st.booleans())
def test_converges_and_turns_round_with_the_answers(answers: Answers, two_parameter: bool) -> None:
    found = fit(answers, two_parameter, tolerance=1e-8)
    assert found.change < 1e-8
    turned = np.where(answers == MISSING, MISSING, 1 - answers).astype(np.int8)
    opposite = fit(turned, two_parameter, tolerance=1e-8)
    assert opposite.log_posterior == pytest.approx(found.log_posterior, abs=1e-8)
    # A few cells can leave a maximum so flat that EM stops some 1e-4 to either side; standard errors are near 1 there.
    np.testing.assert_allclose(opposite.difficulty, -found.difficulty, atol=1e-3)
    np.testing.assert_allclose(opposite.slope, found.slope, atol=1e-3)


@given(answers=matrices, two_parameter=st.booleans())
def test_steps_climb(answers: Answers, two_parameter: bool) -> None:
    heights = [fit(answers, two_parameter, max_steps=steps).log_posterior for steps in (1, 2, 3, 5, 8, 13, 21)]
    assert (np.diff(heights) > -1e-9).all()


def test_pieces_of_the_matrix_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, _ = simulated(60, 30, missing=0.2)
    whole = fit(answers, two_parameter=True)
    monkeypatch.setattr(item_response, "CELLS", 7 * 30)
    pieces = fit(answers, two_parameter=True)
    # Grids differ: the integrals' error, some 1e-13, and rounding.
    np.testing.assert_allclose(pieces.difficulty, whole.difficulty, atol=1e-10)
    np.testing.assert_allclose(pieces.difficulty_se, whole.difficulty_se, atol=1e-10)


@pytest.mark.parametrize("answers", [np.array([[1, 1], [0, 0], [1, 1]], np.int8), simulated(40, 60, missing=0.2)[0]])
def test_abilities_are_integrated_exactly(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    found = fit(answers)
    step = item_response._State.grid_step.fget
    monkeypatch.setattr(item_response._State, "grid_step", property(lambda state: step(state) / 4))
    finer = fit(answers)
    monkeypatch.undo()
    monkeypatch.setattr(item_response, "REACH", 0.5)  # too short: each grid must grow until nothing is cut off
    grown = fit(answers)
    for other in (finer, grown):
        assert other.log_posterior == pytest.approx(found.log_posterior, abs=1e-10)
        np.testing.assert_allclose(other.difficulty, found.difficulty, atol=1e-9)


def test_rasch_difficulty_of_complete_data_falls_with_the_number_right() -> None:
    answers, _ = simulated(40, 300)
    difficulty = fit(answers).difficulty
    right = answers.sum(0)
    by_right = [difficulty[right == count] for count in np.unique(right)]
    assert max(np.ptp(values) for values in by_right) < 1e-9
    assert (np.diff([values.mean() for values in by_right]) < 0).all()


@pytest.mark.parametrize("two_parameter", [False, True])
def test_items_without_contrast_have_finite_values_of_the_right_sign(two_parameter: bool) -> None:
    answers, _ = simulated(30, 20)
    answers[:, 0], answers[:, 1], answers[:, 2] = RIGHT, WRONG, MISSING
    found = fit(answers, two_parameter)
    assert found.difficulty[0] == found.difficulty.min()
    assert found.difficulty[1] == found.difficulty.max()
    assert np.abs(found.difficulty).max() < 10
    # Nothing was learnt of it: the prior's 3 logits, in standard deviations of ability.
    if not two_parameter:
        assert found.difficulty_se[2] == pytest.approx(3 / found.slope[2], rel=1e-9)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (np.array([[1, 1], [1, -1]], np.int8), "at most one kind"),
        (np.full((2, 2), -1, np.int8), "at most one kind"),
        (np.array([[1, 2]], np.int8), "array of 1, 0 and -1"),
        (np.array([1, 0], np.int8), "2-D"),
    ],
)
def test_array_that_is_no_matrix_of_answers_is_refused(answers: Answers, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(answers)


# -- the measure -----------------------------------------------------------------------------------------------------

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
