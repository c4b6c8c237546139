"""Constants of a LoRA fit. Apart from `adapters`, so that reading the config imports neither torch nor peft."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LoraRecipe(BaseModel):
    """Rank, schedule and optimiser of a LoRA fit (defaults: Hase et al. 2024, code release, without the GPU count).

    The published schedule depends on `batch_sequences`, which the release set by model size and GPU count. With it the
    gradient is clipped after each micro-batch, and a model in 8 bits is fitted with 8-bit Adam, as in the release.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(16, ge=1, le=1024, description="Rank.")
    alpha: float = Field(32, gt=0, description="Scale of the update, divided by the rank.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout on the adapter's input.")
    target_modules: list[str] | str | None = Field(
        None, description="Adapted modules; null takes peft's for the model."
    )
    lr: float = Field(1e-4, gt=0, description="Learning rate at the start; it falls linearly to a tenth.")
    weight_decay: float = Field(1e-5, ge=0, description="AdamW's weight decay.")
    schedule: Literal["items", "published"] = Field(
        "items", description="items: batch_items a step, on any machine; published: the code release's rule."
    )
    epochs: int = Field(3, ge=1, le=100_000, description="Passes over the training items.")
    min_updates: int = Field(
        10,
        ge=1,
        le=1_000_000,
        description="Optimiser steps that a small training set is repeated for; published for reasoning: 150.",
    )
    batch_items: int = Field(16, ge=1, le=4096, description="Items of one optimiser step, with schedule: items.")
    batch_sequences: int = Field(
        36,
        ge=1,
        le=4096,
        description="With schedule: published, sequences (choices) of a micro-batch; 4 GPUs: 36, 12, 4 by size.",
    )
    clip: float = Field(1.0, gt=0, description="Largest norm of a gradient.")
