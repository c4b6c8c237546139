"""Difficulty that a model's hidden states tell: a person's grade, predicted by ridge regression, out of fold.

An item's features are the kept states of its choices' last tokens, the mean over choices. They are standardised, and
the penalty is chosen by leave-one-out error, within the items that a fold trains on. Questions that read alike are in
one fold, so that no copy of an item helps to predict it. An item's value is that of the fit which has not seen it.
Sources: Lugoloobi and Russell 2025 (arXiv 2510.18147) decode grades of difficulty linearly; the folds are ours.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from uphill.engine.probe_recipe import LAYERS, Layers
from uphill.errors import UphillError
from uphill.hardness.data import Graded, Responded, long_form
from uphill.hardness.human import grades
from uphill.randomness import keyed_rng
from uphill.schemas.spelling import distinct

RUNS_MODEL = False
READS_RESPONSES = True
LIKE = ("probe",)


class Settings(BaseModel):
    """Which grade is decoded, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    of: str = Field(description="The human grade: one of the dataset's `human`; others get no such variable.")
    folds: int = Field(5, ge=2, le=100, description="Fits, each of which predicts the items that it has not seen.")
    alpha: Annotated[list[Annotated[float, Field(gt=0)]], AfterValidator(distinct)] = Field(
        [1.0, 10.0, 100.0, 1e3, 1e4, 1e5], min_length=1, description="Penalties of the regression to choose from."
    )
    layers: Layers | None = Field(None, min_length=1, description=LAYERS)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The prediction, named after the config entry, where the grade is one of the dataset's and answers are chosen.

    The states of a written answer are those of its gold solution, whose length tells how hard it is.
    """
    return [name] if settings.of in dataset.human and not dataset.generative else []


def measure(name: str, settings: Settings, data: Responded) -> pd.DataFrame:
    """The prediction of every item, with the fold that it was left out of (`fold`).

    Raises:
        UphillError: the grade is missing or no number somewhere, or there are fewer questions than folds.
    """
    table = data.responses
    wanted = grades(data, settings.of).reindex(table.item_ids).to_numpy(dtype=np.float64)
    # Where there is no choice, states are 0.
    features = table.states_of(settings.layers).sum(1, dtype=np.float64) / table.exists.sum(1)[:, None]
    questions = data.items["question"].reindex(table.item_ids).tolist()
    fold = folds_of(questions, settings.folds, data.dataset.name, data.seed)
    values = out_of_fold(features, wanted, fold, settings.alpha)
    rows = long_form(pd.DataFrame({name: values}, index=table.item_ids), kind="model")
    return rows.assign(fold=rows["item_id"].map(dict(zip(table.item_ids, fold.tolist(), strict=True))))


def out_of_fold(
    features: NDArray[np.float64], wanted: NDArray[np.float64], fold: NDArray[np.int64], alpha: Sequence[float]
) -> NDArray[np.float64]:
    """[N] predictions of what is wanted, each by a fit to the items of other folds.

    Args:
        features: [N, D].
        wanted: [N].
        fold: [N] from 0.
        alpha: penalties to choose from.
    """
    # These take a second to import, and reading the config imports this module.
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = np.full(len(wanted), np.nan)
    for number in np.unique(fold):
        out = fold == number
        fit = make_pipeline(StandardScaler(), RidgeCV(alphas=list(alpha))).fit(features[~out], wanted[~out])
        found[out] = fit.predict(features[out])
    return found


def folds_of(questions: Sequence[str], folds: int, *key: str | int) -> NDArray[np.int64]:
    """[N] the fold of each question, from 0: alike in size, by a draw for each text, equal texts in one.

    Raises:
        UphillError: there are fewer texts than folds.
    """
    texts = sorted(set(questions), key=lambda text: keyed_rng("decoded", *key, text).random())
    if len(texts) < folds:
        raise UphillError(f"decoded: {len(texts)} questions, expected as many as there are folds ({folds}) or more")
    place = {text: number % folds for number, text in enumerate(texts)}
    return np.array([place[text] for text in questions], dtype=np.int64)
