"""Adjustment of p-values for the number of comparisons that a table makes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy  # loads scipy.stats when it is first used: the workflow imports this module before it builds its DAG

from uphill.stats.bootstrap import FloatArray


def adjusted(p_values: npt.ArrayLike) -> FloatArray:
    """p-values adjusted for testing many at once, by Benjamini and Hochberg's control of the false discovery rate.

    `p_values` is one *family*: all comparisons that a reader chooses among, such as every gain of one table, over all
    its models, datasets, variables and methods. Those with an adjusted value of at most q contain, in expectation, at
    most a share q of comparisons without any effect. Adjusting a table's parts one by one does not give that for the
    table. The guarantee is for independent comparisons and some positively dependent ones; for comparisons that share
    test items or a baseline it is the customary approximation.

    Returns an array of the same shape. NaN (not tested, or undefined) stay NaN and do not count as comparisons.
    A bootstrap p-value of 0 means less than 1 / draws and stays 0. Raises ValueError for a value outside [0, 1].

    Source: Benjamini and Hochberg 1995. The published analysis (Hase et al. 2024) adjusts nothing.
    """
    values = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(values)
    outside = values[known & ((values < 0.0) | (values > 1.0))]
    if outside.size:
        raise ValueError(f"expected p-values in [0, 1] or NaN, got {outside[0]}")
    result = np.full(values.shape, np.nan)
    if known.any():
        result[known] = scipy.stats.false_discovery_control(values[known], method="bh")
    return result
