"""Probes: the batched closed-form steps against the published recipe, spelled out with autograd."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from covering import few
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from uphill.engine import probes as probes_module
from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.probes import Features, Probes, fit_probes
from uphill.randomness import Key, keyed_rng

# The engine computes in float32; over 100 steps the probabilities move by some 1e-6 against float64.
CLOSE = 1e-5
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Toy(Features):
    """Features of items whose right choices are known: [N] indices."""

    gold: NDArray[np.int64]


def toy(seed: int, n_items: int = 60, width: int = 12, choices: int = 4, noise: float = 1.0) -> Toy:
    """Items of 2 to `choices` choices, whose right one lies along a direction of its own."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, choices + 1, n_items)
    exists = np.arange(choices) < counts[:, None]
    gold = rng.integers(0, counts)
    states = noise * rng.normal(size=(n_items, choices, width)) * rng.uniform(0.1, 10, width) + rng.normal(size=width)
    states[np.arange(n_items), gold] += 2 * rng.normal(size=width)
    # States come as float16 and are zero where there is no choice.
    states = np.where(exists[..., None], states, 0).astype(np.float16)
    return Toy(states.astype(np.float32), exists, gold)


def published(features: Toy, rows: Sequence[int], key: Sequence[Key], recipe: ProbeRecipe) -> list[Array]:
    """Probabilities of every item's choices by one probe, in float64, item by item, with torch's own optimiser."""
    choices = [
        torch.tensor(states[exists], dtype=torch.float64)
        for states, exists in zip(features.states, features.exists, strict=True)
    ]
    train = torch.cat([choices[row] for row in rows])
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    width = train.shape[1]
    linear = torch.nn.Linear(width, 1, bias=False, dtype=torch.float64)
    bound = 1 / np.sqrt(width)
    start = keyed_rng("probe", *key).uniform(-bound, bound, width).astype(np.float32)
    linear.weight.data = torch.tensor(start, dtype=torch.float64)[None]
    optimiser = torch.optim.SGD(linear.parameters(), lr=recipe.lr)
    horizon = recipe.epochs / 0.9
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.1, 1 - step / horizon))
    for _ in range(recipe.epochs):
        optimiser.zero_grad()
        nll = [
            torch.nn.functional.cross_entropy(
                linear((choices[row] - mean) / std).T, torch.tensor([int(features.gold[row])])
            )
            for row in rows
        ]
        loss = torch.stack(nll).mean() + recipe.l2 * linear.weight.norm()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(linear.parameters(), recipe.clip)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return [linear((states - mean) / std)[:, 0].softmax(0).numpy() for states in choices]


def fit_toy(
    features: Toy, rows: Sequence[NDArray[np.int64]], keys: Sequence[Sequence[Key]], recipe: ProbeRecipe
) -> Probes:
    """Fits that are taught the truth."""
    return fit_probes(features, rows, [features.gold[chosen] for chosen in rows], keys, recipe)


def assert_as_published(
    features: Toy, probes: Probes, fit: int, rows: Sequence[int], key: Sequence[Key], recipe: ProbeRecipe
) -> None:
    found = probes.probabilities(fit, features.states, features.exists)
    for item, expected in enumerate(published(features, rows, key, recipe)):
        assert np.abs(found[item, : len(expected)] - expected).max() <= CLOSE
        assert (found[item, len(expected) :] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_probe_is_the_published_one(seed: int) -> None:
    features, rows = toy(seed), np.arange(5, 45)
    probes = fit_toy(features, [rows], [("key", seed)], ProbeRecipe())
    assert_as_published(features, probes, 0, rows.tolist(), ("key", seed), ProbeRecipe())


@pytest.mark.parametrize(
    "recipe",
    [ProbeRecipe(l2=0), ProbeRecipe(l2=0, clip=0.05), ProbeRecipe(l2=0.1, lr=0.5, epochs=30), ProbeRecipe(epochs=1)],
    ids=["no norm", "clipped", "fast", "one step"],
)
def test_every_constant_of_the_recipe_counts(recipe: ProbeRecipe) -> None:
    features, rows = toy(3), np.arange(40)
    probes = fit_toy(features, [rows], [("k",)], recipe)
    assert_as_published(features, probes, 0, rows.tolist(), ("k",), recipe)
    default = fit_toy(features, [rows], [("k",)], ProbeRecipe())
    assert (default.weight - probes.weight).abs().max() > 100 * CLOSE


def test_nested_sizes_in_one_call() -> None:
    features = toy(4)
    order = np.random.default_rng(0).permutation(60)
    # Sizes out of order and repeated, one with a single item.
    rows = [order[:20], order[:5], order[20:40], order[:50], order[:1]]
    keys: list[tuple[Key, ...]] = [("size", len(chosen), number) for number, chosen in enumerate(rows)]
    probes = fit_toy(features, rows, keys, ProbeRecipe())
    assert probes.weight.shape == probes.std.shape == (5, 12)
    for fit, (chosen, key) in enumerate(zip(rows, keys, strict=True)):
        assert_as_published(features, probes, fit, chosen.tolist(), key, ProbeRecipe())


@few()
@given(st.integers(0, 10**6), st.lists(st.integers(2, 20), min_size=1, max_size=6))
def test_fits_side_by_side_are_those_made_one_by_one(seed: int, sizes: list[int]) -> None:
    features = toy(seed, n_items=20)
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(20)[:size] for size in sizes]
    keys: list[tuple[Key, ...]] = [(seed, number) for number in range(len(sizes))]
    together = fit_toy(features, rows, keys, ProbeRecipe())
    for fit, (chosen, key) in enumerate(zip(rows, keys, strict=True)):
        alone = fit_toy(features, [chosen], [key], ProbeRecipe())
        np.testing.assert_allclose(
            together.probabilities(fit, features.states, features.exists),
            alone.probabilities(0, features.states, features.exists),
            rtol=0,
            atol=CLOSE,
        )


