"""No supervision: the choice that the model itself likes best. Reads the zero-shot pass; runs no model.

The study's Unsupervised baseline (Hase et al. 2024, section 4).
"""

from pydantic import BaseModel, ConfigDict

from uphill.methods.task import Cell, Predicted, Task, chosen

RUNS_MODEL = False
READS_RESPONSES = True


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(task: Task, settings: Settings) -> list[Cell]:  # noqa: ARG001 - the interface
    """The one cell without training items."""
    return task.unsupervised_cells()


def predict(task: Task, settings: Settings, cells: list[Cell]) -> Predicted:  # noqa: ARG001 - the interface
    """The best choice of each test item, from the stored scores."""
    for cell in cells:
        items = task.test_items(cell)
        responses = task.target.responses
        yield cell, chosen(items, responses.logprob[responses.rows(list(items.index))])
