"""Difficulty for a population of models: item response theory on who answered what (Kordi et al. 2025).

The value is the ability, in standard deviations of the models' abilities, at which an item is answered rightly half the
time; see `item_response`. The measure's file also tells, for each item, how far to trust it (`DETAILS`).
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill.errors import UphillError
from uphill.hardness.answer_matrix import AnswerMatrix, read_matrix
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, Calibration, Priors, fit

log = logging.getLogger(__name__)

RUNS_MODEL = False
READS_RESPONSES = False
DETAILS = ("se", "slope", "n_answers", "flag")
"""Standard error of the difficulty, discrimination, models that answered, and PERFECT or ZERO where all, or none, did
so rightly: such an item's value is finite because of the prior alone."""
PERFECT, ZERO, UNANSWERED = "perfect", "zero", "unanswered"
TOLERANCE, DECIMALS = 1e-7, 6
"""Values are rounded to less than they converge to: items that the model cannot tell apart tie exactly."""


class Settings(BaseModel):
    """Which file says who answered what, which model explains it, and its priors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(description="The dataset whose items the matrix is about; others get no such variable.")
    path: Path = Field(
        description="The matrix, .csv or .parquet: a row an item, a column a model; 1 for right, 0 for wrong, empty "
        "where not answered. Items that the dataset lacks help to place the models."
    )
    item_id: str = Field("item_id", description="Column with the items' ids.")
    not_models: list[str] = Field([], description="Columns that are neither the ids nor a model.")
    model: Literal["1pl", "2pl"] = Field(
        "1pl", description="1pl (Rasch): items differ in difficulty; 2pl: in discrimination too."
    )
    difficulty_sd: float = Field(3.0, gt=0, description="Standard deviation of the prior of difficulties, in logits.")
    log_slope_sd: float = Field(0.5, gt=0, description="Standard deviation of the prior of log discriminations (2pl).")

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the values."""
        return [self.path]


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The difficulty, named after the config entry, for the dataset that the matrix is about."""
    return [name] if dataset.name == settings.dataset else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """The difficulty of every item of the dataset, with `DETAILS`.

    Raises:
        UphillError: the matrix is not one, or has no answers to an item of the dataset.
    """
    matrix = read_matrix(settings.path, settings.item_id, settings.not_models)
    table = calibrate(settings, matrix)
    _check_answered(settings, data, table)
    values = table.loc[data.items.index]
    rows = long_form(values[["difficulty"]].rename(columns={"difficulty": name}), kind="irt")
    return rows.merge(values[list(DETAILS)], left_on="item_id", right_index=True, validate="one_to_one")


def calibrate(settings: Settings, matrix: AnswerMatrix) -> pd.DataFrame:
    """`difficulty` and `DETAILS` of every item of the matrix, indexed by item_id."""
    priors = Priors(settings.difficulty_sd, settings.log_slope_sd)
    found = fit(matrix.answers, settings.model == "2pl", priors, TOLERANCE)
    right, answered = (matrix.answers == RIGHT).sum(0), (matrix.answers != MISSING).sum(0)
    flags = np.select([answered == 0, right == answered, right == 0], [UNANSWERED, PERFECT, ZERO], "")
    table = pd.DataFrame(
        {
            "difficulty": found.difficulty.round(DECIMALS) + 0.0,  # no -0
            "se": found.difficulty_se.round(DECIMALS),
            "slope": found.slope.round(DECIMALS),
            "n_answers": answered,
            "flag": flags,
        },
        index=pd.Index(matrix.item_ids, name="item_id"),
    )
    _report(settings, matrix, found, table)
    return table


def _report(settings: Settings, matrix: AnswerMatrix, found: Calibration, table: pd.DataFrame) -> None:
    models, items = matrix.answers.shape
    counts = ", ".join(f"{(table['flag'] == flag).sum()} {flag}" for flag in (PERFECT, ZERO, UNANSWERED))
    log.info("%s: %s, %d models x %d items (%s)", settings.path, settings.model, models, items, counts)
    log.info("standard errors %.2f (median) to %.2f; %d steps", table["se"].median(), table["se"].max(), found.steps)
    for model, answers in zip(matrix.models, matrix.answers, strict=True):
        if not ((answers == RIGHT).any() and (answers == WRONG).any()):
            log.warning("%s: model %r has no right answers, or no wrong ones", settings.path, model)
    if found.change >= TOLERANCE:
        log.warning("%s: not converged: the last step still changed a parameter by %.1e", settings.path, found.change)


def _check_answered(settings: Settings, data: HardnessData, table: pd.DataFrame) -> None:
    unanswered = data.items.index.difference(table.index[table["n_answers"] > 0], sort=False)
    if len(unanswered):
        raise UphillError(
            f"{settings.path}: no answers to item {unanswered[0]!r}, expected some to each of the {len(data.items)} "
            f"items of dataset {data.dataset.name!r} ({len(unanswered)} have none)"
        )
