"""The Rasch and the two-parameter model by marginal maximum likelihood, from a 0/1 matrix with missing cells.

P(model j answers item i rightly) = sigmoid(slope_i * (ability_j - difficulty_i)), abilities normal with mean 0 and
standard deviation 1; the Rasch (1PL) model has one slope for all items. Estimated by EM (Bock and Aitkin 1981).

Ours, since no kept library is exact at this size: girth 0.8 (2021) multiplies probabilities, which underflows beyond
some 700 items; theta-irt 0.1 sums over 61 fixed nodes, coarser than what 12,000 items leave unknown of an ability, and
had not converged on MMLU-Pro's 29 x 12,032 in 500 steps (260 s); py-irt is a variational approximation.

Inside, logit P = a_i t_j - d_i with log a_i ~ N(0, log_slope_sd^2) (all 0 in the Rasch model), d_i ~ N(0,
difficulty_sd^2) and t_j ~ N(mean, sd^2), mean and sd estimated; results are standardised at the end. Were mean and sd
fixed, the priors of thousands of items would outweigh the abilities of a few models and set the scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

FloatArray = NDArray[np.float64]
Answers = NDArray[np.int8]
RIGHT, WRONG, MISSING = 1, 0, -1

CELLS = 2**20
"""Cells of the matrix that are worked on at a time: a few arrays of 8 MiB, and as many nodes as those models need."""
REACH = 8.0
"""Standard deviations of an ability's posterior on each side at which its grid is first tried to end."""
NEGLIGIBLE = -30.0
"""Log of a posterior's height at the ends of its grid, relative to its peak, from which it may end there."""
LARGEST_STEP, LARGEST_SLOPE_STEP = 1.0, 0.5
"""The most that one step changes a d and a log a: far from the maximum a Newton step can overshoot."""


@dataclass(frozen=True)
class Priors:
    """How far items may be from each other.

    Attributes:
        difficulty_sd: standard deviation of difficulties, in logits. Items that all models, or none, answer rightly
            have finite difficulties because of it.
        log_slope_sd: standard deviation of log slopes in the two-parameter model.
    """

    difficulty_sd: float = 3.0
    log_slope_sd: float = 0.5


@dataclass(frozen=True)
class Calibration:
    """Item parameters and abilities in standard deviations of ability.

    Attributes:
        difficulty: [I] ability at which an item is answered rightly half the time; larger is harder.
        difficulty_se: [I] standard errors, the other items' parameters given: of a difficulty among the others, without
            the error of the scale that all items share.
        slope: [I] discriminations; all equal in the Rasch model.
        ability: [J] posterior means.
        log_posterior: what was maximised, less its constants: the marginal log-likelihood plus the priors' logarithms.
        steps: EM steps taken.
        change: the largest change of a parameter in the last step; below the tolerance if EM converged.
    """

    difficulty: FloatArray
    difficulty_se: FloatArray
    slope: FloatArray
    ability: FloatArray
    log_posterior: float
    steps: int
    change: float


def fit(
    answers: Answers,
    two_parameter: bool = False,
    priors: Priors | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 1000,
) -> Calibration:
    """Estimate item parameters.

    Args:
        answers: [J, I] models by items: RIGHT, WRONG or MISSING.
        two_parameter: whether each item has its own slope.
        priors: the priors' widths.
        tolerance: largest change of a parameter (logits, log slopes) in the last step.
        max_steps: where to stop in any case; `Calibration.change` tells.

    Raises:
        ValueError: not a 2-D array, another value in it, or answers that are all right, all wrong or all missing.
    """
    _check(answers)
    priors = priors or Priors()
    state, change, steps = _estimate(answers, two_parameter, priors, tolerance, max_steps)
    return _calibration(answers, state, two_parameter, priors, steps, change)


def rasch_difficulty(
    answers: Answers, priors: Priors | None = None, tolerance: float = 1e-6, max_steps: int = 1000
) -> FloatArray:
    """[I] `fit(...).difficulty` of the Rasch model alone, where many items share it: some twenty times as fast.

    Of items that the same models answered, the number that did so rightly is all that the model sees (a sufficient
    statistic), so that they are one column with as many copies. Arguments and errors are those of `fit`.
    """
    _check(answers)
    groups, place = _grouped(answers)
    state, _, _ = _estimate(groups, False, priors or Priors(), tolerance, max_steps)
    return np.asarray(((state.offset / state.slope - state.mean) / state.sd)[place])


def _estimate(
    answers: "Answers | _Groups", two_parameter: bool, priors: Priors, tolerance: float, max_steps: int
) -> "tuple[_State, float, int]":
    """EM's last state, the largest change in its last step, and how many there were."""
    state, change, steps = _start(answers), np.inf, 0
    while change >= tolerance and steps < max_steps:
        before = state.standardised()
        state = _maximise(state, _expect(answers, state), two_parameter, priors)
        change = float(np.abs(state.standardised() - before).max())
        steps += 1
    return state, change, steps