def test_choices_that_do_not_exist_do_not_count() -> None:
    features, rows = toy(5), [np.arange(40)]
    garbage = np.where(features.exists[..., None], features.states, np.float32(1e3))
    probes = [
        fit_toy(Toy(states, features.exists, features.gold), rows, [("k",)], ProbeRecipe())
        for states in (features.states, garbage)
    ]
    assert torch.equal(probes[0].weight, probes[1].weight)
    assert torch.equal(probes[0].std, probes[1].std)


# States come as float16, whose sums over some thousand choices are exact in float32: the deviation is exactly zero.
@pytest.mark.parametrize("value", [0.0, 1.0, 0.3, 7.7, -123.4])
def test_a_feature_that_never_varies_in_training_weighs_as_it_is(value: float) -> None:
    features = toy(6)
    rows = np.arange(40)
    features.states[rows, :, 3] = np.where(features.exists[rows], np.float32(np.float16(value)), 0)
    probes = fit_toy(features, [rows], [("k",)], ProbeRecipe())
    assert probes.std[0, 3] == 1
    # The items behind the training rows do vary in it.
    assert_as_published(features, probes, 0, rows.tolist(), ("k",), ProbeRecipe())


def test_each_fit_is_taught_its_own_labels() -> None:
    features, rows, recipe = toy(12), np.arange(40), ProbeRecipe()
    # Half of the second fit's labels are another choice that exists, as label noise has it.
    taught = features.gold[rows].copy()
    taught[::2] = (taught[::2] + 1) % features.exists[rows[::2]].sum(1)
    keys = [("true",), ("noisy",)]
    probes = fit_probes(features, [rows, rows], [features.gold[rows], taught], keys, recipe)
    assert_as_published(features, probes, 0, rows.tolist(), ("true",), recipe)
    mistaken = Toy(features.states, features.exists, np.concatenate([taught, features.gold[40:]]))
    assert_as_published(mistaken, probes, 1, rows.tolist(), ("noisy",), recipe)


def test_the_same_key_gives_the_same_weights() -> None:
    features, rows = toy(7), np.arange(30)
    first, again, other = (fit_toy(features, [rows], [(key,)], ProbeRecipe()).weight for key in ("one", "one", "two"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_wide_probes_are_the_published_ones() -> None:
    """Far more features than training rows, as real states have, with scales and offsets of many sizes."""
    rng = np.random.default_rng(11)
    features = toy(9, n_items=30, width=2000)
    # A few features with offsets of many deviations, as language models have.
    features.states[:, :, :5] += np.where(features.exists, 500, 0)[..., None]
    states = features.states.astype(np.float16)
    features = Toy(states, features.exists, features.gold)
    rows = [rng.permutation(30)[:20] for _ in range(3)]
    probes = fit_toy(features, rows, [(fit,) for fit in range(3)], ProbeRecipe())
    every = probes.all_probabilities(states, features.exists)
    for fit, chosen in enumerate(rows):
        assert_as_published(features, probes, fit, chosen.tolist(), (fit,), ProbeRecipe())
        assert np.abs(every[fit] - probes.probabilities(fit, states, features.exists)).max() <= CLOSE


# Fewer features than differences of choices, and more: the steps are computed in features, and in products.
@pytest.mark.parametrize("width", [12, 200])
def test_blocks_change_nothing(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features, rows = toy(10, width=width, noise=0.5), [np.arange(start, start + 20) for start in range(5)]
    keys = [(fit,) for fit in range(5)]
    item = 4 * width * 4
    found = []
    # One fit and one item at a time; two fits and seven items; all at once.
    for fit_bytes, read_bytes in ((1, 1), (2 * 20 * item, 7 * item), (2**30, 2**30)):
        monkeypatch.setattr(probes_module, "FIT_BYTES", {"cpu": fit_bytes})
        monkeypatch.setattr(probes_module, "READ_BYTES", {"cpu": read_bytes})
        probes = fit_toy(features, rows, keys, ProbeRecipe(l2=0.2))
        found.append(probes.all_probabilities(features.states, features.exists))
    assert np.abs(found[0] - found[2]).max() <= CLOSE
    assert np.abs(found[1] - found[2]).max() <= CLOSE
    assert_as_published(features, probes, 4, rows[4].tolist(), (4,), ProbeRecipe(l2=0.2))


@pytest.mark.parametrize("width", [12, 200])
def test_a_norm_that_outweighs_the_data_leaves_weights_near_zero(width: int) -> None:
    """They step to and fro around zero, and rounding decides on which side; they stay numbers, as the published do."""
    features, rows, recipe = toy(10, width=width), np.arange(20), ProbeRecipe(l2=30)
    probes = fit_toy(features, [rows], [("k",)], recipe)
    found = probes.probabilities(0, features.states, features.exists)
    # No step is longer than the rate, which ends at 0.0054.
    assert probes.weight.norm() <= 0.01
    for item, expected in enumerate(published(features, rows.tolist(), ("k",), recipe)):
        assert np.abs(found[item, : len(expected)] - expected).max() <= 0.02


def test_a_probe_learns() -> None:
    features = toy(8, n_items=300, noise=0.3)
    features.states[np.arange(300), features.gold] += np.float32(1.5)
    probes = fit_toy(features, [np.arange(150)], [("k",)], ProbeRecipe())
    picked = probes.probabilities(0, features.states, features.exists).argmax(-1)
    guessing = (1 / features.exists.sum(1)).mean()
    # 150 unseen items: 0.2 is five standard errors of an accuracy.
    assert (picked == features.gold)[150:].mean() > guessing + 0.2
