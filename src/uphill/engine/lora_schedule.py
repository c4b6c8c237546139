"""Which items a LoRA fit sees at which step, and at which rate: pure arithmetic, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from uphill.engine.lora_recipe import LoraRecipe
from uphill.randomness import Key, keyed_rng

FINAL_RATE = 0.1
"""Share of the learning rate that a schedule falls to."""
EFFECTIVE_BATCH = 50
"""Items that the published rule gathers for one step."""


@dataclass(frozen=True)
class MicroBatch:
    """Items whose summed loss, times `weight`, is added to the gradient before the gradient's norm is clipped.

    `number` counts the micro-batches of a fit.
    """

    rows: list[int]
    weight: float
    number: int


@dataclass(frozen=True)
class Schedule:
    """The steps of one fit, and the step at which the rate would have fallen to a tenth."""

    steps: list[list[MicroBatch]]
    horizon: int

    def rate(self, step: int) -> float:
        """Share of the learning rate at a step, counted from 0."""
        return max(FINAL_RATE, 1 - (1 - FINAL_RATE) * step / self.horizon)


def schedule(recipe: LoraRecipe, choices: Sequence[int], key: Sequence[Key]) -> Schedule:
    """The schedule that the recipe names, for items with so many choices each."""
    return (_published if recipe.schedule == "published" else _by_items)(recipe, choices, key)


def _by_items(recipe: LoraRecipe, choices: Sequence[int], key: Sequence[Key]) -> Schedule:
    """One batch of `batch_items` a step; the last step has the final rate."""
    epochs = _epochs(recipe, updates=-(-len(choices) // recipe.batch_items))
    batches = _batches(len(choices), recipe.batch_items, epochs, key)
    steps = [[MicroBatch(rows, 1 / len(rows), number)] for number, rows in enumerate(batches)]
    return Schedule(steps, max(1, len(batches) - 1))


def _published(recipe: LoraRecipe, choices: Sequence[int], key: Sequence[Key]) -> Schedule:
    """The rule of the code release, its dropped last steps and its late horizon included.

    Micro-batches are counted through all epochs; those after the last full step are not used.
    """
    n_items, per_item, room = len(choices), max(choices), recipe.batch_sequences
    micro, effective = max(1, room // per_item), min(n_items, EFFECTIVE_BATCH)
    if n_items * per_item < room:
        micro = effective = n_items
    gathered = max(1, effective // micro)
    epochs = _epochs(recipe, updates=-(-n_items // effective))
    batches = [
        # The mean over its items, divided by the micro-batches of a step, times the share of `room` that it fills.
        MicroBatch(rows, sum(choices[row] for row in rows) / room / gathered / len(rows), number)
        for number, rows in enumerate(_batches(n_items, micro, epochs, key))
    ]
    steps = [batches[end - gathered : end] for end in range(gathered, len(batches) + 1, gathered)]
    per_epoch = len(batches) // epochs
    return Schedule(steps, epochs * -(-per_epoch // gathered))


def _epochs(recipe: LoraRecipe, updates: int) -> int:
    """Passes over the items, at `updates` steps each."""
    return max(recipe.epochs, -(-recipe.min_updates // updates))


def _batches(n_items: int, size: int, epochs: int, key: Sequence[Key]) -> list[list[int]]:
    """Whole epochs of batches, each epoch in an order of its own."""
    orders = [keyed_rng("lora order", *key, epoch).permutation(n_items).tolist() for epoch in range(epochs)]
    return [order[first : first + size] for order in orders for first in range(0, n_items, size)]
