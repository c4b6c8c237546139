"""LoRA (Hase et al. 2024): one base model, a fresh adapter for each cell, evaluated with zero-shot prompts.

Fitted to the choices, by a softmax over their summed log-probabilities, and scored; or, with `cot`, fitted to the gold
reasoning and answer as one text, and its answers generated.
"""

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from uphill.engine.lora_recipe import LoraRecipe
from uphill.methods.asking import answered, rooms_of, trained_prompts, zero_shot_prompts
from uphill.methods.context import Cell, Context, Predicted
from uphill.methods.mixing import together
from uphill.methods.training_forms import TRAIN_PROMPTS, TrainPrompts

if TYPE_CHECKING:
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False


class Settings(LoraRecipe):
    """The recipe, how many items it is fitted to, and whether to their reasoning."""

    n_train: int = Field(160, ge=1, le=100_000, description="Training items.")
    cot: bool = Field(False, description="Trains on reasoning and answer, and the answer is generated.")
    train_prompts: TrainPrompts = TRAIN_PROMPTS


def misfit(settings: Settings, generative: bool) -> str | None:
    """Scoring needs choices; generated answers can be read off any item."""
    return "it needs choices, unless cot is on" if generative and not settings.cot else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit an adapter for each cell, and ask its test items with it.

    Raises:
        UphillError: `cot` is on, and a training item has no reasoning.
    """
    from uphill.engine.adapters import Adapters
    from uphill.engine.stacked_adapters import Fit, fitted_in_turn

    if not cells:
        return
    base = context.open_model()
    put = partial(trained_prompts, base, cot=settings.cot)

    def fit(cell: Cell) -> Fit:
        training = context.train_items(cell)
        # With reasoning there is one text to learn, the first.
        gold = [0] * len(training) if settings.cot else training["answer_idx"].astype(int).tolist()
        return Fit(together(context, cell, training, put, settings.train_prompts), gold, context.key(cell))

    # Fits of one size can be stacked where they come one after the other.
    ordered = sorted(cells, key=lambda cell: cell.n_train)
    with closing(fitted_in_turn(Adapters(base, settings), map(fit, ordered))) as models:
        for cell, loaded in zip(ordered, models, strict=True):
            yield cell, answered(loaded, context.target, context.test_items(cell), settings.cot, cell.name)


def asked(context: Context, settings: Settings, cell: Cell, items: pd.DataFrame) -> "list[list[Prompt]]":  # noqa: ARG001 - the interface
    """What some items of a cell are asked once an adapter is fitted; without choices where the answer is generated."""
    from uphill.engine.fitting import limited_prompts

    loaded = context.open_model()
    rooms = rooms_of(loaded, context.target, items, settings.cot)
    prompts = limited_prompts(loaded, zero_shot_prompts(context.target, items, settings.cot), rooms)
    return [[replace(prompt, choices=[]) for prompt in prompts] if settings.cot else prompts]
