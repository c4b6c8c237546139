"""Contrast-consistent search against a slow version of it, and on states with a known consistent direction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from uphill.engine import ccs as ccs_module
from uphill.engine.ccs import ContrastProbes, fit_ccs, log_shares
from uphill.engine.ccs_recipe import CcsRecipe
from uphill.engine.probes import Features
from uphill.randomness import Key, keyed_rng

# The engine computes in float32 and AdamW divides by the size of gradients, so that rounding in a gradient of nearly
# zero moves a weight by a share of the rate: over 25 steps logits of size 1 differ by some 1e-4 from float64.
CLOSE = 1e-3
SHORT = CcsRecipe(epochs=25, restarts=3)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Toy(Features):
    """Features of items whose right choices are known: [N] indices."""

    gold: NDArray[np.int64]


def toy(seed: int, n_items: int = 60, width: int = 16, choices: int = 2, ragged: bool = False) -> Toy:
    """Items with one right choice, which lies along one direction and the others against it; and a word for a place."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, choices + 1, n_items) if ragged else np.full(n_items, choices)
    exists = np.arange(choices) < counts[:, None]
    gold = rng.integers(0, counts)
    direction, words = rng.normal(size=width), 5 * rng.normal(size=(choices, width))
    states = rng.normal(size=(n_items, 1, width)) + rng.normal(size=(n_items, choices, width)) + words
    truth = np.where(np.arange(choices) == gold[:, None], 1.0, -1.0)
    states += 4 * truth[..., None] * direction / np.linalg.norm(direction)
    return Toy(np.where(exists[..., None], states, 0).astype(np.float32), exists, gold)


def slow(features: Features, rows: Sequence[int], key: Sequence[Key], recipe: CcsRecipe) -> tuple[list[Array], float]:
    """Logits of every item's choices by one probe, and its loss: in float64, one start, item and choice at a time."""
    items = [
        torch.tensor(states[exists], dtype=torch.float64)
        for states, exists in zip(features.states, features.exists, strict=True)
    ]
    every_choice, means = torch.cat([items[row] for row in rows]), []
    for place in range(features.exists.shape[1]):
        here = [items[row][place] for row in rows if len(items[row]) > place]
        means.append(torch.stack(here).mean(0) if len(here) > 1 else every_choice.mean(0))
    squares = [(state - means[place]) ** 2 for row in rows for place, state in enumerate(items[row])]
    taken = sum(sum(len(items[row]) > place for row in rows) > 1 for place in range(len(means)))
    std = (torch.stack(squares).sum(0) / (len(squares) - taken)).sqrt()
    normalised = [(item - torch.stack(means[: len(item)])) / std for item in items]
    kept, lowest = None, np.inf
    for restart in range(recipe.restarts):
        linear, loss = one_start(normalised, rows, [*key, restart], recipe)
        if loss < lowest:
            kept, lowest = linear, loss
    assert kept is not None
    with torch.no_grad():
        return [kept(item)[:, 0].numpy() for item in normalised], lowest


def one_start(
    items: list[torch.Tensor], rows: Sequence[int], key: Sequence[Key], recipe: CcsRecipe
) -> tuple[torch.nn.Linear, float]:
    """A probe from one start, and its loss."""
    width = items[0].shape[1]
    linear = torch.nn.Linear(width, 1, dtype=torch.float64)
    bound = 1 / np.sqrt(width)
    start = torch.tensor(keyed_rng("ccs", *key).uniform(-bound, bound, width + 1).astype(np.float32)).double()
    linear.weight.data, linear.bias.data = start[None, :-1], start[-1:]
    # The bias makes no difference to a softmax: it stays as it is.
    moved = [linear.weight] if recipe.probability == "softmax" else [linear.weight, linear.bias]
    optimiser = torch.optim.AdamW(moved, lr=recipe.lr, weight_decay=recipe.weight_decay)

    def loss() -> torch.Tensor:
        found = []
        for row in rows:
            logits = linear(items[row])[:, 0]
            p = logits.softmax(0) if recipe.probability == "softmax" else torch.sigmoid(logits)
            found.append((1 - p.sum()) ** 2 + min(p) ** 2)
        return torch.stack(found).mean()

    for _ in range(recipe.epochs):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    return linear, loss().item()


