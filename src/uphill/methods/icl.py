"""In-context learning: k solved examples before the question, scored or, with reasoning, generated.

With k = 0 and `cot` it is the unsupervised baseline of a generative dataset. (Hase et al. 2024, section 4.)
"""

from functools import partial

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill.methods.task import Cell, Predicted, Task, chosen, question_of, rectangle, written
from uphill.prompts import assemble

RUNS_MODEL = True
READS_RESPONSES = False


class Settings(BaseModel):
    """How many examples, and whether they show reasoning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(10, ge=0, description="Solved examples in the prompt; 0 asks without any.")
    cot: bool = Field(False, description="Examples show their reasoning, and the answer is generated.")
    drop_examples: bool = Field(
        False, description="Leave out last examples that a model's window cannot hold; else such a prompt is an error."
    )
    batch: int = Field(64, ge=1, description="Prompts continued side by side when the answer is generated.")


def misfit(settings: Settings, generative: bool) -> str | None:
    """Scoring needs choices; generated answers can be read off any item."""
    if settings.k == 0 and not settings.cot:
        return "k is 0, which is what zero_shot does without running the model again"
    return "it needs choices, unless cot is on" if generative and not settings.cot else None


def cells(task: Task, settings: Settings) -> list[Cell]:
    """Every train source, level and boot; one cell when there are no examples."""
    return task.supervised_cells(settings.k) if settings.k else task.unsupervised_cells()


def predict(task: Task, settings: Settings, cells: list[Cell]) -> Predicted:
    """Ask every test item of each cell behind the cell's examples."""
    answer = partial(_generated, settings=settings) if settings.cot else _scored
    for cell in cells:
        items = task.test_items(cell)
        prompts, dropped = _prompts(task, settings, cell, items)
        yield cell, answer(task, cell, items, prompts).assign(dropped=dropped)


def _prompts(task: Task, settings: Settings, cell: Cell, items: pd.DataFrame) -> tuple[list[str], list[int]]:
    """The prompt of each item, and how many examples it lacks."""
    examples: list[str] = []
    if settings.k:
        shown = task.source(cell).prompt_format(settings.cot)
        examples = [shown.example(question_of(row)) for row in task.train_items(cell).to_dict("records")]
    asked = task.target.prompt_format(settings.cot)
    queries = [asked.query(question_of(row)) for row in items.to_dict("records")]
    held = [len(examples)] * len(queries)
    if settings.drop_examples:
        from uphill.engine.fitting import examples_that_fit

        room = task.target.max_new_tokens if settings.cot else list(items["choices"])
        held = examples_that_fit(task.open_model(), examples, queries, room, asked.instruction)
    prompts = [assemble(examples[:count], query, asked.instruction) for count, query in zip(held, queries, strict=True)]
    return prompts, [len(examples) - count for count in held]


def _scored(task: Task, cell: Cell, items: pd.DataFrame, prompts: list[str]) -> pd.DataFrame:
    from uphill.engine.scoring import score
    from uphill.engine.tokens import Prompt

    asked = [
        Prompt(str(item), prompt, list(choices))
        for item, prompt, choices in zip(items.index, prompts, items["choices"], strict=True)
    ]
    scores = [scored.logprob for scored in score(task.open_model(), asked, desc=cell.name)]
    return chosen(items, rectangle(scores))


def _generated(task: Task, cell: Cell, items: pd.DataFrame, prompts: list[str], settings: Settings) -> pd.DataFrame:
    from uphill.engine.generation import generate

    loaded, ids = task.open_model(), [str(item) for item in items.index]
    rule, limit = task.target.prompt_format(settings.cot).answer_end, task.target.max_new_tokens
    texts = generate(loaded, prompts, limit, settings.batch, desc=cell.name, rule=rule, item_ids=ids)
    return written(items, texts)
