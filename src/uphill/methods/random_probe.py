"""What contrast-consistent search is held against: a probe in a random direction, used as `ccs` uses one.

Same states, normalisation, starts and sign, and no search: what `ccs` is better by, the search has found. It is the
study's untrained probe (Hase et al. 2024, code release).
"""

from pydantic import BaseModel, ConfigDict, Field

from uphill.engine.ccs_recipe import CcsRecipe
from uphill.methods.ccs import SIGN, Sign, choices_of_probes
from uphill.methods.context import Cell, Context, Predicted

RUNS_MODEL = False
READS_RESPONSES = True


class Settings(BaseModel):
    """How many items normalise it, and which way its answers point."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_train: int = Field(
        160, ge=2, le=100_000, description="Items that its features are normalised and its sign is found on."
    )
    sign: Sign = SIGN


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot, as for `ccs`."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """The first start of each cell's search, as it is drawn."""
    return choices_of_probes(context, cells, CcsRecipe(epochs=0, restarts=1), settings.sign)
