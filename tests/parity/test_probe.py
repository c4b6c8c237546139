"""The linear probe against its published recipe (Hase et al. 2024, code release), written anew from torch's own parts.

The recipe as published: a bias-free `torch.nn.Linear` to one score per choice; features z-normalised with the mean and
the (n-1) deviation of the training items' choices; mean NLL of the gold choice plus the un-squared norm; full-batch
`torch.optim.SGD` at .05 that falls linearly over 100 / .9 steps to 10 %; 100 steps; `clip_grad_norm_` at 1. It reads
the states as they are, choice by choice, and keeps the mean; ours reads differences of choices, in float32 products.
Only the first weights are taken over, for the release draws them from a process-wide generator.

Where the norm outweighs the data the recipe steps to and fro around zero weights and rounding decides where it ends
(see `engine/probes.py`), in torch's own arithmetic too: the features here have a signal, as those of real tasks do.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.probes import Features, fit_probes
from uphill.randomness import keyed_rng

# A float32 product of some thousand features errs by about 1e-7 of its size, and steps shorter than 0.05 add little to
# that where there is a signal to settle on (measured: 5e-7 of a probability at most, against either number format).
CLOSE = 1e-5
TRAIN = 160


@dataclass(frozen=True)
class Study:
    """Items with states, of which the first 160 train."""

    states: NDArray[np.float16]
    gold: NDArray[np.int64]


def study(seed: int, choices: int, width: int) -> Study:
    """Features like a language model's: offsets and scales of many sizes, float16, and a direction that tells."""
    rng = np.random.default_rng(seed)
    n_items = TRAIN + 200
    gold = rng.integers(0, choices, n_items)
    states = rng.normal(size=(n_items, 1, width)) + rng.normal(size=(n_items, choices, width))
    direction = rng.normal(size=width)
    states[np.arange(n_items), gold] += 4 * direction / np.linalg.norm(direction)
    states = states * rng.lognormal(sigma=1.5, size=width) + 3 * rng.normal(size=width)
    return Study(states.astype(np.float16), gold)


def released(given: Study, start: NDArray[np.float64], dtype: torch.dtype) -> NDArray[np.float64]:
    """[N, M] probabilities by the release's recipe."""
    states, gold = torch.from_numpy(given.states).to(dtype), torch.from_numpy(given.gold)
    shown = states[:TRAIN].flatten(0, 1)
    mean, std = shown.mean(0), shown.std(0, unbiased=True)
    inputs = (states - mean) / std
    probe = torch.nn.Linear(inputs.shape[-1], 1, bias=False, dtype=dtype)
    with torch.no_grad():
        probe.weight.copy_(torch.from_numpy(start).float()[None])
    optimiser = torch.optim.SGD(probe.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / (100 / 0.9), 0.1))
    for _ in range(100):
        optimiser.zero_grad()
        log_p = probe(inputs[:TRAIN])[..., 0].log_softmax(-1)
        loss = -log_p[torch.arange(TRAIN), gold[:TRAIN]].mean() + 1.0 * torch.linalg.vector_norm(probe.weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return probe(inputs)[..., 0].softmax(-1).double().numpy()


# Two choices as StrategyQA, four as ARC; fewer features than differences of choices, and more.
@pytest.mark.parametrize(("choices", "width"), [(4, 100), (4, 4096), (2, 100), (2, 4096)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_predictions_are_those_of_the_release(choices: int, width: int, dtype: torch.dtype) -> None:
    given, key = study(choices + width, choices, width), ("parity", choices, width)
    exists = np.ones(given.states.shape[:2], dtype=bool)
    rows = np.arange(TRAIN)
    probes = fit_probes(Features(given.states, exists), [rows], [given.gold[rows]], [key], ProbeRecipe())
    found = probes.probabilities(0, given.states, exists)
    expected = released(given, keyed_rng("probe", *key).uniform(-(width**-0.5), width**-0.5, width), dtype)
    assert np.abs(found - expected).max() <= CLOSE
    # No two choices are so near that the tolerance decides between them, so predictions are equal, not just near.
    first, second = np.sort(expected, axis=-1)[:, ::-1][:, :2].T
    assert (first - second).min() > 2 * CLOSE
    assert (found.argmax(-1) == expected.argmax(-1)).all()
    right = expected.argmax(-1) == given.gold
    # The weights hold the signal, in training and, by ten standard errors, beside it.
    assert right[:TRAIN].mean() > 0.9
    assert right[TRAIN:].mean() > 1 / choices + 10 * np.sqrt(1 / choices * (1 - 1 / choices) / 200)
