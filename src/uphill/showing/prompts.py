"""The text that a method puts to a model for one item, and its tokens; the weights are not loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from uphill.engine.asking import ask
from uphill.engine.fitting import limited_prompts
from uphill.engine.loading import Loaded, load_tokenizer
from uphill.engine.packing import unscored
from uphill.engine.tokens import Prompt, encode_items, encode_prompts, turn
from uphill.errors import UphillError
from uphill.experiments.arms import Arm
from uphill.methods.context import Cell
from uphill.methods.job import context_of
from uphill.planning.mocking import given
from uphill.running.job import Running
from uphill.schemas.names import UNSUPERVISED
from uphill.showing.items import item_of, items_of
from uphill.workflow.stages.models import model_identity
from uphill.workflow.stages.predictions import arms, slices
from uphill.workflow.stages.responses import responses
from uphill.workflow.study import Study

OPENS = "what is read"
LONGEST = 20
"""Names that a message lists."""


@dataclass(frozen=True)
class Wanted:
    """Which cell of a method's job is meant; what is None is the first that there is."""

    method: str
    model: str
    variable: str | None = None
    experiment: str | None = None
    train_from: str | None = None
    train_on: str | None = None
    boot: int = 0
    n_train: int | None = None


def prompt_lines(study: Study, dataset: str, item_id: str, wanted: Wanted) -> Iterator[str]:
    """What is asked, as text and as tokens.

    Raises:
        UphillError: there is no such item, method, model or cell, or the files that a cell rests on are not made.
    """
    config = study.config
    for key, name, known in (("method", wanted.method, config.methods), ("model", wanted.model, config.models)):
        if name not in known:
            raise UphillError(f"{key} is {name!r}, expected one of {', '.join(known)}")
    module = config.method_module(wanted.method)
    loaded = cache(lambda: load_tokenizer(model_identity(study, wanted.model)))
    items = items_of(study, dataset)
    item_of(items, dataset, item_id)
    if module.READS_RESPONSES:
        forms = responses(study, wanted.model, dataset).settings["asked"]
        what = f"zero-shot pass of {wanted.model} over {dataset}, which {wanted.method} reads"
        found = [limited_prompts(loaded(), ask(items.loc[[item_id]], **forms))]
    else:
        what, found = _of_cell(study, dataset, items.loc[[item_id]], wanted, loaded)
    yield f"{what}: item {item_id}"
    for number, [prompt] in enumerate(found, 1):
        if len(found) > 1:
            yield f"\nform {number} of {len(found)}, whose probabilities are averaged"
        yield from _shown(loaded(), prompt)


def _of_cell(study: Study, dataset: str, item: pd.DataFrame, wanted: Wanted, loaded: Any) -> tuple[str, Any]:
    module = study.config.method_module(wanted.method)
    if not hasattr(module, "asked"):
        raise UphillError(f"method {wanted.method!r} does not tell what it asks, expected a function `asked` of it")
    arm = _arm(study, dataset, wanted)
    slice = slices(study, wanted.method, wanted.model, dataset)[arm.slice]
    names = {"method": wanted.method, "model": wanted.model, "dataset": dataset}
    job = study.job(slice.rule, names)
    recipe: Any = study.config.method_settings(wanted.method)
    context = context_of(Running(given(study, job)), slice.spec, recipe, loaded)
    cell = _cell(module.cells(context, recipe), wanted)
    trained = "on nothing" if cell.train_on == UNSUPERVISED else (
        f"on {cell.n_train} items of {cell.train_on} {cell.train_dataset}, boot {cell.boot}"
    )  # fmt: skip
    return (
        f"{wanted.method} with {wanted.model} on {dataset}, {arm.experiment} by {arm.variable}, trained {trained}",
        module.asked(context, recipe, cell, item),
    )


def _arm(study: Study, dataset: str, wanted: Wanted) -> Arm:
    """The part of an experiment that is meant."""
    there = arms(study, wanted.method, wanted.model, dataset)
    found = [
        arm for arm in there if wanted.variable in (None, arm.variable) and wanted.experiment in (None, arm.experiment)
    ]
    if not found:
        known = ", ".join(arm.slice for arm in there) or "none"
        raise UphillError(
            f"{wanted.method} with {wanted.model} on {dataset}: no such variable or experiment, expected one of {known}"
        )
    return found[0]


def _cell(cells: Sequence[Cell], wanted: Wanted) -> Cell:
    asked = {
        "train_dataset": wanted.train_from,
        "train_on": wanted.train_on,
        "n_train": wanted.n_train,
        "boot": wanted.boot if any(cell.train_on != UNSUPERVISED for cell in cells) else None,
    }
    for cell in cells:
        if all(value in (None, getattr(cell, key)) for key, value in asked.items()):
            return cell
    known = list(dict.fromkeys(f"{cell.train_on} {cell.train_dataset} {cell.n_train} {cell.boot}" for cell in cells))
    more = ", ..." if len(known) > LONGEST else ""
    raise UphillError(
        f"no such cell, expected train level, dataset, size and boot of {', '.join(known[:LONGEST])}{more}"
    )


def _shown(loaded: Loaded, prompt: Prompt) -> Iterator[str]:
    yield f"\n{turn(loaded, prompt.text)}"
    if not prompt.choices:
        [head] = encode_prompts(loaded, [prompt.text])
        yield f"\n{len(head)} tokens are read, and the answer is generated\n"
        yield from _tokens(loaded, head, scored=len(head))
        return
    [head], [tails] = encode_items(loaded, [prompt])
    yield f"\n{len(head)} tokens are read once\n"
    yield from _tokens(loaded, head, scored=len(head))
    for choice, tail in zip(prompt.choices, tails, strict=True):
        first = unscored(tail)
        yield f"\n{len(tail)} tokens follow for {choice!r}, of which {len(tail) - first} are scored (*)\n"
        yield from _tokens(loaded, tail, scored=first)


def _text(loaded: Loaded, ids: Sequence[int]) -> str:
    return str(loaded.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def _tokens(loaded: Loaded, ids: Sequence[int], scored: int) -> Iterator[str]:
    for place, one in enumerate(ids):
        yield f"{'*' if place >= scored else ' '} {place:5d} {one:7d} {_text(loaded, [one])!r}"
