"""Difficulty for a population of models: item response theory on who answered what (Kordi et al. 2025).

The value is the ability, in standard deviations of the models' abilities, at which an item is answered rightly half the
time; see `item_response`. The measure's file also tells, for each item, how far to trust it (`DETAILS`, and `MOVED`
where the models are resampled); the report cautions of a scale that few models made, or that is mostly ties.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.stats import spearmanr

from uphill.errors import UphillError
from uphill.hardness import stability
from uphill.hardness.answer_matrix import AnswerMatrix, read_matrix
from uphill.hardness.bins import drawn_by_lot, number_of_bin
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.hardness.item_checks import certainty, copies, item_rest, reliability
from uphill.hardness.item_response import (
    MISSING,
    RIGHT,
    WRONG,
    Answers,
    Calibration,
    FloatArray,
    Priors,
    fit,
    rasch_difficulty,
)
from uphill.running.noting import SCALE, note
from uphill.schemas.measures import RELIABILITY
from uphill.schemas.names import EXPERIMENT_POOL

log = logging.getLogger(__name__)

RUNS_MODEL = False
READS_RESPONSES = False
DETAILS = ("se", "slope", "n_answers", "flag", "item_rest", "p_bin", RELIABILITY)
"""Standard error of the difficulty, discrimination, models that answered, and PERFECT or ZERO where all, or none, did
so rightly: such an item's value is finite because of the prior alone. Then the correlation of an item's answers with
the rest of a model's, below 0 where the item may be broken; and the probability that it is of its bin, by its error."""
MOVED = "moved"
"""Share of the refits on resampled models in which an item is in another bin; empty where no refit asked it."""
FEW = 10
"""Fewer models, or fewer distinct difficulties, than this make a scale that the report cautions of."""
MUCH_MOVED, MUCH_DRAWN, MUCH_BROKEN = 0.5, 0.1, 0.05
"""Shares of items from which the report cautions that they change bins, are in theirs by a draw, or may be broken."""
LITTLE_RELIABLE, LITTLE_CERTAIN = 0.7, 0.5
"""A reliability, and a mean probability of an item's bin, below which the report cautions."""
PERFECT, ZERO, UNANSWERED = "perfect", "zero", "unanswered"
TOLERANCE, DECIMALS = 1e-7, 6
"""Values are rounded to less than they converge to: items that the model cannot tell apart tie exactly."""