def assert_as_slow(
    features: Features, probes: ContrastProbes, fit: int, rows: Sequence[int], key: Sequence[Key], recipe: CcsRecipe
) -> None:
    found, (every, loss) = probes.logits(fit, features.states), slow(features, rows, key, recipe)
    assert probes.loss[fit].item() == pytest.approx(loss, abs=CLOSE)
    for item, expected in enumerate(every):
        assert np.abs(found[item, : len(expected)] - expected).max() <= CLOSE * max(1, np.abs(expected).max())


@pytest.mark.parametrize(
    "recipe",
    [
        SHORT,
        SHORT.model_copy(update={"probability": "softmax"}),
        SHORT.model_copy(update={"lr": 0.002, "weight_decay": 0.5, "restarts": 1}),
    ],
    ids=["default", "softmax", "decaying"],
)
@pytest.mark.parametrize(("choices", "ragged"), [(2, False), (4, True)], ids=["pairs", "ragged"])
def test_a_search_is_the_slow_one(recipe: CcsRecipe, choices: int, ragged: bool) -> None:
    features, rows = toy(choices, 40, choices=choices, ragged=ragged), np.arange(5, 30)
    probes = fit_ccs(features, [rows], [("k", 1)], recipe)
    assert_as_slow(features, probes, 0, rows.tolist(), ("k", 1), recipe)


def test_fits_of_several_sizes_in_one_call() -> None:
    features, order = toy(1, 40, choices=3, ragged=True), np.random.default_rng(0).permutation(40)
    # The smallest has places that one item has, or none.
    rows = [order[:20], order[:3], order[15:35]]
    keys = [(number,) for number in range(len(rows))]
    probes = fit_ccs(features, rows, keys, SHORT)
    for fit, (chosen, key) in enumerate(zip(rows, keys, strict=True)):
        assert_as_slow(features, probes, fit, chosen.tolist(), key, SHORT)


@pytest.mark.parametrize("fit_bytes", [1, 2**30])
def test_fits_side_by_side_are_those_made_one_by_one(fit_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccs_module, "FIT_BYTES", {"cpu": fit_bytes})
    features, rows = toy(2, choices=4), [np.arange(start, start + 20) for start in range(4)]
    together = fit_ccs(features, rows, [(fit,) for fit in range(4)], SHORT)
    for fit, chosen in enumerate(rows):
        alone = fit_ccs(features, [chosen], [(fit,)], SHORT)
        np.testing.assert_allclose(
            together.logits(fit, features.states), alone.logits(0, features.states), rtol=CLOSE, atol=CLOSE
        )


def test_blocks_of_items_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = toy(3)
    probes = fit_ccs(features, [np.arange(20)], [("k",)], SHORT)
    whole = probes.logits(0, features.states)
    monkeypatch.setattr(ccs_module, "READ_BYTES", {"cpu": 7 * 2 * 16 * 4})
    # Sums of 16 products of size 10, in another order at most.
    np.testing.assert_allclose(probes.logits(0, features.states), whole, atol=1e-4)


def test_the_start_with_the_lowest_loss_is_kept() -> None:
    features, rows, recipe = toy(4, choices=4), np.arange(30), CcsRecipe(epochs=20, restarts=6)
    kept = fit_ccs(features, [rows], [("k",)], recipe)
    starts = []
    for restart in range(6):
        items = [torch.tensor(states, dtype=torch.float64) for states in normalised(features, rows)]
        starts.append(one_start(items, rows.tolist(), ["k", restart], recipe)[1])
    assert max(starts) - min(starts) > 10 * CLOSE
    assert kept.loss[0].item() == pytest.approx(min(starts), abs=CLOSE)


def normalised(features: Features, rows: NDArray[np.int64]) -> Array:
    """Normalised states of items that have every choice."""
    shown = features.states.astype(np.float64)
    apart = shown - shown[rows].mean(0)
    return apart / np.sqrt((apart[rows] ** 2).sum((0, 1)) / (apart.shape[1] * (len(rows) - 1)))


def test_choices_that_do_not_exist_do_not_count() -> None:
    features, rows = toy(5, choices=4, ragged=True), [np.arange(40)]
    garbage = np.where(features.exists[..., None], features.states, np.float32(1e3))
    one, other = (
        fit_ccs(Features(states, features.exists), rows, [("k",)], SHORT) for states in (features.states, garbage)
    )
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.mean, other.mean)


