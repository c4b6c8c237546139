"""LoRA fits side by side: each is the fit alone, whatever stands beside it; what cannot be stacked is fitted alone."""

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import met_before, tiny
from hypothesis import given
from hypothesis import strategies as st
from lora_sets import QUICK, flat, toy, weights
from numpy.typing import NDArray

from uphill.engine import stacked_adapters, stacked_pass
from uphill.engine.adapters import Adapters
from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.stacked_adapters import Fit, fitted_in_turn, side_by_side
from uphill.errors import UphillError
from uphill.running.noting import forget, noted

# Two batches an epoch of all of them; the last ones, and so the packs, are of different sizes.
SIZES = (12, 9, 10)
# Gradients far above their largest norm, so that what they are clipped by shows.
RECIPE = QUICK.model_copy(update={"dropout": 0.2, "lr": 2e-3, "epochs": 2, "min_updates": 1, "clip": 0.05})
Ended = tuple[NDArray[np.float64], torch.Tensor]


def grid(sizes: Sequence[int] = SIZES) -> list[Fit]:
    """Fits to items of their own; every third item of the second has one text."""
    fits = [Fit(*toy(size, seed=number), ("grid", number)) for number, size in enumerate(sizes)]
    for place in range(0, len(fits[1].prompts), 3):
        fits[1].prompts[place] = dataclasses.replace(fits[1].prompts[place], choices=["w30 w31"])  # type: ignore[index]
        fits[1].gold[place] = 0  # type: ignore[index]
    return fits


def ended(loaded: Loaded, recipe: LoraRecipe, fits: Sequence[Fit], most: int | None) -> list[Ended]:
    """Scores of some items, and the weights, that each fit ends with."""
    asked, found = toy(6, seed=9)[0], []
    with closing(fitted_in_turn(Adapters(loaded, recipe), fits, most)) as models:
        for fitted in models:
            own = [weight.flatten() for name, weight in weights(fitted).items() if "lora" in name]
            found.append((flat(fitted, asked), torch.cat(own)))
    return found


def assert_same(found: Sequence[Ended], expected: Sequence[Ended]) -> None:
    assert len(found) == len(expected)
    for (scores, own), (right, alone) in zip(found, expected, strict=True):
        # float32 sums in another order: some 1e-6 apart.
        assert np.abs(scores - right).max() <= 5e-5
        assert (own - alone).abs().max() <= 1e-5


