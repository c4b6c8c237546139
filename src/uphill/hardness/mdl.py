"""Minimum description length: how little a model gives for the gold answer, zero-shot or after a few examples.

The published score is 1 - mean p(gold) over training sizes and boots (Hase et al. 2024, section 3.2 and code release),
averaged over the hardness models.
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
    """One variable, named after the config entry; a probe needs choices to choose from."""
    return [] if settings.method == "probe" and dataset.generative else [name]


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """1 - mean p(gold) of every item, averaged over the hardness models.

    Probes train on the hardness pool only. They score its items too, so that each item has a value, but the values of
    items that some probe trained on are optimistic; experiments use the other pool.
    """
    p_gold = _probe if settings.method == "probe" else _zero_shot
    scores = [p_gold(settings, data, table).rename(model) for model, table in sorted(data.responses.items())]
    hardness = 1 - pd.concat(scores, axis=1).mean(axis=1)
    return long_form(hardness.to_frame(name), kind="model")


def _zero_shot(settings: Settings, data: HardnessData, table: ResponseTable) -> pd.Series:  # noqa: ARG001 - as _probe
    return pd.Series(table.p_gold(table.gold(data.items)), index=table.item_ids)


def _probe(settings: Settings, data: HardnessData, table: ResponseTable) -> pd.Series:
    """Mean p(gold) over probes of every size and boot."""
    # torch takes seconds to import, and reading the config imports this module.
    from uphill.engine.probe_recipe import ProbeRecipe
    from uphill.engine.probes import Features, fit_probes

    gold = table.gold(data.items)
    fits = [(size, boot) for boot in range(settings.boots) for size in settings.sizes]
    rows = [_training_rows(data, table, size, boot) for size, boot in fits]
    keys = [("mdl", data.dataset.name, size, boot, data.seed) for size, boot in fits]
    features = Features(table.states, table.exists, gold)
    probes = fit_probes(features, rows, keys, ProbeRecipe())
    found = [probes.probabilities(fit, table.states, table.exists) for fit in range(len(fits))]
    return pd.Series(np.mean([p[np.arange(len(gold)), gold] for p in found], axis=0), index=table.item_ids)


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
