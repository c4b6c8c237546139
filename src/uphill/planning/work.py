"""How many tokens a job reads, trains on and writes, by the engine's way: nothing is read twice for its choices.

A cell's few-shot examples are read once, each question once, each choice once; an adapter trains on its items as often
as its schedule says, and is then asked zero-shot questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from uphill.config.study import Config
from uphill.config.trained import learned, recipe_of
from uphill.datasets.pools import items_of
from uphill.engine.head_recipe import HeadRecipe
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.lora_schedule import schedule
from uphill.engine.text_recipe import TextRecipe
from uphill.hardness import choice_order, mdl_lora
from uphill.planning.cells import Cells
from uphill.planning.lengths import Lengths, tokens
from uphill.prompts.templates import PromptFormat, zero_shot_form
from uphill.schemas.mixtures import parts_of
from uphill.schemas.names import EXPERIMENT_POOL


@dataclass(frozen=True)
class Work:
    """Tokens.

    Attributes:
        read: in passes that score or come before an answer.
        fitted: trained on, each as often as it is.
        written: generated.
    """

    read: float = 0
    fitted: float = 0
    written: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.read + other.read, self.fitted + other.fitted, self.written + other.written)

    def times(self, count: float) -> "Work":
        """The same, `count` times."""
        return Work(self.read * count, self.fitted * count, self.written * count)


@dataclass(frozen=True)
class Asked:
    """Tokens of one item of a dataset in each form that it is put in, without and with reasoning (index: `cot`).

    Attributes:
        scored: question and everything that is scored behind it, zero-shot.
        example: solved, in a few-shot prompt.
        query: the test point alone.
        solution: what comes behind it in a solved example.
    """

    scored: float
    example: tuple[float, float]
    query: tuple[float, float]
    solution: tuple[float, float]

    @classmethod
    def of(cls, config: Config, dataset: str, lengths: Lengths) -> Self:
        """An item of a dataset's mean lengths in the dataset's prompts."""
        entry, item = config.datasets[dataset], lengths.question_of
        prompt, reasoned = (config.templates.form(name) for name in (entry.prompt, entry.cot_prompt or entry.prompt))
        formats = [PromptFormat(prompt), PromptFormat(reasoned, cot=True)]
        if item.choices and any(form.names_choices for form in formats):
            # A letter stands for a choice, and an answer of mean length is none.
            item = replace(item, answer=item.choices[0])
        text, answers = zero_shot_form(
            item, prompt, reasoned if config.generative(dataset) and entry.cot_prompt else None
        )
        return cls(
            scored=tokens(text) + sum(map(tokens, answers)),
            example=_pair([tokens(form.example(item)) for form in formats]),
            query=_pair([tokens(form.query(item)) for form in formats]),
            solution=_pair([tokens(form.solution(item)) for form in formats]),
        )


def _pair(values: list[float]) -> tuple[float, float]:
    return values[0], values[1]


def _trained_on(config: Config, source: str, lengths: dict[str, Lengths]) -> tuple[Asked, float]:
    """What a training item asks, and how many choices it has: the mean over a mixture's items."""
    shares = parts_of(source)
    asked, weights = [Asked.of(config, name, lengths[name]) for name in shares], list(shares.values())
    if len(asked) == 1:
        return asked[0], lengths[source].choices
    values = ([getattr(one, field.name) for one in asked] for field in fields(Asked))
    means = (np.average(np.array(each), axis=0, weights=weights).tolist() for each in values)
    choices = np.average([lengths[name].choices for name in shares], weights=weights)
    found: list[Any] = [tuple(mean) if isinstance(mean, list) else mean for mean in means]
    return Asked(*found), float(choices)


