"""Calibrated scores, for the methods that choose by what a model says."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from uphill.engine.passes import softmax

CALIBRATE = Field(
    False,
    description="Take each choice's median probability from it (published, off). The medians are over the cell's own "
    "test items, whose labels are not used; so a prediction depends on the items that are tested beside it.",
)

FLOOR = 0.01
"""What each choice is left with, before probabilities are made to sum to 1 again."""


def calibrated_scores(logprob: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] log-probability of each choice of the test items of a cell, calibrated on them; -inf where there is none.

    Args:
        logprob: [N, M] unnormalised log-probability of each choice, -inf where there is none.
    """
    exists, probability = np.isfinite(logprob), softmax(logprob)
    with np.errstate(divide="ignore"):  # a choice that does not exist has probability 0
        return np.log(calibrated(probability, exists, np.where(exists, probability, np.nan)))


def calibrated(
    probability: NDArray[np.float64], exists: NDArray[np.bool_], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[N, M] probabilities, less each place's median over a reference set (Hase et al. 2024, code release).

    A place's median is over the reference items that have a choice there; one that none has keeps what it has. The
    differences of an item with a negative one are raised until its lowest is 0; then each is raised by `FLOOR`, and
    they are made to sum to 1. No label is used.

    Args:
        probability: [N, M] of each choice; anything where there is none.
        exists: [N, M]; each item has a choice.
        reference: [R, M] probabilities of the reference set's choices, NaN where there is none.
    """
    some = ~np.isnan(reference).all(0)
    median = np.zeros(reference.shape[1])
    median[some] = np.nanmedian(reference[:, some], axis=0)
    apart = np.where(exists, probability - median, np.inf)
    raised = np.where(exists, apart - np.minimum(apart.min(-1, keepdims=True), 0) + FLOOR, 0)
    return raised / raised.sum(-1, keepdims=True)
