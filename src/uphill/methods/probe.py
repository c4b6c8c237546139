"""A linear probe on the frozen states of the zero-shot pass (Hase et al. 2024, section 4 and code release).

All cells of a job are fitted as one batched computation; no model is loaded.
"""

import numpy as np
from pydantic import Field

from uphill.engine.probe_recipe import ProbeRecipe
from uphill.methods.context import Cell, Context, Predicted, chosen

RUNS_MODEL = False
READS_RESPONSES = True


class Settings(ProbeRecipe):
    """The recipe, and how many items it is fitted to."""

    n_train: int = Field(160, ge=2, le=100_000, description="Training items.")


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
        gold = [items["answer_idx"].to_numpy(dtype=np.int64) for items in training]
        features, keys = Features(shown.states, shown.exists), [context.key(cell) for cell in own]
        probes = fit_probes(features, rows, gold, keys, settings)
        probabilities = probes.all_probabilities(asked.states, asked.exists)
        for cell, probability in zip(own, probabilities, strict=True):
            items = context.test_items(cell)
            tested = asked.rows(list(items.index))
            with np.errstate(divide="ignore"):  # a choice that does not exist has probability 0
                yield cell, chosen(items, np.log(probability[tested].astype(np.float64)))
