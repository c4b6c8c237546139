"""Minimum description length by linear probes on hidden states (see `description_length`)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill.engine.probe_recipe import LAYERS, Layers, ProbeRecipe
from uphill.hardness.data import Graded, Responded
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
from uphill.schemas.names import HARDNESS_POOL

RUNS_MODEL = False
READS_RESPONSES = True
LIKE = ("probe",)


class Settings(BaseModel):
    """How often and on how much the probes train."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sizes: Sizes = Field([5, 20, 80, 340, 900], min_length=1, description="Training sizes of the probe.")
    boots: int = Field(5, ge=1, le=1000, description="Draws of the probe's training items.")
    layers: Layers | None = Field(None, min_length=1, description=LAYERS)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The published score and its `_bits`, where there are choices to choose from and a hardness pool to train on."""
    return names(name) if trainable(dataset) and not dataset.generative else []


def measure(name: str, settings: Settings, data: Responded) -> pd.DataFrame:
    """Both values of every item.

    Probes train on the hardness pool only. They score its items too, so that each item has a value, but the published
    scores of items that some probe trained on are optimistic (their bits are not); experiments use the other pool.
    """
    # torch takes seconds to import, and reading the config imports this module.
    from uphill.engine.probes import Features, fit_probes

    table = data.responses
    gold, sizes = table.gold(data.items), sorted(settings.sizes)
    fits = [(size, boot) for boot in range(settings.boots) for size in sizes]
    rows = [table.rows(training_items(data, size, boot)) for size, boot in fits]
    states = table.states_of(settings.layers)
    features, keys = Features(states, table.exists), [fit_key(data, size, boot) for size, boot in fits]
    probes = fit_probes(features, rows, [gold[chosen] for chosen in rows], keys, ProbeRecipe())
    p_gold = probes.all_probabilities(states, table.exists)[:, np.arange(len(gold)), gold].astype(np.float64)
    # A probe's float32 softmax may say 0; no answer costs infinitely much.
    log_p = np.log(np.maximum(p_gold, np.finfo(np.float32).tiny)).reshape(settings.boots, len(sizes), len(gold))
    pool = int((data.items["pool"] == HARDNESS_POOL).sum())
    own = places(data, settings.boots, table.item_ids)
    return described(name, table.item_ids, log_p, code_length(log_p, sizes, pool, np.log2(table.exists.sum(1)), own))
