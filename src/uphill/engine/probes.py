"""Linear probes on frozen states, many fits as one batched computation.

The published recipe (Hase et al. 2024, code release): one bias-free linear map to a scalar per choice, softmax over an
item's choices; features z-normalised over the training items and choices; mean NLL of the gold choice plus `l2` times
the un-squared norm of the weights; full-batch SGD with the gradient's norm clipped and a linearly falling rate.

Two facts make it cheap, and change no prediction. Softmax sees only how choices differ, so each item is read as the
differences of its choices from the first, and the mean drops out. And the weights never leave the span of where they
began and of the training differences: where these are fewer than the features, the steps need only their products.

Where the norm's pull outweighs what the data say, the recipe steps to and fro around zero weights, and rounding decides
on which side it ends: probabilities near guessing then differ by some 1e-3 from one machine to another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine import soft_losses
from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.soft_losses import Loss
from uphill.randomness import Key, keyed_rng

FIT_BYTES = {"cpu": 2**25, "cuda": 2**33}
"""float32 features whose fits go side by side: what a CPU's cache holds, or a part of a GPU's memory."""
READ_BYTES = {"cpu": 2**22, "cuda": 2**33}
"""float32 features that are predicted from at a time."""
SMALLEST_SQUARE = 1e-10
"""Squared norm of weights below which float32 products know it no more."""
TRIANGLE = 128
"""Rows of a symmetric product that are computed at a time, with all behind them."""


@dataclass(frozen=True)
class Features:
    """States of N items with up to M choices each; an item's first choice exists.

    Attributes:
        states: [N, M, D] float16 or float32, anything where an item has fewer than M choices.
        exists: [N, M] bool.
    """

    states: NDArray[np.float16] | NDArray[np.float32]
    exists: NDArray[np.bool_]


@dataclass(frozen=True)
class Probes:
    """F fitted probes.

    Attributes:
        weight: [F, D] on normalised features.
        std: [F, D] what normalises them.
    """

    weight: torch.Tensor
    std: torch.Tensor

    def probabilities(
        self, fit: int, states: NDArray[np.float16] | NDArray[np.float32], exists: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """[N, M] probability of each choice by one probe; 0 where there is no choice."""
        one = Probes(self.weight[fit : fit + 1], self.std[fit : fit + 1])
        return one.all_probabilities(states, exists)[0]

    def all_probabilities(
        self, states: NDArray[np.float16] | NDArray[np.float32], exists: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """[F, N, M] probability of each choice by each probe; 0 where there is no choice.

        Args:
            states: [N, M, D], as in `Features`.
            exists: [N, M].
        """
        scaled = (self.weight / self.std).T
        found = np.zeros((len(self.weight), *exists.shape), dtype=np.float32)
        for rows in blocks(len(states), states[:1].size, READ_BYTES[scaled.device.type]):
            there = torch.from_numpy(exists[rows]).to(scaled.device)
            logits = _contrasts(torch.from_numpy(states[rows]).to(scaled.device).float(), there) @ scaled
            found[:, rows] = _softmax(logits.movedim(-1, 0), there).cpu().numpy()
        return found


def fit_probes(
    features: Features,
    rows: Sequence[NDArray[np.int64]],
    gold: Sequence[NDArray[np.int64]] | Sequence[NDArray[np.float64]],
    keys: Sequence[Sequence[Key]],
    recipe: ProbeRecipe,
    device: str = "cpu",
    loss: Loss = "xent",
) -> Probes:
    """Fit one probe for each set of training rows.

    Args:
        features: the items that training rows index.
        rows: F arrays, each with the training items of one fit.
        gold: F arrays beside them, each with the index of each of these items' right choice: labels are a fit's own,
            as one may be taught wrong ones. Or F arrays [n, M] of probabilities of these items' choices, 0 where there
            is none.
        keys: F keys of the generators that draw the initial weights.
        recipe: the recipe.
        device: where to compute.
        loss: what the probes are drawn to; see `soft_losses`.
    """
    states, width = torch.from_numpy(features.states).to(device), features.states.shape[-1]
    fitted = Probes(*(torch.empty(len(rows), width, device=device) for _ in range(2)))
    for size in sorted({len(chosen) for chosen in rows}):
        same = np.array([index for index, chosen in enumerate(rows) if len(chosen) == size])
        for block in blocks(len(same), size * features.states[:1].size, FIT_BYTES[states.device.type]):
            fits = same[block]
            chosen = torch.from_numpy(np.stack([rows[fit] for fit in fits]))
            exists = torch.from_numpy(features.exists)[chosen].to(device)
            labels = _shares(np.stack([gold[fit] for fit in fits]), exists)
            shown = states.index_select(0, chosen.flatten().to(device)).unflatten(0, chosen.shape).float()
            start = _initial([keys[fit] for fit in fits], width).to(device)
            fitted.weight[fits], fitted.std[fits] = _fit(shown, exists, labels, start, recipe, loss)
    return fitted


def _shares(labels: NDArray[np.int64] | NDArray[np.float64], exists: torch.Tensor) -> torch.Tensor:
    """[F, n, M] probabilities of the choices: 0 or 1 where labels [F, n] are choices. Exact either way."""
    given = torch.from_numpy(labels).to(exists.device)
    return torch.nn.functional.one_hot(given, exists.shape[2]) if given.ndim == 2 else given


def _fit(
    states: torch.Tensor,
    exists: torch.Tensor,
    labels: torch.Tensor,
    start: torch.Tensor,
    recipe: ProbeRecipe,
    loss: Loss,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights and deviations [F, D] of F fits of n items each.

    Args:
        states: [F, n, M, D] float32.
        exists: [F, n, M].
        labels: [F, n, M] probabilities.
        start: [F, D] the first weights.
        recipe: the recipe.
        loss: its name.
    """
    std = _deviation(states.flatten(1, 2), exists.flatten(1))
    inputs = _contrasts(states, exists).div_(std[:, None, None]).flatten(1, 2)
    descend = _descend_in_span if inputs.shape[1] < inputs.shape[2] else _descend
    return descend(inputs, start, _Aim(exists, labels, recipe.epochs, loss), recipe), std


