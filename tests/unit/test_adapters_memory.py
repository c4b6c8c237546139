"""Fits of adapters where memory is short: packs of any size, and what is tried in turn, give the same fit."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import (
    tiny,
)
from lora_sets import QUICK, flat, toy, weights
from numpy.typing import NDArray

from uphill.engine import adapters as adapters_module
from uphill.engine.adapters import Adapters
from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.errors import UphillError


def fitted_weights(loaded: Loaded, recipe: LoraRecipe, adapters: Adapters | None = None) -> dict[str, torch.Tensor]:
    prompts, gold = toy(12)
    with (adapters or Adapters(loaded, recipe)).fitted(prompts, gold, ("memory",)) as fitted:
        return {name: weight for name, weight in weights(fitted).items() if "lora" in name}


def fails(monkeypatch: pytest.MonkeyPatch, times: int, first: int = 3, error: Exception | None = None) -> list[int]:
    """Let the training's forward fail from its call number `first` on, so many times; returns the packs' lengths."""
    forward, lengths = adapters_module.forward, []

    def failing(loaded: Loaded, layout: Any, *rest: Any) -> torch.Tensor:
        lengths.append(len(layout.last_rows))
        if first <= len(lengths) < first + times:
            raise error or torch.OutOfMemoryError("no room")
        return forward(loaded, layout, *rest)

    monkeypatch.setattr(adapters_module, "forward", failing)
    return lengths


@pytest.mark.parametrize("kind", ["llama", pytest.param("gpt2", marks=pytest.mark.nightly)])
def test_dropout_is_the_same_in_packs_of_any_size(kind: str) -> None:
    prompts, gold = toy(12)
    # A base model's own dropout would be drawn by pack.
    own = {"resid_pdrop": 0.1, "attn_pdrop": 0.1} if kind == "gpt2" else {}

    def fit(budget: int, dropout: float = 0.2, packed: bool | None = None) -> NDArray[np.float64]:
        loaded = dataclasses.replace(tiny(kind, budget, **own), packed=packed)
        recipe = QUICK.model_copy(update={"dropout": dropout, "target_modules": "all-linear", "lr": 2e-3})
        with Adapters(loaded, recipe).fitted(prompts, gold, ("packs",)) as fitted:
            return flat(fitted, prompts)

    whole = fit(4096)
    without = np.abs(fit(4096, dropout=0.0) - whole).max()
    for other in (fit(50), fit(1), fit(4096, packed=False)):
        # float32 sums in another order: some 1e-5 nats apart.
        assert np.abs(other - whole).max() <= 1e-4
    assert without > 0.1


@pytest.mark.parametrize(("dropout", "schedule_name"), [(0.0, "items"), (0.2, "items"), (0.2, "published")])
def test_a_fit_survives_the_end_of_memory(
    dropout: float, schedule_name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = tiny("llama")
    recipe = QUICK.model_copy(update={"dropout": dropout, "schedule": schedule_name, "batch_sequences": 12, "lr": 1e-3})
    undisturbed = fitted_weights(loaded, recipe)
    adapters = Adapters(loaded, recipe)
    with monkeypatch.context() as patch:
        lengths = fails(patch, times=2)
        found = fitted_weights(loaded, recipe, adapters)
    assert len(caplog.records) == 2
    # A quarter of what was in a pack, from then on.
    assert max(lengths[5:]) <= max(lengths[:2]) // 2
    assert loaded.pack_tokens == 4096
    # Sums in another order: some 3e-8 apart, after steps of up to the learning rate, 1e-3.
    for name, weight in undisturbed.items():
        assert (found[name] - weight).abs().max() <= 1e-6
    assert any((weight != found[name]).any() for name, weight in undisturbed.items())


def test_the_last_resort_is_checkpointing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny("llama", pack_tokens=1)
    recipe = QUICK.model_copy(update={"dropout": 0.2})
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1

    fitted_weights(loaded, recipe)  # with it the check of packing, which is made once
    hook = loaded.model.model.layers[0].self_attn.register_forward_hook(count)
    undisturbed = fitted_weights(loaded, recipe)
    once = passes
    adapters = Adapters(loaded, recipe)
    with monkeypatch.context() as patch:
        fails(patch, times=1)
        found = fitted_weights(loaded, recipe, adapters)
    hook.remove()
    assert "checkpointing" in caplog.text
    # From then on, each layer runs once more for its gradient.
    assert passes - once > 1.8 * once
    assert not loaded.model.is_gradient_checkpointing
    # The same operations on the same numbers.
    assert all(torch.equal(weight, found[name]) for name, weight in undisturbed.items())
    # What was learned about the device holds for the next fit; what does not fit even so is said in one line.
    with monkeypatch.context() as patch:
        fails(patch, times=1)
        with pytest.raises(UphillError, match=r"item of \d+ tokens alone does not fit"):
            fitted_weights(loaded, recipe, adapters)
    assert not any("lora" in name for name in weights(loaded))
