"""Constants of the linear probe. Apart from `probes`, so that reading the config imports no torch."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from uphill.schemas.spelling import distinct

Layers = Annotated[list[Annotated[int, Field(ge=0, le=1000)]], AfterValidator(distinct)]
LAYERS = "Hidden states that are read, of `responses.layers`; null reads all that are kept."


class ProbeRecipe(BaseModel):
    """The published recipe (Hase et al. 2024, code release)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l2: float = Field(1.0, ge=0, description="Weight of the un-squared norm.")
    lr: float = Field(0.05, gt=0, description="Learning rate at the start.")
    epochs: int = Field(100, ge=1, le=100_000, description="Full-batch steps.")
    final_lr: float = Field(0.1, gt=0, le=1, description="Share of the rate that the schedule falls to.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a gradient.")

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted from 0: it falls linearly, as if to zero."""
        return self.lr * max(1 - step * (1 - self.final_lr) / self.epochs, self.final_lr)
