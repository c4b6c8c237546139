"""The order test, item by item: is the published order of the choices likelier to a model than other orders?

The choices are listed behind the question as the dataset's prompt lists them (A), B), ... where it shows none), and the
log-probability (nats) of the list is compared with that of other orders of the same choices, drawn by the item's id, or
all of them where there are fewer. The value is the share of these that the published order beats, a tie by half: .5
where order says nothing, 1 where it is the likeliest of all. A single item's share is evidence of little; the mean over
items is what is tested.
The test is one of a set whose order somebody chose; where choices were put in a drawn order after publication, there is
none. Source: Oren et al. 2023 (arXiv 2310.17623), who permute the items of a set; permuting choices is ours.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from uphill.hardness.data import Graded, OnModel
from uphill.prompts.templates import PromptFormat, Question, assemble, published
from uphill.randomness import keyed_rng
from uphill.schemas.measures import MEASURE

if TYPE_CHECKING:
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False
LISTING = "0040"
"""The form that lists choices where the dataset's prompt shows none."""
FEW = 5
"""Choices whose orders are listed, to draw from; those of more are drawn one by one."""
PART = "orders"


class Settings(BaseModel):
    """How many orders the published one is held against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = Field(None, description="The dataset whose items are measured; all unless given.")
    orders: int = Field(20, ge=1, le=1000, description="Other orders of an item's choices; all where there are fewer.")


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The share, named after the config entry, of datasets whose answers are chosen."""
    return [name] if settings.dataset in (None, dataset.name) and not dataset.generative else []


def measure(name: str, settings: Settings, data: OnModel) -> pd.DataFrame:
    """The share of each item, with how many orders it was held against (`orders`)."""
    part = data.parts.get(PART)
    if part is None:
        from uphill.engine.scoring import score

        loaded, prompts = data.open_model(), list(_prompts(data, settings.orders))
        if loaded.chat is not None:
            # A question alone is no user's turn, and a list of choices no answer to it.
            loaded = replace(loaded, chat=None)
        rows = pd.DataFrame(
            [
                (scored.item_id, name, beaten(scored.logprob), "model", len(scored.logprob) - 1)
                for scored in score(loaded, prompts, desc=name)
            ],
            columns=["item_id", "variable", "value", "kind", "orders"],
        )
        part = MEASURE.to_arrow(rows, name)
        data.parts.put(PART, part)
    return part.to_pandas().sort_values(["variable", "item_id"], ignore_index=True)


def beaten(logprob: NDArray[np.float64]) -> float:
    """The share of the other values that the first one beats, a tie by half."""
    own, others = logprob[0], logprob[1:]
    return float(np.mean((others < own) + 0.5 * (others == own)))


def _prompts(data: OnModel, count: int) -> Iterator["Prompt"]:
    from uphill.engine.tokens import Prompt

    form = PromptFormat(data.prompt) if data.prompt["choices"] else published(LISTING)
    for item, question, given in zip(data.items.index, data.items["question"], data.items["choices"], strict=True):
        choices = [str(choice) for choice in given]
        orders = [choices, *other_orders(choices, count, data.dataset.name, str(item), data.seed)]
        listed = [form.listed(Question(question, order)) for order in orders]
        asked = assemble([], listed[0][0], form.instruction)
        yield Prompt(str(item), asked, [text for _, text in listed])


def other_orders(choices: Sequence[str], count: int, *key: str | int) -> list[list[str]]:
    """Distinct orders of some choices that read otherwise than the given one, as many as asked for or as there are."""
    rng, own = keyed_rng("order test", *key), tuple(choices)
    if len(own) <= FEW:
        every = sorted(set(permutations(own)) - {own})
        chosen = rng.permutation(len(every))[:count]
        return [list(every[place]) for place in chosen]
    found: dict[tuple[str, ...], None] = {}
    most = min(count, math.factorial(len(own)) // math.prod(map(math.factorial, _repeats(own))) - 1)
    while len(found) < most:
        order = tuple(own[place] for place in rng.permutation(len(own)))
        if order != own:
            found[order] = None
    return [list(order) for order in found]


def _repeats(choices: Sequence[str]) -> list[int]:
    return [choices.count(one) for one in set(choices)]