def cell_work(config: Config, cells: Cells, lengths: dict[str, Lengths]) -> Work | None:
    """Tokens of all of some cells; None for a method that this does not know."""
    settings = config.method_settings(cells.method)
    target = Asked.of(config, cells.dataset, lengths[cells.dataset])
    source, source_choices = _trained_on(config, cells.source, lengths)
    cot = bool(getattr(settings, "cot", False))
    tested = _tested(config, cells, lengths[cells.dataset])
    longest = config.datasets[cells.dataset].max_new_tokens
    answers = (
        Work(read=tested * target.query[1], written=tested * min(longest, target.solution[1]))
        if cot
        else Work(read=tested * target.scored)
    )
    if isinstance(settings, LoraRecipe):
        one = source.query[1] + source.solution[1] if cot else source.scored
        choices = 1 if cot else round(source_choices)
        return (Work(fitted=passes(settings, cells.n_train, choices) * one) + answers).times(cells.count)
    if isinstance(settings, HeadRecipe):
        fitted = settings.steps(cells.n_train) * settings.batch_items * _by_head(settings, source, source_choices)
        read = tested * _by_head(settings, target, lengths[cells.dataset].choices)
        return Work(read=read, fitted=fitted).times(cells.count)
    if isinstance(settings, TextRecipe):
        one = source.query[cot] + source.solution[cot]
        return (Work(fitted=settings.steps(cells.n_train) * settings.batch_items * one) + answers).times(cells.count)
    if hasattr(settings, "k"):
        return (Work(read=cells.n_train * source.example[cot]) + answers).times(cells.count)
    return None


def _by_head(recipe: HeadRecipe, asked: Asked, choices: float) -> float:
    """Tokens of an item that a head reads: its question once, or once for each choice."""
    return asked.query[0] if recipe.reads == "question" else asked.scored + (choices - 1) * asked.query[0]


def measure_work(config: Config, measure: str, dataset: str, lengths: Lengths) -> Work | None:
    """Tokens of a hardness measure that loads a model; None for one that this does not know."""
    settings = config.measure_settings(measure)
    asked, items = Asked.of(config, dataset, lengths), lengths.all
    if isinstance(settings, mdl_lora.Settings):
        choices = max(1, round(lengths.choices))
        trained = sum(passes(settings, size, choices) for size in settings.sizes)
        fits = Work(read=len(settings.sizes) * items * asked.scored, fitted=trained * asked.scored)
        return fits.times(settings.boots)
    item = lengths.question_of
    if isinstance(settings, choice_order.Settings):
        return Work(read=items * (tokens(item.question) + (1 + settings.orders) * sum(map(tokens, item.choices))))
    return None


def texts_work(texts: Sequence[str], lengths: Lengths) -> Work:
    """Tokens of the pass over some columns of the items' texts, each text on its own."""
    item = lengths.question_of
    known = {"question": item.question, "answer_text": item.answer, "reasoning": item.reasoning}
    return Work(read=lengths.all * sum(tokens(known[text]) for text in texts))


def responses_work(config: Config, dataset: str, lengths: Lengths) -> Work:
    """Tokens of the zero-shot pass."""
    return Work(read=lengths.all * Asked.of(config, dataset, lengths).scored)


def training_work(config: Config, model: str, lengths: dict[str, Lengths]) -> Work:
    """Tokens of the training of a model on every item of its labels, whose texts are taken to be the dataset's."""
    recipe, [(_, of), *_] = recipe_of(config, model), [*learned(config, model)]
    dataset, pool = of.dataset, of.pool
    known, pools = lengths[dataset], config.datasets[dataset].pools
    taught = max(0, known.pool - items_of(pools.hardness_size, known.pool + known.items))
    asked, count = Asked.of(config, dataset, known), known.items if pool == EXPERIMENT_POOL else taught
    one = asked.query[recipe.cot] + asked.solution[recipe.cot]
    return Work(fitted=recipe.steps(count) * recipe.batch_items * one)


def _tested(config: Config, cells: Cells, lengths: Lengths) -> float:
    """Items that each cell is tested on."""
    splits, most = config.splits, cells.n_test or config.datasets[cells.dataset].n_test or config.splits.n_test
    if cells.all_tested:
        return lengths.items + (lengths.tested or 0)
    there = lengths.tested or lengths.items
    if most and (splits.fresh_test or splits.folds) and not cells.n_train:
        # Without supervision, those of every boot.
        most = min(there, most * splits.draws)
    if most is None:
        trained = cells.n_train if splits.own_test else cells.reserved
        kept = not cells.n_train or lengths.tested or splits.train_on_test
        most = there if kept else there // splits.folds if splits.folds else max(0, there - trained)
    return most * cells.share


def passes(recipe: LoraRecipe, n_items: int, choices: int) -> int:
    """How many items a fit to `n_items` items sees, each as often as it does."""
    return sum(len(batch.rows) for step in schedule(recipe, [choices] * n_items, ("plan",)).steps for batch in step)
