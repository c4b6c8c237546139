"""LoRA on the multiple-choice objective: softmax over the choices' summed log-probabilities (Hase et al. 2024).

One base model, a fresh adapter for each cell, evaluated with zero-shot prompts through the packed scorer.
"""

import pandas as pd
from pydantic import Field

from uphill.engine.lora_recipe import LoraRecipe
from uphill.methods.task import Cell, Predicted, Source, Task, chosen, question_of, rectangle

RUNS_MODEL = True
READS_RESPONSES = False


class Settings(LoraRecipe):
    """The recipe, and how many items it is fitted to."""

    n_train: int = Field(160, ge=1, description="Training items.")


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """The objective needs choices."""
    return "it needs choices" if generative else None


def cells(task: Task, settings: Settings) -> list[Cell]:
    """Every train source, level and boot."""
    return task.supervised_cells(settings.n_train)


def predict(task: Task, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit an adapter for each cell, and score its test items with it."""
    from uphill.engine.adapters import Adapters
    from uphill.engine.scoring import score
    from uphill.engine.tokens import Prompt

    def prompts(source: Source, items: pd.DataFrame) -> list[Prompt]:
        asked = source.prompt_format(cot=False)
        rows = items.reset_index().to_dict("records")
        return [Prompt(row["item_id"], asked.query(question_of(row)), list(row["choices"])) for row in rows]

    if not cells:
        return
    adapters = Adapters(task.open_model(), settings)
    for cell in cells:
        training, items = task.train_items(cell), task.test_items(cell)
        gold = training["answer_idx"].astype(int).tolist()
        with adapters.fitted(prompts(task.source(cell), training), gold, task.key(cell)) as loaded:
            scores = [found.logprob for found in score(loaded, prompts(task.target, items), desc=cell.name)]
        yield cell, chosen(items, rectangle(scores))
