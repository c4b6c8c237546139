"""Constants of contrast-consistent search. Apart from `ccs`, so that reading the config imports no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CcsRecipe(BaseModel):
    """The paper's constants (Burns et al. 2022, arXiv 2212.03827)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: Literal["sigmoid", "softmax"] = Field(
        "sigmoid", description="Of a choice: on its own, or (a published variant) beside the item's other choices."
    )
    lr: float = Field(0.01, gt=0, description="AdamW's learning rate.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay.")
    epochs: int = Field(1000, ge=0, le=100_000, description="Full-batch steps; 0 leaves the probe as it is drawn.")
    restarts: int = Field(
        10, ge=1, le=1000, description="Starts of a fit, of which the one with the lowest loss is kept."
    )
