"""Minimum description length by LoRA fits on the hardness pool (see `description_length`).

Multiple-choice items are fitted and scored as choices, written ones by the gold reasoning and answer.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.passes import ResponseTable
from uphill.hardness.data import Graded, OnModel
from uphill.hardness.description_length import (
    Sizes,
    code_length,
    described,
    fit_key,
    names,
    places,
    trainable,
    training_items,
)
from uphill.schemas.measures import MEASURE
from uphill.schemas.names import HARDNESS_POOL

RUNS_MODEL = True
READS_RESPONSES = False
LIKE = ("lora",)

Scored = tuple[NDArray[np.float64], NDArray[np.float64]]


class Settings(LoraRecipe):
    """How often and on how much the adapters train, and how."""

    sizes: Sizes = Field([5, 20, 80, 340, 900], min_length=1, description="Training sizes of the adapter.")
    boots: int = Field(5, ge=1, le=1000, description="Draws of the adapter's training items.")


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The published score and its `_bits`, where there is a hardness pool to train on."""
    return names(name) if trainable(dataset) else []


def measure(name: str, settings: Settings, data: OnModel) -> pd.DataFrame:
    """Both values of every item. The published scores of items that an adapter trained on are optimistic."""
    loaded = data.open_model()
    sizes = sorted(settings.sizes)
    fits = list(_fits(settings, sizes, data))
    log_p = np.array([scored[0] for scored in fits]).reshape(settings.boots, len(sizes), -1)
    length, own = fits[0][1], places(data, settings.boots, list(data.items.index))
    pool = int((data.items["pool"] == HARDNESS_POOL).sum())
    # Before it has learned anything, any choice is as good as another, or any token.
    uniform = (
        length * np.log2(len(loaded.tokenizer))
        if data.dataset.generative
        else np.log2(data.items["choices"].map(len).to_numpy())
    )
    return described(name, list(data.items.index), log_p / length, code_length(log_p, sizes, pool, uniform, own))


def _fits(settings: Settings, sizes: Sequence[int], data: OnModel) -> Iterator[Scored]:
    """Log p(gold) and its length, [N] each, of every fit, by boot and size; one that a killed attempt made is kept."""
    from uphill.engine.adapters import Adapters
    from uphill.engine.asking import ask
    from uphill.engine.fitting import limited_prompts
    from uphill.engine.scoring import score

    recipe = LoraRecipe(**settings.model_dump(include=set(LoraRecipe.model_fields)))
    base = data.open_model()
    adapters = Adapters(base, recipe)
    for boot in range(settings.boots):
        for size in sizes:
            name = f"{boot}-{size}"
            part = data.parts.get(name)
            if part is None:
                training = data.items.loc[training_items(data, size, boot)]
                gold = training["answer_idx"].fillna(0).astype(int).tolist()
                shown, asked = (
                    limited_prompts(base, ask(items, data.prompt, data.cot_prompt)) for items in (training, data.items)
                )
                with adapters.fitted(shown, gold, fit_key(data, size, boot)) as loaded:
                    scores = list(score(loaded, asked, desc=name))
                part = MEASURE.to_arrow(_part(data, ResponseTable.of(scores)), name)
                data.parts.put(name, part)
            yield _values(part, data)


def _part(data: OnModel, table: ResponseTable) -> pd.DataFrame:
    gold = table.gold(data.items)
    values = {"log_p": table.log_p_gold(gold), "length": table.length(gold)}
    rows = pd.DataFrame(values, index=pd.Index(table.item_ids, name="item_id")).reset_index()
    return rows.melt("item_id", var_name="variable", value_name="value").assign(kind="model")


def _values(part: pa.Table, data: OnModel) -> Scored:
    rows = part.to_pandas().pivot(index="item_id", columns="variable", values="value").loc[data.items.index]
    return rows["log_p"].to_numpy(), rows["length"].to_numpy()