def _check(answers: Answers) -> None:
    if answers.ndim != 2 or not ((answers == RIGHT) | (answers == WRONG) | (answers == MISSING)).all():
        raise ValueError(f"expected a 2-D array of {RIGHT}, {WRONG} and {MISSING}, got shape {answers.shape}")
    if not ((answers == RIGHT).any() and (answers == WRONG).any()):
        raise ValueError("expected right answers and wrong ones, found at most one kind")


@dataclass(frozen=True)
class _Groups:
    """Items of one difficulty as one column each."""

    right: FloatArray  # [J, I] how many of a column's items a model answered rightly
    answered: FloatArray  # [J, I] and how many at all: all of them, or none
    copies: FloatArray  # [I]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.right), len(self.copies)


def _grouped(answers: Answers) -> tuple[_Groups, NDArray[np.intp]]:
    """Items that the same models answered, equally many of them rightly, together; and each item's column."""
    right, answered = answers == RIGHT, answers != MISSING
    seen = np.vstack([np.packbits(answered, axis=0), np.atleast_2d(right.sum(0).astype(">u4")).T.view(np.uint8).T])
    _, place, copies = np.unique(seen, axis=1, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.cumsum(copies) - copies
    hits, tries = (np.add.reduceat(cells[:, order], starts, axis=1, dtype=np.float64) for cells in (right, answered))
    return _Groups(hits, tries, copies.astype(np.float64)), place


def _cells(answers: Answers | _Groups, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """[C, I] right answers of some models, and all their answers."""
    if isinstance(answers, _Groups):
        return answers.right[rows], answers.answered[rows]
    return (answers[rows] == RIGHT).astype(np.float64), (answers[rows] != MISSING).astype(np.float64)


@dataclass(frozen=True)
class _State:
    """The parameters, in the scale that the priors choose, and the abilities' last posterior moments."""

    offset: FloatArray  # d, [I]
    log_slope: FloatArray  # log a, [I]
    mean: float
    sd: float
    ability: FloatArray  # [J]
    spread: FloatArray  # [J] posterior standard deviations
    copies: FloatArray  # [I] items that each column stands for

    @property
    def slope(self) -> FloatArray:
        return np.exp(self.log_slope)

    @property
    def grid_step(self) -> float:
        """How far apart nodes are, so that sums over them are integrals to some 1e-13 of their value.

        A posterior is log-concave with curvature of at most 1 / sd^2 + sum(a^2) / 4, so w, one over its root, is the
        least it can be wide: nodes .8 w apart integrate a normal density to 2 exp(-2 pi^2 / .64). Where few items leave
        it wide, the poles of sigmoid(a t), pi / a off the real line, cost exp(-2 pi^2 / (a step)).
        """
        width = (self.sd**-2 + self.copies @ self.slope**2 / 4) ** -0.5
        return float(min(0.8 * width, 0.6 / self.slope.max()))

    def standardised(self) -> FloatArray:
        """[2, I] logit of a wrong answer at mean ability, and log slope, for abilities in standard deviations."""
        return np.stack([self.offset - self.slope * self.mean, self.log_slope + np.log(self.sd)])


def _start(answers: Answers | _Groups) -> _State:
    models, items = answers.shape
    if isinstance(answers, _Groups):
        right, answered, copies = answers.right, answers.answered, answers.copies
    else:
        right, answered, copies = answers == RIGHT, answers != MISSING, np.ones(items)

    def logit(axis: int, each: FloatArray | float) -> FloatArray:
        hits, tries = right.sum(axis) / each, answered.sum(axis) / each
        return np.asarray(np.log((hits + 0.5) / (tries - hits + 0.5)))

    return _State(-logit(0, copies), np.zeros(items), 0.0, 1.0, logit(1, 1.0), np.zeros(models), copies)


# -- expectation -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Posterior:
    """Posteriors of the abilities of C models on a grid of K nodes."""

    rows: NDArray[np.intp]  # [C] which models
    right: FloatArray  # [C, I] 1 where answered rightly; how many of a group are
    answered: FloatArray  # [C, I] 1 where answered
    nodes: FloatArray  # [K]
    weights: FloatArray  # [C, K], each row sums to 1
    p_right: FloatArray  # [K, I]
    log_likelihood: float

    def powers(self, count: int) -> FloatArray:
        """[count, K] t^0, t^1, ... of the nodes."""
        return np.vander(self.nodes, count, increasing=True).T


def _posteriors(answers: Answers | _Groups, state: _State) -> Iterator[_Posterior]:
    """Posteriors of all models, those of like ability together: they share a short piece of a fine grid."""
    order = np.argsort(state.ability, kind="stable")
    chunk = max(1, CELLS // answers.shape[1])
    for first in range(0, len(order), chunk):
        yield _posterior(answers, state, order[first : first + chunk])


def _posterior(answers: Answers | _Groups, state: _State, rows: NDArray[np.intp]) -> _Posterior:
    right, answered = _cells(answers, rows)
    score, constant = right @ state.slope, right @ state.offset
    step = state.grid_step
    reach = REACH * np.maximum(state.spread[rows], step)
    low, high = float((state.ability[rows] - reach).min()), float((state.ability[rows] + reach).max())
    while True:
        nodes = np.arange(low, high + step, step)
        logits = np.outer(nodes, state.slope) - state.offset
        log_joint = np.outer(score, nodes) - constant[:, None] + answered @ log_expit(-logits).T
        log_joint -= (nodes - state.mean) ** 2 / (2 * state.sd**2)
        peak = log_joint.max(1, keepdims=True)
        # The posterior is log-concave: negligible at both ends, it is so beyond them.
        if (log_joint[:, [0, -1]] - peak).max() < NEGLIGIBLE:
            break
        low, high = low - (high - low) / 2, high + (high - low) / 2
    weights = np.exp(log_joint - peak)
    total = weights.sum(1, keepdims=True)
    log_likelihood = (np.log(total) + peak).sum() + len(rows) * np.log(step / (state.sd * np.sqrt(2 * np.pi)))
    return _Posterior(rows, right, answered, nodes, weights / total, expit(logits), float(log_likelihood))


@dataclass(frozen=True)
class _Expected:
    """What the maximisation reads of the posteriors; sums are over answered cells and nodes t, with P at t."""

    gradient: FloatArray  # [2, I] of the expected log-likelihood by d and log a
    weight: FloatArray  # [3, I] sums of P (1 - P) t^k
    ability: FloatArray  # [J] posterior means
    spread: FloatArray  # [J] posterior standard deviations


def _expect(answers: Answers | _Groups, state: _State) -> _Expected:
    models, items = answers.shape
    excess, weight = np.zeros((2, items)), np.zeros((3, items))
    ability, spread = np.empty(models), np.empty(models)
    for part in _posteriors(answers, state):
        means = part.weights @ part.nodes
        p_sum = part.weights.T @ part.answered * part.p_right
        excess += part.powers(2) @ p_sum - np.stack([part.right.sum(0), means @ part.right])
        weight += part.powers(3) @ (p_sum * (1 - part.p_right))
        ability[part.rows] = means
        spread[part.rows] = np.sqrt((part.weights * (part.nodes - means[:, None]) ** 2).sum(1))
    return _Expected(np.stack([excess[0], -state.slope * excess[1]]), weight, ability, spread)


# -- maximisation ----------------------------------------------------------------------------------------------------


def _maximise(state: _State, expected: _Expected, two_parameter: bool, priors: Priors) -> _State:
    """A Newton step of the items, then the scale that the priors prefer, then mean and sd of the abilities.

    Moving the scale leaves the likelihood as it is. Without that, EM would creep along it, since thousands of answers
    hold each ability in place (parameter expansion: Liu, Rubin and Wu 1998).
    """
    offset, log_slope, scale = (_two_parameter_step if two_parameter else _rasch_step)(state, expected, priors)
    slope = np.exp(log_slope)
    shift = -(state.copies @ (slope * offset)) / (state.copies @ slope**2)
    ability, spread = (expected.ability + shift) * np.exp(scale), expected.spread * np.exp(scale)
    mean = float(ability.mean())
    # As if one more model had been seen, at distance 1 from the mean: the sd stays finite, and above 0.
    sd = float(np.sqrt(((spread**2 + (ability - mean) ** 2).sum() + 1) / (len(ability) + 1)))
    return _State(offset + slope * shift, log_slope - scale, mean, sd, ability, spread, state.copies)


def _two_parameter_step(state: _State, expected: _Expected, priors: Priors) -> tuple[FloatArray, FloatArray, float]:
    """d and log a after a Newton step of each item, and the log of the factor by which to stretch the scale."""
    offset_gradient = expected.gradient[0] - state.offset / priors.difficulty_sd**2
    slope_gradient = expected.gradient[1] - state.log_slope / priors.log_slope_sd**2
    dd, da = expected.weight[0] + priors.difficulty_sd**-2, -state.slope * expected.weight[1]
    # The second term is the rest of the second derivative, kept where it leaves the step uphill.
    aa = state.slope**2 * expected.weight[2] + np.maximum(priors.log_slope_sd**-2 - expected.gradient[1], 0)
    determinant = dd * aa - da**2
    offset_step = (aa * offset_gradient - da * slope_gradient) / determinant
    slope_step = (dd * slope_gradient - da * offset_gradient) / determinant
    log_slope = state.log_slope + np.clip(slope_step, -LARGEST_SLOPE_STEP, LARGEST_SLOPE_STEP)
    scale_gradient = log_slope.sum() / priors.log_slope_sd**2 - 1 + state.sd**-2
    scale = scale_gradient / (len(log_slope) / priors.log_slope_sd**2 + 2 * state.sd**-2)
    return state.offset + np.clip(offset_step, -LARGEST_STEP, LARGEST_STEP), log_slope, float(scale)


def _rasch_step(state: _State, expected: _Expected, priors: Priors) -> tuple[FloatArray, FloatArray, float]:
    """d and log a after a joint Newton step of all d and one common log a, which the scale then takes up."""
    precision = state.copies * priors.difficulty_sd**-2  # a prior for each copy
    offset_gradient = expected.gradient[0] - state.offset * precision
    slope_gradient = expected.gradient[1].sum() - 1 + state.sd**-2
    dd, da = expected.weight[0] + precision, -expected.weight[1]
    aa = expected.weight[2].sum() + 2 * state.sd**-2
    slope_step = (slope_gradient - da @ (offset_gradient / dd)) / (aa - da @ (da / dd))
    slope_step = float(np.clip(slope_step, -LARGEST_SLOPE_STEP, LARGEST_SLOPE_STEP))
    offset_step = (offset_gradient - da * slope_step) / dd
    offset = state.offset + np.clip(offset_step, -LARGEST_STEP, LARGEST_STEP)
    return offset, state.log_slope + slope_step, slope_step


# -- results ---------------------------------------------------------------------------------------------------------


def _calibration(
    answers: Answers, state: _State, two_parameter: bool, priors: Priors, steps: int, change: float
) -> Calibration:
    information, log_likelihood = _observed_information(answers, state)
    location = state.offset / state.slope
    variance = _location_variance(state, information, two_parameter, priors)
    log_prior = -(state.offset @ state.offset) / (2 * priors.difficulty_sd**2)
    log_prior -= (state.log_slope @ state.log_slope) / (2 * priors.log_slope_sd**2)
    log_prior -= np.log(state.sd) + 1 / (2 * state.sd**2)
    return Calibration(
        difficulty=(location - state.mean) / state.sd,
        difficulty_se=np.sqrt(variance) / state.sd,
        slope=state.slope * state.sd,
        ability=(state.ability - state.mean) / state.sd,
        log_posterior=float(log_likelihood + log_prior),
        steps=steps,
        change=change,
    )


def _observed_information(answers: Answers, state: _State) -> tuple[FloatArray, float]:
    """Each item's block of the observed information of its own answers, and the marginal log-likelihood.

    The expected information less what not knowing the abilities costs: the posterior variance of the score (Louis
    1982). Returned as [3, I] sums: for (d, d), for (d, log a) over -a, for (log a, log a) over a^2 and less the
    gradient by log a.
    """
    information, log_likelihood = np.zeros((3, answers.shape[1])), 0.0
    for part in _posteriors(answers, state):
        p, answered, right = part.p_right, part.weights.T @ part.answered, part.weights.T @ part.right
        squared_score = right * (1 - 2 * p) + answered * p**2
        information += part.powers(3) @ (answered * p * (1 - p) - squared_score)
        # Expected score of each cell: x - P, and x t - P t.
        plain = part.right - part.answered * (part.weights @ p)
        by_ability = (part.weights @ part.nodes)[:, None] * part.right
        by_ability -= part.answered * ((part.weights * part.nodes) @ p)
        information += np.stack([(plain**2).sum(0), (plain * by_ability).sum(0), (by_ability**2).sum(0)])
        log_likelihood += part.log_likelihood
    return information, log_likelihood


def _location_variance(state: _State, information: FloatArray, two_parameter: bool, priors: Priors) -> FloatArray:
    """[I] variances of d / a, by the delta method."""
    dd = information[0] + priors.difficulty_sd**-2
    if not two_parameter:
        return 1 / dd
    da = -state.slope * information[1]
    # At the maximum the log-likelihood's gradient by log a is the prior's pull, log a / log_slope_sd^2.
    aa = state.slope**2 * information[2] + (1 - state.log_slope) / priors.log_slope_sd**2
    location = state.offset / state.slope
    by_offset, by_slope = 1 / state.slope, -location
    return (by_offset**2 * aa - 2 * by_offset * by_slope * da + by_slope**2 * dd) / (dd * aa - da**2)
