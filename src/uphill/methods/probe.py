"""A linear probe on the frozen states of the zero-shot pass (Hase et al. 2024, section 4 and code release).

All cells of a job are fitted as one batched computation; no model is loaded.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from uphill.engine.probe_recipe import LAYERS, Layers, ProbeRecipe
from uphill.methods.context import Cell, Context, Predicted, chosen

RUNS_MODEL = False
READS_RESPONSES = True
TAKES_SOFT = True


class Settings(ProbeRecipe):
    """The recipe, and how many items it is fitted to."""

    n_train: int = Field(160, ge=2, le=100_000, description="Training items.")
    layers: Layers | None = Field(None, min_length=1, description=LAYERS)
    loss: Literal["xent", "logconf", "product"] = Field(
        "xent",
        description="xent: cross-entropy on the labels, which may be soft. Of a weaker model's labels also logconf, "
        "which mixes the probe's own opinion in, or product, which multiplies them by it (Burns et al. 2023).",
    )


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit the cells of each train source together, then choose for each cell's test items."""
    from uphill.engine.probes import Features, fit_probes

    asked = context.target.responses
    for source in context.sources:
        own = [cell for cell in cells if cell.train_dataset == source.name]
        if not own:
            continue
        shown, training = source.responses, [context.train_items(cell) for cell in own]
        rows = [shown.rows(list(items.index)) for items in training]
        # A cell's own labels, which may be noisy.
        labels: list[Any] = [_labels(items, shown.exists.shape[1]) for items in training]
        features = Features(shown.states_of(settings.layers), shown.exists)
        keys = [context.key(cell) for cell in own]
        probes = fit_probes(features, rows, labels, keys, settings, loss=settings.loss)
        probabilities = probes.all_probabilities(asked.states_of(settings.layers), asked.exists)
        for cell, probability in zip(own, probabilities, strict=True):
            items = context.test_items(cell)
            tested = asked.rows(list(items.index))
            with np.errstate(divide="ignore"):  # a choice that does not exist has probability 0
                yield cell, chosen(items, np.log(probability[tested].astype(np.float64)))


def _labels(items: pd.DataFrame, choices: int) -> NDArray[np.int64] | NDArray[np.float64]:
    """The labels of n items: [n] choices, or [n, choices] probabilities where labels are soft."""
    if "soft" not in items:
        return items["answer_idx"].to_numpy(dtype=np.int64)
    soft = np.zeros((len(items), choices))
    for row, shares in enumerate(items["soft"]):
        soft[row, : len(shares)] = shares
    return soft
