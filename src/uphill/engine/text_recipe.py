"""Constants of fine-tuning on text. Apart from `text_training`, so that reading the config imports no torch."""

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.errors import UphillError


class Adapter(BaseModel):
    """A LoRA adapter (defaults: Kordi et al. 2025, code release)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(64, ge=1, le=1024, description="Rank.")
    alpha: float = Field(64, gt=0, description="Scale of the update, divided by the rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on the adapter's input.")
    target_modules: list[str] | str = Field("all-linear", description="Adapted modules.")


class TextRecipe(BaseModel):
    """Fine-tuning on the tokens of answers (defaults: Kordi et al. 2025, code release, section 6.1 of its scripts).

    A fit reads passes over the training items, each in an order of its own, in whole batches: as many updates as the
    passes have batches, or `updates`, which makes conditions of different size alike. The loss of an update is the mean
    over its answers' tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: Adapter | None = Field(None, description="A LoRA adapter; null trains all weights.")
    optimiser: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = Field(
        "adamw", description="AdamW; published: paged_adamw_8bit, of bitsandbytes."
    )
    lr: float = Field(5e-6, gt=0, description="Learning rate, after the warm-up.")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="How the learning rate falls.")
    warmup: float = Field(0.1, ge=0, lt=1, description="The part of the updates in which the learning rate grows.")
    warmup_steps: int | None = Field(
        None, ge=0, le=1_000_000, description="So many updates instead of that part; fewer than there are."
    )
    betas: tuple[float, float] = Field((0.9, 0.99), description="AdamW's.")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's weight decay.")
    clip: float = Field(0.1, gt=0, description="Largest norm of a gradient.")
    epochs: int = Field(5, ge=1, le=100_000, description="Passes over the training items, unless updates is given.")
    updates: int | None = Field(None, ge=1, le=1_000_000, description="Optimiser steps, whatever the number of items.")
    batch_items: int = Field(8, ge=1, le=4096, description="Items of one optimiser step.")
    max_tokens: int = Field(4096, ge=2, le=10_000_000, description="Longer texts lose their end, which is counted.")

    @model_validator(mode="after")
    def _betas(self) -> Self:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {list(self.betas)}, expected two from 0 to below 1")
        return self

    def steps(self, n_items: int) -> int:
        """Optimiser steps of a fit to so many items."""
        return self.updates or self.epochs * math.ceil(n_items / self.batch_items)

    def warm(self, updates: int) -> int:
        """In how many of a fit's updates the learning rate grows.

        Raises:
            UphillError: in none of them it would be as high as the recipe says.
        """
        if self.warmup_steps is None:
            return round(self.warmup * updates)
        if self.warmup_steps >= updates:
            raise UphillError(f"warmup_steps is {self.warmup_steps} and the fit has {updates} updates, expected fewer")
        return self.warmup_steps


class ModelRecipe(TextRecipe):
    """How a model of the config is trained: on every item that has a label."""

    cot: bool = Field(
        False,
        description="Trains on reasoning and answer in the dataset's cot_prompt; else on the answer alone in its "
        "prompt. Labels that are texts are learned as they are, behind that prompt.",
    )