def passes(monkeypatch: pytest.MonkeyPatch, room: int = 2**31, error: type[Exception] = torch.OutOfMemoryError) -> Any:
    """How many fits each stacked pass was of; those of more than there is room for fail."""
    mask, seen = stacked_pass.dense_mask, []

    def watched(until: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(len(until))
        if len(until) > room:
            raise error("no room")
        return mask(until, *rest)

    monkeypatch.setattr(stacked_pass, "dense_mask", watched)
    return seen


# A grouped-query model, GPT-2's own kind of maps, and gradients that several micro-batches add up to.
@pytest.mark.parametrize(
    ("kind", "sizes", "changes"),
    [
        ("llama", SIZES, {"target_modules": "all-linear"}),
        ("gpt2", SIZES, {"dropout": 0.0, "target_modules": "all-linear"}),
        ("llama", (12, 12, 12), {"schedule": "published", "batch_sequences": 12}),
    ],
)
def test_a_stacked_fit_is_the_fit_alone(
    kind: str, sizes: tuple[int, ...], changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = met_before(tiny(kind), "stacked")
    recipe, before = RECIPE.model_copy(update=changes), weights(loaded)
    expected = ended(loaded, recipe, grid(sizes), 1)
    seen = passes(monkeypatch)
    found = ended(loaded, recipe, grid(sizes), 3)
    assert seen[-1] == 3
    assert_same(found, expected)
    assert (expected[0][1] - expected[1][1]).abs().max() > 0.1
    after = weights(loaded)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_fits_of_other_lengths_and_beyond_the_budget_are_not_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = met_before(tiny(), "stacked")
    seen = passes(monkeypatch)
    # Eight items of up to eleven tokens: two fit a pass. The last fit takes three steps, where others take two.
    loaded = dataclasses.replace(loaded, pack_tokens=200, packed=True)
    ended(loaded, RECIPE.model_copy(update={"epochs": 1}), [*grid((9, 9, 9, 9)), *grid((9, 17))], 6)
    # The check, and two stacks.
    assert seen == [2] * (1 + 2 * 2)


def test_memory_that_ends_halves_the_stack(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loaded = met_before(tiny(), "stacked")
    expected = ended(loaded, RECIPE, grid((12, 9, 10, 11)), 1)
    seen = passes(monkeypatch, room=2)
    found = ended(loaded, RECIPE, grid((12, 9, 10, 11)), 4)
    assert seen.count(4) == 1
    assert set(seen) == {4, 2}
    assert "out of memory with 4 LoRA fits side by side: at most 2 from here on" in caplog.text
    assert_same(found, expected)


def test_a_model_that_fails_in_stacks_is_fitted_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = met_before(tiny(), "stacked")
    expected = ended(loaded, RECIPE, grid(), 1)
    forget()
    with monkeypatch.context() as patch:
        # The check has two side by side, and passes.
        passes(patch, room=2, error=RuntimeError)
        assert_same(ended(loaded, RECIPE, grid(), 3), expected)
    assert "LoRA fits side by side: they fail: RuntimeError: no room; fitting one at a time" in caplog.text
    assert any("fitting one at a time" in line for line in noted())
    forget()


def test_what_cannot_be_stacked_is_told(caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny("mixtral")
    adapters = Adapters(loaded, QUICK.model_copy(update={"target_modules": ["gate"]}))
    for _ in range(2):  # found out, and known
        assert not stacked_adapters._can_stack(adapters)
    assert caplog.text.count("MixtralTopKRouter is adapted; fitting one at a time") == 2
    forget()


def test_the_check_finds_gradients_that_another_fit_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = Adapters(tiny(), RECIPE)
    assert stacked_adapters._apart_on_copy(adapters) is None
    mask = stacked_pass.dense_mask
    # All fits get the mask of the first.
    monkeypatch.setattr(stacked_pass, "dense_mask", lambda until, *rest: mask(until[:1].expand_as(until), *rest))
    assert "of their length off those of fits alone" in str(stacked_adapters._apart_on_copy(adapters))


def test_a_loss_that_is_no_number_names_its_fit_and_spares_the_others() -> None:
    loaded = tiny()
    model = copy.deepcopy(loaded.model)
    model.get_input_embeddings().weight.data[-1] = torch.nan
    loaded = dataclasses.replace(loaded, model=model, packed=True)
    fits, asked = grid(), toy(6, seed=9)[0]
    for number, fit in enumerate(fits):
        words = "w1 w39" if number == 1 else "w1 w2"
        fit.prompts[:] = [
            dataclasses.replace(prompt, text=f"w9 {words} w{1 + place % 3}") for place, prompt in enumerate(fit.prompts)
        ]  # type: ignore[index]
    asked = fits[0].prompts
    models = fitted_in_turn(Adapters(loaded, RECIPE), fits, 3)
    assert np.isfinite(flat(next(models), asked)).all()
    with pytest.raises(UphillError, match=r"LoRA fit grid/1: the loss is nan at step 1 of 4, expected a finite number"):
        next(models)
    assert not any("lora" in name for name in weights(loaded))


def test_unasked_a_cpu_takes_one_fit_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, read = met_before(tiny(), "stacked"), []

    def told() -> Iterator[Fit]:
        for number, fit in enumerate(grid()):
            read.append(number)
            yield fit

    monkeypatch.setattr(Adapters, "_train", lambda *_: None)
    with closing(fitted_in_turn(Adapters(loaded, RECIPE), told())) as models:
        for number, _ in enumerate(models):
            assert read == list(range(number + 1))
    assert not any("lora" in name for name in weights(loaded))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60)), max_size=20), st.integers(1, 100), st.integers(1, 6))
def test_stacks_hold_what_fits_in_order(sizes: list[tuple[int, int]], budget: int, most: int) -> None:
    stacks = side_by_side(sizes, budget, most)
    assert [fit for stack in stacks for fit in stack] == list(range(len(sizes)))

    def allowed(stack: list[int]) -> bool:
        shapes, tokens = zip(*(sizes[fit] for fit in stack), strict=True)
        return len({*shapes}) == 1 and len(stack) <= most and len(stack) * max(tokens) <= budget

    assert all(len(stack) == 1 or allowed(stack) for stack in stacks)
    # None would have taken the next fit as well.
    assert not any(allowed([*stack, after[0]]) for stack, after in pairwise(stacks))
