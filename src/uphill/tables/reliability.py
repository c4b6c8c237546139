"""How far scales of difficulty would repeat themselves, where they tell."""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from uphill.schemas.files import made_by, read
from uphill.schemas.measures import MEASURE, RELIABILITY
from uphill.stats.ranks import spearman_matrix


def read_reliability(paths: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """By dataset and variable, the reliability of its values; NaN where it is not known, as of a single model's.

    A calibrated scale has the split-half reliability of its respondents. Values that are the mean of several models
    have that of the mean, by Spearman and Brown of the models' rank correlation.

    Args:
        paths: files of measures, each with the identity that it must have.
    """
    parts: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for path, identity in paths.items():
        dataset = str(made_by(path)["settings"]["dataset"]["name"])
        for variable, rows in read(path, MEASURE, identity).groupby("variable"):
            parts.setdefault((dataset, str(variable)), []).append(rows)
    return {scale: _of(rows) for scale, rows in parts.items()}


def _of(parts: list[pd.DataFrame]) -> float:
    if len(parts) == 1:
        [rows] = parts
        return float(rows[RELIABILITY].iloc[0]) if RELIABILITY in rows else float("nan")
    values = pd.concat([rows.set_index("item_id")["value"].rename(number) for number, rows in enumerate(parts)], axis=1)
    found = spearman_matrix(values.to_numpy())
    mean = float(np.mean([found[pair] for pair in itertools.combinations(range(len(parts)), 2)]))
    return len(parts) * mean / (1 + (len(parts) - 1) * mean) if mean > 0 else 0.0
