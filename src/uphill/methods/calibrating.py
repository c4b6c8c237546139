"""Calibrated scores, for the methods that choose by what a model says."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from uphill.responses import softmax
from uphill.stats.calibration import calibrated

CALIBRATE = Field(
    False,
    description="Take each choice's median probability from it (published, off). The medians are over the cell's own "
    "test items, whose labels are not used; so a prediction depends on the items that are tested beside it.",
)


def calibrated_scores(logprob: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] log-probability of each choice of the test items of a cell, calibrated on them; -inf where there is none.

    Args:
        logprob: [N, M] unnormalised log-probability of each choice, -inf where there is none.
    """
    exists, probability = np.isfinite(logprob), softmax(logprob)
    with np.errstate(divide="ignore"):  # a choice that does not exist has probability 0
        return np.log(calibrated(probability, exists, np.where(exists, probability, np.nan)))