# States come as float16, whose sums over some hundred choices are exact in float32: the deviation is exactly zero.
@pytest.mark.parametrize("value", [0.0, 0.3, -123.4])
def test_a_feature_that_never_varies_in_training_weighs_as_it_is(value: float) -> None:
    features, rows = toy(9, choices=4, ragged=True), np.arange(40)
    features.states[rows, :, 3] = np.where(features.exists[rows], np.float32(np.float16(value)), 0)
    probes = fit_ccs(features, [rows], [("k",)], SHORT)
    assert probes.std[0, 3] == 1
    assert (probes.mean[0, :, 3] == np.float32(np.float16(value))).all()


def test_the_same_key_gives_the_same_weights() -> None:
    features, rows = toy(10), np.arange(30)
    first, again, other = (fit_ccs(features, [rows], [(key,)], SHORT).weight for key in ("one", "one", "two"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_a_place_always_says_is_not_seen() -> None:
    features, rows = toy(8, choices=2), [np.arange(40)]
    words = 3 * np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    other = Features(features.states + words, features.exists)
    found = [fit_ccs(given, rows, [("k",)], SHORT).logits(0, given.states) for given in (features, other)]
    np.testing.assert_allclose(found[1], found[0], rtol=CLOSE, atol=CLOSE)


def test_a_place_behind_those_of_training_has_the_mean_of_all_taken_off() -> None:
    features, rows = toy(6, choices=2), np.arange(40)
    probes = fit_ccs(features, [rows], [("k",)], SHORT)
    third = np.random.default_rng(0).normal(size=(60, 1, 16)).astype(np.float32)
    found = probes.logits(0, np.concatenate([features.states, third], 1))
    shown = features.states[rows].astype(np.float64)
    std = np.sqrt(((shown - shown.mean(0)) ** 2).sum((0, 1)) / (80 - 2))
    expected = (third[:, 0] - shown.mean((0, 1))) / std @ probes.weight[0].double().numpy()
    np.testing.assert_allclose(found[:, 2], expected + probes.bias[0].item(), atol=1e-4)
    np.testing.assert_allclose(found[:, :2], probes.logits(0, features.states), atol=1e-4)


@given(st.integers(0, 10**6), st.sampled_from(["sigmoid", "softmax"]), st.floats(0.1, 100))
def test_shares_are_probabilities_and_rank_as_logits_do(seed: int, probability: str, size: float) -> None:
    rng = np.random.default_rng(seed)
    exists = np.arange(4) < rng.integers(2, 5, 20)[:, None]
    logits = size * rng.normal(size=(20, 4))
    recipe = CcsRecipe.model_validate({"probability": probability})
    shares = np.exp(log_shares(logits, exists, recipe))
    np.testing.assert_allclose(shares.sum(-1), 1)
    assert (shares[~exists] == 0).all()
    p = 1 / (1 + np.exp(-logits)) if probability == "sigmoid" else np.exp(logits)
    expected = np.where(exists, p, 0)
    np.testing.assert_allclose(shares, expected / expected.sum(-1, keepdims=True), atol=1e-12)


def accuracy(features: Toy, probes: ContrastProbes, fit: int) -> float:
    """On items behind the first 160, of a probe or its opposite: which of them answers is the sign's affair."""
    logits = probes.logits(fit, features.states)[160:]
    return max(float(((way * logits).argmax(-1) == features.gold[160:]).mean()) for way in (1, -1))


@pytest.mark.parametrize(("choices", "probability"), [(2, "sigmoid"), (2, "softmax"), (4, "sigmoid"), (4, "softmax")])
def test_search_finds_a_consistent_direction_and_a_random_probe_does_not(choices: int, probability: str) -> None:
    """Beside a word for each place, such as a yes and a no, which is consistent too."""
    features, rows = toy(7, n_items=360, width=64, choices=choices), [np.arange(160)] * 5
    keys = [(fit,) for fit in range(5)]
    recipe = CcsRecipe.model_validate({"probability": probability, "restarts": 3})
    found, drawn = (fit_ccs(features, rows, keys, setting) for setting in (recipe, CcsRecipe(epochs=0, restarts=1)))
    assert min(accuracy(features, found, fit) for fit in range(5)) > 0.95
    # A random direction of 64 holds an eighth of the planted one's length, beside the choices' own noise.
    assert np.mean([accuracy(features, drawn, fit) for fit in range(5)]) < 0.8
