"""The job that trains a model of the config: items and labels, joined by id, become the texts of one fit."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from uphill.engine.merging import refuse_tied
from uphill.engine.opening import open_model
from uphill.engine.saving import remove_others, save
from uphill.engine.text_recipe import ModelRecipe
from uphill.engine.text_training import TextFits, Training
from uphill.errors import UphillError
from uphill.methods.asking import taught_prompts, text_prompts
from uphill.methods.context import Source
from uphill.running import cache
from uphill.running.job import Running
from uphill.schemas.files import write_json
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS, UNSURE
from uphill.weak_to_strong.taught import taught

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded
    from uphill.engine.tokens import Prompt


def run_job(job: Running) -> None:
    """Train a model, unless another checkout did; a job that was killed goes on where it was.

    Raises:
        UphillError: an item has a label and is not there, or cannot be learned, or the recipe does not fit them.
    """
    files = [Path(path) for path in job.output.model]
    remove_others(files)
    if not cache.fetch(job):
        _train(job, files)
        cache.store(job)


def _train(job: Running, files: Sequence[Path]) -> None:
    """Write a model's files, and what the training did."""
    settings = job.settings
    recipe = ModelRecipe.model_validate(settings["recipe"])
    items, labels = job.read("questions", ITEMS).set_index("item_id"), job.read("labels", LABELS).set_index("item_id")
    scratch, began = job.scratch_of(job.spec["id"]), time.monotonic()
    loaded = open_model(job, settings["model"])
    try:
        if recipe.adapter is not None:
            refuse_tied(loaded.model, recipe.adapter.target_modules)
        prompts = lessons(loaded, source_of(settings, items), labels, settings["labels"], recipe.cot)
        # Not the model's name: on the same items, two trainings differ in their labels alone.
        key = ("model", settings["dataset"], *settings["seed"])
        fits = TextFits(loaded, recipe, outputs=files)
        with fits.fitted(prompts, key, scratch) as (_, training):
            save(fits, files, scratch / "made", [prompt.text for prompt in prompts])
            write_json(Path(job.output.training), told(training, len(prompts), recipe, time.monotonic() - began))
    except UphillError as error:
        raise UphillError(f"models.{settings['model']['name']}: {error}") from None


def source_of(settings: dict[str, Any], items: pd.DataFrame) -> Source:
    """The dataset as its questions are put to the model; nothing is drawn of it."""
    return Source(settings["dataset"], items, pd.DataFrame(), max_new_tokens=0, **settings["put"])


def lessons(loaded: "Loaded", source: Source, labels: pd.DataFrame, name: str, cot: bool) -> "list[Prompt]":
    """What is learned of each labelled item, in the order of their ids.

    Args:
        loaded: the model.
        source: the dataset.
        labels: rows of the labels contract, indexed by item_id, in any order.
        name: of the labels, for messages.
        cot: whether reasoning is learned too.

    Raises:
        UphillError: there are no labels, or one is of no item, of none of its choices, or an empty text.
    """
    labels = labels[labels["origin"] != UNSURE]
    if labels.empty:
        raise UphillError(f"labels.{name}: no item has one, expected some to train on")
    unknown = labels.index.difference(source.items.index)
    if len(unknown):
        raise UphillError(f"labels.{name}: item {unknown[0]!r} is none of dataset {source.name!r}, expected its items")
    texts = labels["text"].dropna()
    empty = texts.index[texts.str.strip() == ""]
    if len(empty):
        raise UphillError(f"labels.{name}: the text of item {empty[0]!r} is empty, expected something to learn")
    built = labels.index.difference(texts.index)
    found = text_prompts(loaded, source, source.items.loc[texts.index], list(texts), cot) if len(texts) else []
    if len(built):
        found += taught_prompts(loaded, source, taught(source.items.loc[built], labels, name), cot)
    return sorted(found, key=lambda prompt: prompt.item_id)


def told(training: Training, n_items: int, recipe: ModelRecipe, seconds: float) -> dict[str, Any]:
    """What a training did, for people.

    Returns:
        items; updates; tokens, read in all, padding left out; loss, the mean of each pass's updates, in nats a learned
        token; cut, texts that lost their end; seconds, of the attempt that finished, loading included.
    """
    return {
        "items": n_items,
        "updates": training.updates,
        "tokens": training.tokens,
        "loss": by_pass(training.loss, n_items, recipe.batch_items),
        "cut": training.cut,
        "seconds": round(seconds, 1),
    }


def by_pass(loss: Sequence[float], n_items: int, batch_items: int) -> list[float]:
    """Mean loss of the updates that begin in each pass over the items."""
    passes = pd.Series([update * batch_items // n_items for update in range(len(loss))])
    return [round(float(mean), 6) for mean in pd.Series(list(loss)).groupby(passes).mean()]