class Settings(BaseModel):
    """Which file or panel says who answered what, which model explains it, and its priors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(description="The dataset whose items the matrix is about; others get no such variable.")
    panel: str | None = Field(None, description="The panel of the study whose answers these are, from `panels`; or")
    path: Path | None = Field(
        None,
        description="the matrix, .csv or .parquet: a row an item, a column a model; 1 for right, 0 for wrong, empty "
        "where not answered. Items that the dataset lacks help to place the models.",
    )
    item_id: str = Field("item_id", description="Column with the items' ids.")
    not_models: list[str] = Field([], description="Columns that are neither the ids nor a model.")
    model: Literal["1pl", "2pl"] = Field(
        "1pl", description="1pl (Rasch): items differ in difficulty; 2pl: in discrimination too."
    )
    difficulty_sd: float = Field(3.0, gt=0, description="Standard deviation of the prior of difficulties, in logits.")
    log_slope_sd: float = Field(0.5, gt=0, description="Standard deviation of the prior of log discriminations (2pl).")

    stability: int = Field(
        0, ge=0, le=1000, description="Refits on so many resamples of the models, to see which items change their bin."
    )
    families: dict[str, str] = Field(
        {},
        description="By model, the family that it is of, such as fine-tunes of one base: resampled as one. A model "
        "that is not named here is a family of its own.",
    )
    bins: int = Field(
        10, ge=2, le=99, description="The bins that are meant: those that the dataset cuts this variable into."
    )
    leave_out_broken: bool = Field(
        False,
        description="Leave out items that models get wrong the more often, the more they get right of the rest "
        "(item-rest correlation below 0): they are of no level of this variable. A second entry without this key shows "
        "the results with them beside it.",
    )

    @model_validator(mode="after")
    def _one_matrix(self) -> Self:
        if (self.panel is None) == (self.path is None):
            raise ValueError("expected either panel or path")
        if self.panel is not None and (self.item_id, self.not_models) != ("item_id", []):
            raise ValueError("item_id or not_models is given beside panel, expected them beside path alone")
        return self

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the values."""
        return [] if self.path is None else [self.path]

    @property
    def where(self) -> str:
        """What messages call the matrix."""
        return f"panels.{self.panel}" if self.path is None else str(self.path)

    def read(self, data: HardnessData) -> AnswerMatrix:
        """The matrix, from its file or as the workflow made it."""
        if self.path is not None:
            return read_matrix(self.path, self.item_id, self.not_models)
        assert data.matrix is not None, "a measure that names a panel is given its answers"
        return data.matrix


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The difficulty, named after the config entry, for the dataset that the matrix is about."""
    return [name] if dataset.name == settings.dataset else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """The difficulty of every item of the dataset, with `DETAILS`, and `MOVED` where `stability` asks for it.

    Raises:
        UphillError: the matrix is not one, or has no answers to an item of the dataset; or `families` do not fit it.
    """
    matrix = settings.read(data)
    _check_families(settings, matrix)
    table = calibrate(settings, matrix)
    _check_answered(settings, data, table)
    values = table.loc[data.items.index]
    if settings.leave_out_broken:
        values = _sound(settings, values)
    number = number_of_bin(values["difficulty"], _pool(data, values), settings.bins, name, data.seed)
    values = values.assign(p_bin=certainty(values["difficulty"], values["se"], number).round(DECIMALS))
    pool = _pool(data, values)
    details = list(DETAILS)
    if settings.stability:
        values = values.assign(**{MOVED: _moved(name, settings, matrix, values["difficulty"], pool, data.seed)})
        details.append(MOVED)
    lines = _cautions(name, settings, matrix, values, pool, data.seed)
    note(*(f"{SCALE}{name} of {settings.dataset}: {line}" for line in lines))
    rows = long_form(values[["difficulty"]].rename(columns={"difficulty": name}), kind="irt")
    halves = reliability(_agreement(matrix, name, data.seed))
    values = values.assign(**{RELIABILITY: round(halves, DECIMALS)})
    return rows.merge(values[details], left_on="item_id", right_index=True, validate="one_to_one")


def _agreement(matrix: AnswerMatrix, name: str, seed: int) -> float:
    """Of halves of the models, drawn by their names: the order of the columns says nothing."""
    return stability.agreement_of_halves(matrix.answers[np.argsort(matrix.models)], name, seed)


def _pool(data: HardnessData, values: pd.DataFrame) -> pd.Index:
    """The items that bins are cut from."""
    return values.index[(data.items.loc[values.index, "pool"] == EXPERIMENT_POOL).to_numpy()]


def _sound(settings: Settings, values: pd.DataFrame) -> pd.DataFrame:
    """Without items that may be broken."""
    sound = values[~(values["item_rest"] < 0)]
    if sound.empty:
        raise UphillError(f"{settings.path}: every item has a negative item-rest correlation, expected some to keep")
    log.info("%s: %d of %d items left out as broken", settings.path, len(values) - len(sound), len(values))
    return sound


def calibrate(settings: Settings, matrix: AnswerMatrix) -> pd.DataFrame:
    """`difficulty` and `DETAILS` of every item of the matrix, indexed by item_id."""
    found = _fit(settings, matrix.answers)
    right, answered = (matrix.answers == RIGHT).sum(0), (matrix.answers != MISSING).sum(0)
    flags = np.select([answered == 0, right == answered, right == 0], [UNANSWERED, PERFECT, ZERO], "")
    table = pd.DataFrame(
        {
            "difficulty": _rounded(found.difficulty),
            "se": found.difficulty_se.round(DECIMALS),
            "slope": found.slope.round(DECIMALS),
            "n_answers": answered,
            "flag": flags,
            "item_rest": item_rest(matrix.answers).round(DECIMALS),
        },
        index=pd.Index(matrix.item_ids, name="item_id"),
    )
    _report(settings, matrix, found, table)
    return table


def _fit(settings: Settings, answers: Answers) -> Calibration:
    return fit(answers, settings.model == "2pl", _priors(settings), TOLERANCE)


def _priors(settings: Settings) -> Priors:
    return Priors(settings.difficulty_sd, settings.log_slope_sd)


def _rounded(difficulty: FloatArray) -> FloatArray:
    return difficulty.round(DECIMALS) + 0.0  # no -0


def _moved(
    name: str, settings: Settings, matrix: AnswerMatrix, difficulty: pd.Series, pool: pd.Index, seed: int
) -> pd.Series:
    """`MOVED` of each item of the dataset; the log tells of all of them."""
    places = pd.Index(matrix.item_ids).get_indexer(difficulty.index)

    def refit(answers: Answers) -> FloatArray:
        if settings.model == "1pl":
            return _rounded(rasch_difficulty(answers, _priors(settings), TOLERANCE))
        return _rounded(_fit(settings, answers).difficulty)

    families = [settings.families.get(model, model) for model in matrix.models]
    draws = stability.refits(matrix.answers, refit, settings.stability, name, seed, families=families)
    fits = [fitted[places] for fitted in draws]
    found = stability.moved(difficulty, fits, pool, settings.bins, name, seed)
    kept = [spearmanr(difficulty, fitted, nan_policy="omit").statistic for fitted in fits]
    mean = 100 * found.loc[pool].mean()
    log.info(
        "%s: in %d refits on resampled models %.0f %% of the items are in another of %d bins, %.0f %% in one that is "
        "no neighbour; rank correlation with the whole fit %.2f (%.2f at least)",
        *(settings.where, settings.stability, mean["moved"], settings.bins, mean["far"], np.mean(kept), min(kept)),
    )
    return found["moved"]


def _cautions(
    name: str, settings: Settings, matrix: AnswerMatrix, values: pd.DataFrame, pool: pd.Index, seed: int
) -> Iterator[str]:
    """What a reader should know of a scale before leaning on its bins; nothing where no item is cut into any."""
    if pool.empty:
        return
    difficulty = values.loc[pool, "difficulty"]
    models, distinct = len(matrix.models), difficulty.nunique()
    if models < FEW:
        yield f"{models} models answered, expected {FEW} or more"
    if distinct < FEW:
        yield f"{distinct} distinct difficulties of {len(pool)} items, expected {FEW} or more"
    borders, drawn = drawn_by_lot(difficulty, number_of_bin(difficulty, pool, settings.bins, name, seed))
    if drawn >= MUCH_DRAWN:
        yield (
            f"{borders} of {settings.bins - 1} borders between bins pass through items of one value, so that "
            f"{100 * drawn:.0f} % of the items are in their bin by a draw"
        )
    unbounded = int(values.loc[pool, "flag"].isin([PERFECT, ZERO]).sum())
    if unbounded >= MUCH_DRAWN * len(pool):
        yield f"{unbounded} of {len(pool)} items were answered rightly by all models or by none; the prior places them"
    yield from _broken(values.loc[pool], number_of_bin(difficulty, pool, settings.bins, name, seed), settings.bins)
    pairs = list(copies(matrix.answers, matrix.models))
    if pairs:
        first, second, kappa = pairs[0]
        yield (
            f"{len(pairs)} pairs of models answer alike, such as {first} and {second} (kappa {kappa:.3f}): copies "
            "count as models of their own, so that standard errors are too small"
        )
    agreement = _agreement(matrix, name, seed)
    if reliability(agreement) < LITTLE_RELIABLE:
        yield f"the split-half reliability is {reliability(agreement):.2f}, expected {LITTLE_RELIABLE} or more"
    certain = values.loc[pool, "p_bin"].mean()
    if certain < LITTLE_CERTAIN:
        yield f"by the errors of the difficulties an item is of its bin with a probability of {certain:.2f} on average"
    if not agreement > stability.chance_agreement(len(matrix.item_ids)):
        yield f"halves of the models agree on no difficulty (rank correlation {agreement:.2f}): there is no scale"
    if MOVED in values and values.loc[pool, MOVED].mean() >= MUCH_MOVED:
        share = 100 * values.loc[pool, MOVED].mean()
        yield f"{share:.0f} % of the items are in another of {settings.bins} bins where the models are resampled"


def _broken(values: pd.DataFrame, number: pd.Series, bins: int) -> Iterator[str]:
    """Items that models get wrong the more often, the more they get right of the rest."""
    negative = values["item_rest"] < 0
    if negative.mean() >= MUCH_BROKEN:
        hardest = negative[(number == bins).to_numpy()].mean()
        yield (
            f"{100 * negative.mean():.0f} % of the items, and {100 * hardest:.0f} % of the hardest bin, are got wrong "
            "by models that get the rest right (item-rest correlation below 0): their keys may be wrong"
        )


def _report(settings: Settings, matrix: AnswerMatrix, found: Calibration, table: pd.DataFrame) -> None:
    models, items = matrix.answers.shape
    counts = ", ".join(f"{(table['flag'] == flag).sum()} {flag}" for flag in (PERFECT, ZERO, UNANSWERED))
    log.info("%s: %s, %d models x %d items (%s)", settings.where, settings.model, models, items, counts)
    log.info("standard errors %.2f (median) to %.2f; %d steps", table["se"].median(), table["se"].max(), found.steps)
    for model, answers in zip(matrix.models, matrix.answers, strict=True):
        if not ((answers == RIGHT).any() and (answers == WRONG).any()):
            log.warning("%s: model %r has no right answers, or no wrong ones", settings.where, model)
    if found.change >= TOLERANCE:
        log.warning("%s: not converged: the last step still changed a parameter by %.1e", settings.where, found.change)


def _check_families(settings: Settings, matrix: AnswerMatrix) -> None:
    unknown = [model for model in settings.families if model not in matrix.models]
    if unknown:
        raise UphillError(f"{settings.where}: families names {unknown[0]!r}, expected one of the models of the matrix")
    families = {settings.families.get(model, model) for model in matrix.models}
    if settings.stability and len(families) < 2:
        raise UphillError(f"{settings.where}: all models are of one family, expected two or more to resample")


def _check_answered(settings: Settings, data: HardnessData, table: pd.DataFrame) -> None:
    unanswered = data.items.index.difference(table.index[table["n_answers"] > 0], sort=False)
    if len(unanswered):
        raise UphillError(
            f"{settings.where}: no answers to item {unanswered[0]!r}, expected some to each of the {len(data.items)} "
            f"items of dataset {data.dataset.name!r} ({len(unanswered)} have none)"
        )
