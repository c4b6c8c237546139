"""LoRA (Hase et al. 2024): one base model, a fresh adapter for each cell, evaluated with zero-shot prompts.

Fitted to the choices, by a softmax over their summed log-probabilities, and scored; or, with `cot`, fitted to the gold
reasoning and answer as one text, and its answers generated.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.methods.context import Cell, Context, Predicted, Source, chosen, question_of, written

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False


class Settings(LoraRecipe):
    """The recipe, how many items it is fitted to, and whether to their reasoning."""

    n_train: int = Field(160, ge=1, le=100_000, description="Training items.")
    cot: bool = Field(False, description="Trains on reasoning and answer, and the answer is generated.")


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
    from uphill.engine.fitting import answer_rooms, limited_prompts

    if not cells:
        return
    base = context.open_model()
    adapters = Adapters(base, settings)
    for cell in cells:
        training, items = context.train_items(cell), context.test_items(cell)
        if settings.cot:
            _check_reasoning(context.source(cell).name, training)
        # With reasoning there is one text to learn, the first.
        gold = [0] * len(training) if settings.cot else training["answer_idx"].astype(int).tolist()
        shown = _prompts(context.source(cell), training, settings.cot)
        shown = limited_prompts(base, shown, answer_rooms(base, training, reasoned=settings.cot))
        with adapters.fitted(shown, gold, context.key(cell)) as loaded:
            frame = _answered(loaded, context.target, items, settings, cell.name)
        yield cell, frame


def asked(context: Context, settings: Settings, cell: Cell, items: pd.DataFrame) -> "list[list[Prompt]]":  # noqa: ARG001 - the interface
    """What some items of a cell are asked once an adapter is fitted; without choices where the answer is generated."""
    from uphill.engine.fitting import answer_rooms, limited_prompts

    loaded = context.open_model()
    prompts = limited_prompts(loaded, _prompts(context.target, items, settings.cot), answer_rooms(loaded, items))
    return [[replace(prompt, choices=[]) for prompt in prompts] if settings.cot else prompts]


def _check_reasoning(dataset: str, items: pd.DataFrame) -> None:
    bare = items.index[items["reasoning"] == ""]
    if len(bare):
        raise UphillError(f"{dataset}: item {bare[0]!r} has no reasoning, expected some, to train on it with cot")


def _prompts(source: Source, items: pd.DataFrame, cot: bool) -> "list[Prompt]":
    """Items in their zero-shot form, before their choices or their gold solution."""
    from uphill.engine.tokens import Prompt

    asked = source.prompt_format(cot)
    questions = [(str(row["item_id"]), question_of(row)) for row in items.reset_index().to_dict("records")]
    return [
        Prompt(item_id, asked.prompt(question), [asked.solution(question)] if cot else list(question.choices))
        for item_id, question in questions
    ]


def _answered(loaded: "Loaded", target: Source, items: pd.DataFrame, settings: Settings, desc: str) -> pd.DataFrame:
    from uphill.engine.fitting import answer_rooms, limited_prompts
    from uphill.engine.generation import generate
    from uphill.engine.scoring import score

    prompts = limited_prompts(loaded, _prompts(target, items, settings.cot), answer_rooms(loaded, items))
    if not settings.cot:
        found = ResponseTable.of(list(score(loaded, prompts, desc=desc)))
        return chosen(items, found.logprob, found.n_tokens)
    texts, ids = [prompt.text for prompt in prompts], [prompt.item_id for prompt in prompts]
    rule = target.prompt_format(settings.cot).answer_end
    return written(items, generate(loaded, texts, target.max_new_tokens, loaded.batch, desc, rule=rule, item_ids=ids))