@dataclass(frozen=True)
class _Aim:
    """What F fits of n items are drawn to.

    Attributes:
        exists: [F, n, M].
        labels: [F, n, M] probabilities.
        steps: of the training.
        loss: its name.
    """

    exists: torch.Tensor
    labels: torch.Tensor
    steps: int
    loss: Loss

    def errors(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """[F, n(M-1)] gradient of the mean loss with respect to the logits of all choices but the first.

        Args:
            logits: [F, n(M-1)] of these choices.
            step: which, from 0.
        """
        n_items = self.exists.shape[1]
        student = _softmax(logits.unflatten(1, (n_items, -1)), self.exists)
        target = soft_losses.target(self.loss, student, self.labels.to(student.dtype), step / self.steps)
        return (student[..., 1:].flatten(1) - target[..., 1:].flatten(1)) / n_items


def _descend(inputs: torch.Tensor, weight: torch.Tensor, aim: _Aim, recipe: ProbeRecipe) -> torch.Tensor:
    """Gradient descent on weights [F, D]; inputs [F, n(M-1), D]."""
    for step in range(recipe.epochs):
        error = aim.errors((inputs @ weight[..., None])[..., 0], step)
        gradient = (error[:, None] @ inputs)[:, 0]
        gradient += recipe.l2 * weight / weight.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
        norm = gradient.norm(dim=-1, keepdim=True)
        weight = weight - recipe.rate(step) * (recipe.clip / (norm + 1e-6)).clamp_max(1.0) * gradient
    return weight


def _descend_in_span(inputs: torch.Tensor, start: torch.Tensor, aim: _Aim, recipe: ProbeRecipe) -> torch.Tensor:
    """As `_descend`, on weights share * start + inputs'coefficients, by the logits that they give.

    With e the errors of the logits, the gradient is inputs'e + l2 w/|w|. So a step of rate r scales w by
    1 - r l2/|w| and adds -r e to the coefficients; logits and norms follow from inputs inputs'e.
    """
    products = _products(inputs)
    # The vectors are short; in float64 what is carried from step to step stays true.
    logits = (inputs @ start[..., None])[..., 0].double()
    square = start.double().square().sum(-1)
    share, coefficients = torch.ones_like(square), torch.zeros_like(logits)
    for step in range(recipe.epochs):
        error = aim.errors(logits, step)
        # As a row: a product with a column is ten times slower on a CPU.
        pushed = (error[:, None].float() @ products)[:, 0].double()
        along, own = (error * logits).sum(-1), (error * pushed).sum(-1)
        pull = recipe.l2 / square.sqrt()
        norm = (own + 2 * pull * along + pull**2 * square).clamp_min(0).sqrt()
        rate = recipe.rate(step) * (recipe.clip / (norm + 1e-6)).clamp_max(1.0)
        keep = 1 - rate * pull
        square = (keep**2 * square - 2 * keep * rate * along + rate**2 * own).clamp_min(SMALLEST_SQUARE)
        share = keep * share
        coefficients = keep[:, None] * coefficients - rate[:, None] * error
        logits = keep[:, None] * logits - rate[:, None] * pushed
    return share.float()[:, None] * start + (coefficients.float()[:, None] @ inputs)[:, 0]


def _products(inputs: torch.Tensor) -> torch.Tensor:
    """[F, R, R] inner products of the rows of [F, R, D], each computed once."""
    products = inputs.new_empty(*inputs.shape[:2], inputs.shape[1])
    for first in range(0, inputs.shape[1], TRIANGLE):
        last = first + TRIANGLE
        products[:, first:last, first:] = inputs[:, first:last] @ inputs[:, first:].mT
        products[:, last:, first:last] = products[:, first:last, last:].mT
    return products


def _deviation(states: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """(n-1) standard deviation [F, D] of [F, R, D] over the rows that exist; 1 for a feature that never varies."""
    # Sums as products with a matrix: much faster than a reduction over rows. Equal float16 sum exactly in float32.
    weights = exists[:, None].to(states.dtype)
    count = weights.sum(-1)
    mean = weights @ states / count[..., None]
    variance = (weights @ (states - mean).square_())[:, 0] / (count - 1).clamp_min(1)
    return torch.where(variance > 0, variance.sqrt(), 1.0)


def _contrasts(states: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """[..., M-1, D] what sets each further choice apart from an item's first; 0 where there is no choice."""
    apart = states[..., 1:, :] - states[..., :1, :]
    return apart if exists.all() else apart.masked_fill_(~exists[..., 1:, None], 0)


def _softmax(logits: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """[..., M] probabilities from the logits [..., M-1] of all choices but the first, whose logit is 0."""
    return torch.nn.functional.pad(logits, (1, 0)).masked_fill(~exists, -torch.inf).softmax(-1)


def blocks(count: int, size: int, limit: int) -> Iterator[slice]:
    """Cut `count` things of `size` float32 numbers each into blocks of at most `limit` bytes."""
    step = max(1, limit // (4 * size))
    return (slice(first, first + step) for first in range(0, count, step))


def _initial(keys: list[Sequence[Key]], width: int) -> torch.Tensor:
    """PyTorch's default for a linear map, U(-1/sqrt(D), 1/sqrt(D)), each fit from its own key."""
    bound = width**-0.5
    drawn = [keyed_rng("probe", *key).uniform(-bound, bound, width) for key in keys]
    return torch.tensor(np.array(drawn), dtype=torch.float32)
