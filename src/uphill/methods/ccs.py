"""Contrast-consistent search: an unsupervised probe on the frozen states of the zero-shot pass (Burns et al. 2022).

It is fitted to each cell's training items, whose labels it does not see; all cells of a job as one batched computation.
No model is loaded. `random_probe` is the same without the search.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from uphill.engine.ccs_recipe import CcsRecipe
from uphill.engine.passes import ResponseTable
from uphill.methods.context import Cell, Context, Predicted, chosen

RUNS_MODEL = False
READS_RESPONSES = True

Sign = Literal["zero_shot", "labels"]
SIGN: Any = Field(
    "zero_shot",
    description="What tells a probe from its opposite, on its training items. zero_shot: the choices that the model "
    "itself likes best should be likely, no label is seen; labels (published): turned where less than half is right.",
)


class Settings(CcsRecipe):
    """The recipe, how many items it is fitted to, and which way its answers point."""

    n_train: int = Field(160, ge=2, le=100_000, description="Training items.")
    sign: Sign = SIGN


def misfit(settings: Settings, generative: bool) -> str | None:  # noqa: ARG001 - the interface
    """It needs choices."""
    return "it needs choices" if generative else None


def cells(context: Context, settings: Settings) -> list[Cell]:
    """Every train source, level and boot, as for the supervised probe."""
    return context.supervised_cells(settings.n_train)


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    """Fit the cells of each train source together, then choose for each cell's test items."""
    return choices_of_probes(context, cells, settings, settings.sign)


def choices_of_probes(context: Context, cells: list[Cell], recipe: CcsRecipe, sign: Sign) -> Predicted:
    """Choices of each cell's test items by a probe that is fitted by `recipe` and turned by `sign`."""
    from uphill.engine.ccs import fit_ccs, log_shares
    from uphill.engine.probes import Features

    asked = context.target.responses
    for source in context.sources:
        own = [cell for cell in cells if cell.train_dataset == source.name]
        if not own:
            continue
        shown = source.responses
        rows = [shown.rows(list(context.train_items(cell).index)) for cell in own]
        probes = fit_ccs(Features(shown.states, shown.exists), rows, [context.key(cell) for cell in own], recipe)
        for fit, cell in enumerate(own):
            training, items = context.train_items(cell), context.test_items(cell)
            tested = asked.rows(list(items.index))
            way = _way(probes.logits(fit, shown.states[rows[fit]]), shown, rows[fit], training, recipe, sign)
            logits = way * probes.logits(fit, asked.states[tested])
            yield cell, chosen(items, log_shares(logits, asked.exists[tested], recipe))


def _way(
    logits: NDArray[np.float64],
    shown: ResponseTable,
    rows: NDArray[np.int64],
    training: pd.DataFrame,
    recipe: CcsRecipe,
    sign: Sign,
) -> int:
    """1 for a probe that points the right way, -1 for one whose opposite does, by its logits of training items."""
    from uphill.engine.ccs import log_shares

    exists, every = shown.exists[rows], np.arange(len(rows))
    if sign == "labels":
        picked = np.where(exists, logits, -np.inf).argmax(-1)
        return 1 if (picked == training["answer_idx"].to_numpy(dtype=np.int64)).mean() >= 0.5 else -1
    liked = shown.logprob[rows].argmax(-1)
    along, against = (np.exp(log_shares(way * logits, exists, recipe))[every, liked].mean() for way in (1, -1))
    return 1 if along >= against else -1
