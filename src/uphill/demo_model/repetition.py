"""How often a model of the family met the items that its training text repeats, and what came of it."""

import random
from itertools import islice
from typing import Any

import pandas as pd

from uphill.datasets.world import REPEATED_TABLES, Settings, load
from uphill.demo_model.evaluate import POOL_SEED, Reader, by_steps, choice_probabilities, easy, gold
from uphill.demo_model.repeated import repeated_items
from uphill.demo_model.text import repeating
from uphill.demo_model.tokenizer import split
from uphill.demo_model.train import TrainSettings
from uphill.prompts.templates import SEPARATOR

SAMPLED = 400
"""Documents that are measured: the mean number of their items is known to one in two hundred."""


def meetings(settings: TrainSettings) -> float:
    """How often the training text says a repeated item with its answer, on average over them."""
    documents = settings.steps * settings.documents_per_step * settings.text.repeated
    whole = [_items_of(random.Random(sample), settings.document_tokens) for sample in range(SAMPLED)]
    return documents * sum(whole) / len(whole) / len(repeated_items())


def _items_of(rng: random.Random, tokens: int) -> int:
    """How many items a document of so many tokens says up to their answers."""
    room, whole = tokens - 1, 0  # BOS is one
    for example, _ in islice(repeating(rng), tokens):
        room -= len(split(example))
        if room < 0:
            break
        whole += 1
        room -= len(split(SEPARATOR))
    return whole


def repetition(settings: TrainSettings, reader: Reader) -> dict[str, Any]:
    """The repeated items of `REPEATED_TABLES`, how often each was met, and accuracies on them and on the others."""
    tables = pd.concat([load(table) for table in REPEATED_TABLES], ignore_index=True)
    return {
        "items": len(repeated_items()),
        "share_of_items": round(float(tables.in_training_text.mean()), 4),
        "meetings": round(meetings(settings)),
        **accuracies(reader, tables),
    }


def accuracies(reader: Reader, items: pd.DataFrame) -> dict[str, list[float]]:
    """By number of steps, the accuracy on items of training text and on all others.

    Zero-shot, and after easy examples of the dial that are in no training text.
    """
    read = items.in_training_text
    shots = easy(load(Settings(domain="dial", n_items=1600, seed=POOL_SEED)))
    results = {}
    for name, examples in {"zero_shot": None, "easy_shots": shots}.items():
        right = choice_probabilities(reader, items, examples).argmax(1) == gold(items)
        for group, rows in {"repeated": read, "others": ~read}.items():
            results[f"{name}_{group}"] = by_steps(right[rows.to_numpy()], items[rows])
    return results
