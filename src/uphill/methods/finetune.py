"""Fine-tuning on the tokens of answers, all weights or an adapter, on one load of the base (Kordi et al. 2025).

Of items with choices the answer is the gold choice's text, and choices are scored; with `cot` it is the reasoning and
the answer, and answers are written. Both arms of a comparison, this one and zero-shot, put the same prompt.
"""

import logging
from functools import partial

from pydantic import Field

from uphill.engine.text_recipe import TextRecipe
from uphill.methods.asking import answered, taught_prompts
from uphill.methods.context import Cell, Context, Predicted
from uphill.methods.mixing import together
from uphill.methods.training_forms import TRAIN_PROMPTS, TrainPrompts

RUNS_MODEL = True
READS_RESPONSES = False
log = logging.getLogger(__name__)


class Settings(TextRecipe):
    """The recipe, how many items it is fitted to, and whether to their reasoning."""

    n_train: int = Field(90, ge=1, le=100_000, description="Training items.")
    cot: bool = Field(False, description="Trains on reasoning and answer, and the answer is generated.")
    train_prompts: TrainPrompts = TRAIN_PROMPTS


def misfit(settings: Settings, generative: bool) -> str | None:
    """Scoring needs choices; generated answers can be read off any item."""
    return "it needs choices, unless cot is on" if generative and not settings.cot else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit the model for each cell, and ask its test items.

    Raises:
        UphillError: `cot` is on, and a training item has no reasoning; or a text has no room for its answer.
    """
    from uphill.engine.text_training import TextFits

    if not cells:
        return
    base = context.open_model()
    fits = TextFits(base, settings)
    for cell in cells:
        put = partial(taught_prompts, base, cot=settings.cot)
        prompts = together(context, cell, context.train_items(cell), put, settings.train_prompts)
        with fits.fitted(prompts, context.key(cell), context.scratch / cell.name) as (loaded, training):
            log.info(
                "%s: %d updates, %d tokens, last loss %.4f",
                cell.name,
                training.updates,
                training.tokens,
                training.loss[-1],
            )
            frame = answered(loaded, context.target, context.test_items(cell), settings.cot, cell.name)
        yield cell, frame
    # What the last cell left is gone; the folder of them all goes with it.
    if context.scratch.is_dir() and not any(context.scratch.iterdir()):
        context.scratch.rmdir()
