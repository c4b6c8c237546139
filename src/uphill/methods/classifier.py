"""A classifier's head on the model's last states, trained with its body, on hard or soft labels (Burns et al. 2023).

All weights are trained, or an adapter. It is the student of classic weak-to-strong generalization.
"""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from uphill.engine.head_recipe import HeadRecipe
from uphill.methods.asking import rooms_of, trained_prompts, zero_shot_prompts
from uphill.methods.context import Cell, Context, Predicted, Source, chosen
from uphill.methods.mixing import together
from uphill.methods.training_forms import TRAIN_PROMPTS, TrainPrompts

if TYPE_CHECKING:
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False
TAKES_SOFT = True
log = logging.getLogger(__name__)


class Settings(HeadRecipe):
    """The recipe, and how many items it is fitted to."""

    n_train: int = Field(160, ge=1, le=100_000, description="Training items.")
    train_prompts: TrainPrompts = TRAIN_PROMPTS


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit a head and its body for each cell, and choose for its test items.

    Raises:
        UphillError: an item is too long, or has other choices where all must have the same.
    """
    from uphill.engine.classifier import HeadFits

    if not cells:
        return
    base = context.open_model()
    fits = HeadFits(base, settings)

    def put(source: Source, items: pd.DataFrame) -> "list[Prompt]":
        return trained_prompts(base, source, items, cot=False)

    for cell in cells:
        training, items = context.train_items(cell), context.test_items(cell)
        shown = together(context, cell, training, put, settings.train_prompts)
        asked = _asked(base, context.target, items)
        scratch = context.scratch / cell.name
        with fits.with_head(shown, labels_of(training), context.key(cell), scratch) as (log_probabilities, made):
            log.info("%s: %d updates, %d tokens, last loss %.4f", cell.name, made.updates, made.tokens, made.loss[-1])
            frame = chosen(items, log_probabilities(asked))
        yield cell, frame
    # What the last cell left is gone; the folder of them all goes with it.
    if context.scratch.is_dir() and not any(context.scratch.iterdir()):
        context.scratch.rmdir()


def asked(context: Context, settings: Settings, cell: Cell, items: pd.DataFrame) -> "list[list[Prompt]]":  # noqa: ARG001 - the interface
    """What some items of a cell are asked once a head is fitted."""
    return [_asked(context.open_model(), context.target, items)]


def _asked(loaded: Any, target: Source, items: pd.DataFrame) -> "list[Prompt]":
    from uphill.engine.fitting import limited_prompts

    return limited_prompts(loaded, zero_shot_prompts(target, items, cot=False), rooms_of(loaded, target, items, False))


def labels_of(items: pd.DataFrame) -> list[list[float]]:
    """Of each training item the probabilities of its choices: its soft label, or all on the one that is right."""
    if "soft" in items:
        return [list(map(float, shares)) for shares in items["soft"]]
    pairs = zip(items["choices"], items["answer_idx"], strict=True)
    return [np.eye(len(choices))[int(right)].tolist() for choices, right in pairs]
