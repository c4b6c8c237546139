"""Constants of a LoRA fit. Apart from `adapters`, so that reading the config imports neither torch nor peft."""

from pydantic import BaseModel, ConfigDict, Field


class LoraRecipe(BaseModel):
    """Rank, schedule and optimiser of a LoRA fit (defaults: Hase et al. 2024, code release, without the GPU count)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(16, ge=1, description="Rank.")
    alpha: float = Field(32, gt=0, description="Scale of the update, divided by the rank.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout on the adapter's input.")
    target_modules: list[str] | str | None = Field(
        None, description="Adapted modules; null takes peft's for the model."
    )
    lr: float = Field(1e-4, gt=0, description="Learning rate at the start; it falls linearly to a tenth.")
    weight_decay: float = Field(1e-5, ge=0, description="AdamW's weight decay.")
    epochs: int = Field(3, ge=1, description="Passes over the training items.")
    min_updates: int = Field(10, ge=1, description="Optimiser steps that a small training set is repeated for.")
    batch_items: int = Field(16, ge=1, description="Items of one optimiser step.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
