"""No supervision: what the model itself thinks of the choices. Reads the zero-shot pass; runs no model.

The study's Unsupervised baseline (Hase et al. 2024, section 4).
"""

from pydantic import BaseModel, ConfigDict

from uphill.methods.calibrating import CALIBRATE, calibrated_scores
from uphill.methods.context import Cell, Context, Predicted, chosen

RUNS_MODEL = False
READS_RESPONSES = True
READS_STATES = False


class Settings(BaseModel):
    """Whether scores are taken as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calibrate: bool = CALIBRATE


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(context: Context, settings: Settings) -> list[Cell]:  # noqa: ARG001 - the interface
    """The one cell without training items."""
    return context.unsupervised_cells()


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """The stored scores of each test item's choices."""
    for cell in cells:
        items = context.test_items(cell)
        responses = context.target.responses
        rows = responses.rows(list(items.index))
        scores, n_tokens = responses.logprob[rows], responses.n_tokens[rows]
        yield cell, chosen(items, calibrated_scores(scores)) if settings.calibrate else chosen(items, scores, n_tokens)
