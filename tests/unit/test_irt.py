"""Item parameters against direct maximisation, girth, the truth of simulated models, and what must not matter."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_matrices import Vector, simulated
from covering import few
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import expit

from uphill.hardness import item_response
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, Answers, Priors, fit, rasch_difficulty

ROOT = Path(__file__).parents[2]
GIRTH = runpy.run_path(str(ROOT / "tests/fixtures/girth_reference.py"))  # makes the matrices that girth saw again
VAGUE = Priors(difficulty_sd=100.0, log_slope_sd=5.0)


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


@few()
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
