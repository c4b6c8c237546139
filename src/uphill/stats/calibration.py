"""Calibration of choices by what a model thinks of them without regard to the question."""

import numpy as np
import numpy.typing as npt

FLOOR = 0.01
"""What each choice is left with, before probabilities are made to sum to 1 again."""


def calibrated(
    probability: npt.NDArray[np.float64], exists: npt.NDArray[np.bool_], reference: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
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
