"""In-context learning: k solved examples before the question, scored or, with reasoning, generated.

With k = 0 and `cot` it is the unsupervised baseline of a generative dataset. (Hase et al. 2024, section 4.) With
`prompts` a question is put in several forms, and the probabilities of its choices are averaged over them.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from uphill.engine.passes import ResponseTable, log_sum_exp
from uphill.methods.calibrating import CALIBRATE, calibrated_scores
from uphill.methods.context import Cell, Context, Predicted, Source, as_scored, chosen, question_of, written
from uphill.methods.mixing import together
from uphill.methods.training_forms import TRAIN_PROMPTS, TrainPrompts
from uphill.prompts.templates import PromptFormat, assemble

if TYPE_CHECKING:
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False


class Settings(BaseModel):
    """How many examples, whether they show reasoning, and in which forms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(10, ge=0, le=1000, description="Solved examples in the prompt; 0 asks without any.")
    cot: bool = Field(False, description="Examples show their reasoning, and the answer is generated.")
    prompts: list[str] = Field(
        [], description="Template ids to average choices' probabilities over; the dataset's own where there are none."
    )
    train_prompts: TrainPrompts = TRAIN_PROMPTS
    calibrate: bool = CALIBRATE
    drop_examples: bool = Field(
        False, description="Leave out last examples that a model's window cannot hold; else such a prompt is an error."
    )

    @field_validator("prompts", "calibrate")
    @classmethod
    def _needs_scores(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("cot"):
            raise ValueError(f"is {value!r}, expected no such setting with cot: generated answers have no scores")
        return value

    @field_validator("train_prompts")
    @classmethod
    def _of_examples(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if value and (info.data.get("prompts") or not info.data.get("k")):
            raise ValueError(f"is {value!r}, expected none beside prompts or k: 0")
        return value

    @field_validator("prompts")
    @classmethod
    def _different(cls, templates: list[str]) -> list[str]:
        if len(set(templates)) < len(templates):
            raise ValueError(f"is {templates!r}, expected each template id once")
        return templates


def misfit(settings: Settings, generative: bool) -> str | None:
    """Scoring needs choices; generated answers can be read off any item."""
    if settings.k == 0 and not settings.cot and not settings.prompts:
        return "k is 0, which is what zero_shot does without running the model again; expected k, cot or prompts"
    return "it needs choices, unless cot is on" if generative and not settings.cot else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot; one cell when there are no examples."""
    return context.supervised_cells(settings.k) if settings.k else context.unsupervised_cells()


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Ask every test item of each cell behind the cell's examples."""
    answer = partial(_generated, settings=settings) if settings.cot else partial(_scored, settings=settings)
    for cell in cells:
        items = context.test_items(cell)
        templates: Sequence[str | None] = settings.prompts or [None]
        forms = [_prompts(context, settings, cell, items, template) for template in templates]
        # Of several forms the longest leaves out most.
        dropped = np.max([missing for _, missing in forms], axis=0)
        yield cell, answer(context, cell, items, [prompts for prompts, _ in forms]).assign(dropped=dropped)


def asked(context: Context, settings: Settings, cell: Cell, items: pd.DataFrame) -> "list[list[Prompt]]":
    """What some items of a cell are asked, in each form; without choices where the answer is generated."""
    templates: Sequence[str | None] = settings.prompts or [None]
    found = []
    for template in templates:
        prompts, _ = _prompts(context, settings, cell, items, template)
        scored = as_scored(items, _format(context.target, settings, template))
        found.append(_with_choices(items.assign(choices=[[]] * len(items)) if settings.cot else scored, prompts))
    return found


def _with_choices(items: pd.DataFrame, prompts: list[str]) -> "list[Prompt]":
    from uphill.engine.tokens import Prompt

    return [
        Prompt(str(item), prompt, list(choices))
        for item, prompt, choices in zip(items.index, prompts, items["choices"], strict=True)
    ]


def _prompts(
    context: Context, settings: Settings, cell: Cell, items: pd.DataFrame, template: str | None = None
) -> tuple[list[str], list[int]]:
    """The prompt of each item in one form, the dataset's own unless a template is named; how many examples it lacks."""
    examples: list[str] = []
    if settings.k:
        show = partial(_examples, settings=settings, template=template)
        examples = together(context, cell, context.train_items(cell), show, settings.train_prompts)
    put = _format(context.target, settings, template)
    queries = [put.query(question_of(row)) for row in items.to_dict("records")]
    held = [len(examples)] * len(queries)
    if settings.drop_examples:
        from uphill.engine.fitting import examples_that_fit

        room = context.target.max_new_tokens if settings.cot else list(as_scored(items, put)["choices"])
        held = examples_that_fit(context.open_model(), examples, queries, room, put.instruction)
    kept = [examples[:count] for count in held]
    prompts = [assemble(shown, query, put.instruction) for shown, query in zip(kept, queries, strict=True)]
    if context.max_prompt_tokens is not None:
        from uphill.engine.fitting import answer_rooms, limited

        rooms = answer_rooms(context.open_model(), as_scored(items, put))
        prompts, held = limited(context.open_model(), kept, queries, rooms, put.instruction)
    return prompts, [len(examples) - count for count in held]


def _examples(source: Source, items: pd.DataFrame, settings: Settings, template: str | None) -> list[str]:
    shown = _format(source, settings, template)
    return [shown.example(question_of(row)) for row in items.to_dict("records")]


def _format(source: Source, settings: Settings, template: str | None) -> PromptFormat:
    return PromptFormat(source.forms[template]) if template else source.prompt_format(settings.cot)


def _scored(
    context: Context, cell: Cell, items: pd.DataFrame, forms: list[list[str]], settings: Settings
) -> pd.DataFrame:
    templates: Sequence[str | None] = settings.prompts or [None]
    tables = [
        _scores(context, cell, as_scored(items, _format(context.target, settings, template)), prompts)
        for template, prompts in zip(templates, forms, strict=True)
    ]
    scores = averaged([table.logprob for table in tables])
    if settings.calibrate:
        return chosen(items, calibrated_scores(scores))
    return chosen(items, scores, tables[0].n_tokens if len(tables) == 1 else None)


def _scores(context: Context, cell: Cell, items: pd.DataFrame, prompts: list[str]) -> ResponseTable:
    """Scores of the choices of N items behind their prompts."""
    from uphill.engine.scoring import score

    shown = _with_choices(items, prompts)
    return ResponseTable.of(list(score(context.open_model(), shown, desc=cell.name)))


def averaged(scores: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """[N, M] log of the mean of the probabilities that K prompts give each choice, K > 1; one prompt's scores as is.

    Args:
        scores: K arrays [N, M] of unnormalised log-probabilities, -inf where there is no choice.
    """
    if len(scores) == 1:
        return scores[0]
    shares = [values - log_sum_exp(values)[:, None] for values in scores]
    return np.logaddexp.reduce(shares) - np.log(len(shares))


def _generated(
    context: Context, cell: Cell, items: pd.DataFrame, forms: list[list[str]], settings: Settings
) -> pd.DataFrame:
    from uphill.engine.generation import generate

    [prompts] = forms
    loaded, ids = context.open_model(), [str(item) for item in items.index]
    rule, limit = context.target.prompt_format(settings.cot).answer_end, context.target.max_new_tokens
    answers = generate(loaded, prompts, limit, loaded.batch, desc=cell.name, rule=rule, item_ids=ids)
    return written(items, answers)
