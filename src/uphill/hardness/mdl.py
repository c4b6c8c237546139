"""Minimum description length: how little a model gives for the gold answer, zero-shot or after a few examples.

Two values, named apart, both averaged over the hardness models:

* the published score, 1 - mean p(gold) over training sizes and boots (Hase et al. 2024, section 3.2 and code release);
* `..._bits`, the prequential code length of the gold answer, in bits: what it costs to send it when the answers of a
  whole hardness pool are sent one after the other, each with a model trained on those before (Voita and Titov 2020).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.randomness import keyed_rng
from uphill.responses import ResponseTable
from uphill.schemas import HARDNESS_POOL

READS_RESPONSES = True


class Settings(BaseModel):
    """How the model learns before it is asked; `zero_shot` does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["zero_shot", "probe"] = Field(description="zero_shot, or probe: a linear probe on hidden states.")
    sizes: list[int] = Field([5, 20, 80, 340, 900], min_length=1, description="Training sizes of the probe.")
    boots: int = Field(5, ge=1, description="Draws of the probe's training items.")


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The published score, named after the config entry, and its `_bits`.

    A probe needs choices to choose from, and a hardness pool to train on.
    """
    trainable = dataset.hardness_pool > 0 and not dataset.generative
    return [name, f"{name}_bits"] if trainable or settings.method == "zero_shot" else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """Both values of every item, averaged over the hardness models.

    Probes train on the hardness pool only. They score its items too, so that each item has a value, but the values of
    items that some probe trained on are optimistic; experiments use the other pool.
    """
    score = _probe if settings.method == "probe" else _zero_shot
    scores = [score(settings, data, table) for _, table in sorted(data.responses.items())]
    mean = sum(scores[1:], start=scores[0]) / len(scores)
    return long_form(mean.rename(columns={"score": name, "bits": f"{name}_bits"}), kind="model")


def _bits(p_gold: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log2 p, with p kept above the smallest normal number: no answer costs infinitely much."""
    return -np.log2(np.maximum(p_gold, np.finfo(np.float32).tiny))


def _zero_shot(settings: Settings, data: HardnessData, table: ResponseTable) -> pd.DataFrame:  # noqa: ARG001 - as _probe
    """Without training every answer is sent with the same model, so the code length is -log2 p(gold)."""
    p_gold = table.p_gold(table.gold(data.items))
    return pd.DataFrame({"score": 1 - p_gold, "bits": _bits(p_gold)}, index=table.item_ids)


def _probe(settings: Settings, data: HardnessData, table: ResponseTable) -> pd.DataFrame:
    """The published mean over sizes and boots, and the prequential code length, averaged over boots."""
    # torch takes seconds to import, and reading the config imports this module.
    from uphill.engine.probe_recipe import ProbeRecipe
    from uphill.engine.probes import Features, fit_probes

    gold, sizes = table.gold(data.items), sorted(settings.sizes)
    fits = [(size, boot) for boot in range(settings.boots) for size in sizes]
    rows = [_training_rows(data, table, size, boot) for size, boot in fits]
    keys = [("mdl", data.dataset.name, size, boot, data.seed) for size, boot in fits]
    features = Features(table.states, table.exists, gold)
    probes = fit_probes(features, rows, keys, ProbeRecipe())
    found = [probes.probabilities(fit, table.states, table.exists) for fit in range(len(fits))]
    p_gold = np.array([p[np.arange(len(gold)), gold] for p in found], dtype=np.float64)
    p_gold = p_gold.reshape(settings.boots, len(sizes), len(gold))
    pool = int((data.items["pool"] == HARDNESS_POOL).sum())
    bits = code_length(p_gold, sizes, pool, np.log2(table.exists.sum(1)))
    return pd.DataFrame({"score": 1 - p_gold.mean((0, 1)), "bits": bits.mean(0)}, index=table.item_ids)


def code_length(
    p_gold: NDArray[np.float64], sizes: Sequence[int], pool: int, uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[B, N] expected bits that an item's answer costs at a random place of the message.

    The answers before `sizes[0]` are sent with the uniform code, those from `sizes[k]` up to `sizes[k + 1]` with the
    model trained on `sizes[k]`, the rest of the pool with the last one.

    Args:
        p_gold: [B, K, N] probability of the gold answer, by boot, training size and item.
        sizes: K training sizes, growing.
        pool: how many answers the message holds.
        uniform: [N] bits of the uniform code, log2 of the number of choices.
    """
    blocks = np.diff([*sizes, pool]).astype(np.float64)
    learned = np.einsum("k,bkn->bn", blocks, _bits(p_gold))
    return (sizes[0] * uniform + learned) / pool


def _training_rows(data: HardnessData, table: ResponseTable, size: int, boot: int) -> NDArray[np.int64]:
    """The first `size` items of the pool in the boot's order, so that smaller sizes are nested in larger ones."""
    pool = sorted(data.items.index[data.items["pool"] == HARDNESS_POOL])
    if size > len(pool):
        raise UphillError(
            f"dataset {data.dataset.name!r}: MDL trains on {size} items, expected at most the {len(pool)} of the "
            "hardness pool"
        )
    order = keyed_rng("mdl order", data.dataset.name, boot, data.seed).permutation(len(pool))[:size]
    return table.rows([pool[index] for index in order])
