"""Linear probes on frozen states, many fits as one batched computation.

The published recipe (Hase et al. 2024, code release): one bias-free linear map to a scalar per choice, softmax over an
item's choices; features z-normalised over the training items and choices; mean NLL of the gold choice plus `l2` times
the un-squared norm of the weights; full-batch SGD with the gradient's norm clipped and a linearly falling rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.probe_recipe import ProbeRecipe
from uphill.randomness import Key, keyed_rng


@dataclass(frozen=True)
class Features:
    """States of N items with up to M choices each.

    Attributes:
        states: [N, M, D] float32, zeros where an item has fewer than M choices.
        exists: [N, M] bool.
        gold: [N] index of the right choice.
    """

    states: NDArray[np.float32]
    exists: NDArray[np.bool_]
    gold: NDArray[np.int64]


@dataclass(frozen=True)
class Probes:
    """F fitted probes: weights, and the statistics that normalise their inputs, each [F, D]."""

    weight: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def probabilities(self, fit: int, states: NDArray[np.float32], exists: NDArray[np.bool_]) -> NDArray[np.float32]:
        """[N, M] probability of each choice by one probe; 0 where there is no choice."""
        # w.(x - mean)/std, with the normalisation folded into the weight: the features are read once.
        scaled = self.weight[fit] / self.std[fit]
        logits = torch.from_numpy(states) @ scaled - self.mean[fit] @ scaled
        chosen: NDArray[np.float32] = _softmax(logits, torch.from_numpy(exists)).numpy()
        return chosen


def fit_probes(
    features: Features, rows: Sequence[NDArray[np.int64]], keys: Sequence[Sequence[Key]], recipe: ProbeRecipe
) -> Probes:
    """Fit one probe for each set of training rows.

    Args:
        features: the items that training rows index.
        rows: F arrays, each with the training items of one fit.
        keys: F keys of the generators that draw the initial weights.
        recipe: the recipe.
    """
    parts: dict[int, Probes] = {}
    for size in sorted({len(chosen) for chosen in rows}):
        same = [index for index, chosen in enumerate(rows) if len(chosen) == size]
        fitted = _fit(features, np.stack([rows[index] for index in same]), [keys[index] for index in same], recipe)
        for place, index in enumerate(same):
            parts[index] = Probes(fitted.weight[place], fitted.mean[place], fitted.std[place])
    fits = [parts[index] for index in range(len(rows))]
    return Probes(*(torch.stack([getattr(fit, name) for fit in fits]) for name in ("weight", "mean", "std")))


def _fit(features: Features, rows: NDArray[np.int64], keys: list[Sequence[Key]], recipe: ProbeRecipe) -> Probes:
    """F fits of n items each, as one computation over [F, n, M, D]."""
    states = torch.from_numpy(features.states[rows])
    exists = torch.from_numpy(features.exists[rows])
    mean, std = _moments(states, exists)
    inputs = (states - mean[:, None, None]) / std[:, None, None] * exists[..., None]
    target = torch.nn.functional.one_hot(torch.from_numpy(features.gold[rows]), states.shape[2]).to(inputs.dtype)
    weight = _initial(keys, states.shape[-1])
    horizon = recipe.epochs / (1 - recipe.final_lr)
    for step in range(recipe.epochs):
        error = _softmax(torch.einsum("fnmd,fd->fnm", inputs, weight), exists) - target
        gradient = torch.einsum("fnm,fnmd->fd", error, inputs) / rows.shape[1]
        gradient += recipe.l2 * weight / weight.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
        norm = gradient.norm(dim=-1, keepdim=True)
        gradient *= (recipe.clip / (norm + 1e-6)).clamp_max(1.0)
        weight = weight - recipe.lr * max(1 - step / horizon, recipe.final_lr) * gradient
    return Probes(weight, mean, std)


def _moments(states: torch.Tensor, exists: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and (n-1) standard deviation [F, D] over the choices that exist; 1 for a feature that never varies."""
    weights = exists[..., None].to(states.dtype)
    count = weights.sum((1, 2))
    mean = (states * weights).sum((1, 2)) / count
    variance = ((states - mean[:, None, None]) ** 2 * weights).sum((1, 2)) / (count - 1).clamp_min(1)
    std = variance.sqrt()
    return mean, torch.where(std > 0, std, torch.ones_like(std))


def _softmax(logits: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    return logits.masked_fill(~exists, -torch.inf).softmax(-1)


def _initial(keys: list[Sequence[Key]], width: int) -> torch.Tensor:
    """PyTorch's default for a linear map, U(-1/sqrt(D), 1/sqrt(D)), each fit from its own key."""
    bound = width**-0.5
    drawn = [keyed_rng("probe", *key).uniform(-bound, bound, width) for key in keys]
    return torch.tensor(np.array(drawn), dtype=torch.float32)
