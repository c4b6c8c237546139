"""Constants of a classifier's head. Apart from `classifier`, so that reading the config imports no torch."""

from typing import Literal

from pydantic import Field

from uphill.engine.text_recipe import TextRecipe


class HeadRecipe(TextRecipe):
    """A head and its body (defaults: Burns et al. 2023, code release, for models above GPT-2 medium).

    AdamW without decay is the published Adam. The release clips no gradient and reads one order in every pass; here
    each pass has its own.
    """

    reads: Literal["choices", "question"] = Field(
        "choices",
        description="choices: one number from the last token of each choice, behind the question; question "
        "(published): a number for each choice from the last token of the question, of items that all have the same.",
    )
    loss: Literal["xent", "logconf", "product"] = Field(
        "xent",
        description="xent: cross-entropy on the labels, which may be soft. Of a weaker model's labels also logconf, "
        "which mixes the model's own opinion in, or product, which multiplies them by it (Burns et al. 2023).",
    )
    lr: float = Field(1e-5, gt=0, description="Learning rate, after the warm-up; published for the smallest: 5e-5.")
    warmup: float = Field(0.0, ge=0, lt=1, description="The part of the updates in which the learning rate grows.")
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW's.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's weight decay.")
    clip: float = Field(1e6, gt=0, description="Largest norm of a gradient; so large a one clips none, as published.")
    epochs: int = Field(2, ge=1, le=100_000, description="Passes over the training items, unless updates is given.")
    batch_items: int = Field(32, ge=1, le=4096, description="Items of one optimiser step.")
    max_tokens: int = Field(1024, ge=2, le=10_000_000, description="A longer item is refused.")
