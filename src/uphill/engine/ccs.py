"""Contrast-consistent search: linear probes on frozen states, fitted without labels, many fits as one computation.

A map to one logit per choice, with a bias, such that the choices of an item look like answers to one question. With p
a choice's probability, an item's loss is (1 - sum p)^2, consistency, plus (min p)^2, confidence (Burns et al. 2022,
arXiv 2212.03827, for two choices; Hase et al. 2024, code release, for more). AdamW on all training items at once, from
several starts, of which the one with the lowest loss is kept; the release compares it with an index instead.

Each place in the list of choices has its own mean taken off, as in the paper, so that no probe can answer by place or,
where a place means a word (yes, no), by word: this would be perfectly consistent, and knows nothing. The deviation is
that from these means, one for all places: a place that few items have would not know its own.

Labels are nowhere in this, nor is the direction's sign: a probe and its opposite are told apart by whoever uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.ccs_recipe import CcsRecipe
from uphill.engine.probes import FIT_BYTES, READ_BYTES, Features, blocks
from uphill.randomness import Key, keyed_rng


@dataclass(frozen=True)
class ContrastProbes:
    """F probes on D features.

    Attributes:
        weight: [F, D] on normalised features.
        bias: [F].
        mean: [F, M + 1, D] what is taken off the features of each of M places, and of any place behind them.
        std: [F, D] what they are divided by.
        loss: [F] of the kept start after its last step, on the training items.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    loss: torch.Tensor

    def logits(self, fit: int, states: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float64]:
        """[N, M] logit of each choice by one probe; meaningless where there is no choice.

        Args:
            fit: which probe.
            states: [N, M, D]; M may differ from that of the training items.
        """
        place = torch.arange(states.shape[1]).clamp_max(self.mean.shape[1] - 1).to(self.mean.device)
        mean, scaled = self.mean[fit, place], self.weight[fit] / self.std[fit]
        found = np.empty(states.shape[:2])
        for rows in blocks(len(states), states[:1].size, READ_BYTES[scaled.device.type]):
            apart = torch.from_numpy(states[rows]).to(scaled.device).float() - mean
            found[rows] = (apart @ scaled + self.bias[fit]).cpu().numpy()
        return found


def log_shares(logits: NDArray[np.float64], exists: NDArray[np.bool_], recipe: CcsRecipe) -> NDArray[np.float64]:
    """[..., M] log of each choice's share of its item's probability; -inf where there is no choice.

    Args:
        logits: [..., M].
        exists: [..., M].
        recipe: says what a probability is.
    """
    own = torch.from_numpy(logits)
    if recipe.probability == "sigmoid":
        own = torch.nn.functional.logsigmoid(own)
    return own.masked_fill(~torch.from_numpy(exists), -torch.inf).log_softmax(-1).numpy()


def fit_ccs(
    features: Features,
    rows: Sequence[NDArray[np.int64]],
    keys: Sequence[Sequence[Key]],
    recipe: CcsRecipe,
    device: str = "cpu",
) -> ContrastProbes:
    """Fit one probe for each set of training rows.

    Args:
        features: the items that training rows index.
        rows: F arrays, each with the training items of one fit.
        keys: F keys of the generators that draw the starts.
        recipe: the recipe.
        device: where to compute.
    """
    states, (_, places, width) = torch.from_numpy(features.states).to(device), features.states.shape
    shapes = ((width,), (), (places + 1, width), (width,), ())
    fitted = ContrastProbes(*(torch.empty(len(rows), *shape, device=device) for shape in shapes))
    for size in sorted({len(chosen) for chosen in rows}):
        same = np.array([index for index, chosen in enumerate(rows) if len(chosen) == size])
        for block in blocks(len(same), size * places * width, FIT_BYTES[states.device.type]):
            fits = same[block]
            chosen = torch.from_numpy(np.stack([rows[fit] for fit in fits]))
            exists = torch.from_numpy(features.exists)[chosen].to(device)
            shown = states.index_select(0, chosen.flatten().to(device)).unflatten(0, chosen.shape).float()
            mean, std = _scale(shown, exists)
            fitted.mean[fits], fitted.std[fits] = mean, std
            inputs = shown.sub_(mean[:, None, :-1]).div_(std[:, None, None]).masked_fill_(~exists[..., None], 0)
            start = _starts([keys[fit] for fit in fits], recipe.restarts, width).to(device)
            fitted.weight[fits], fitted.bias[fits], fitted.loss[fits] = _fit(inputs, exists, start, recipe)
    return fitted


def _fit(
    inputs: torch.Tensor, exists: torch.Tensor, start: torch.Tensor, recipe: CcsRecipe
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights [F, D], biases [F] and losses [F] of each fit's best start.

    Args:
        inputs: [F, n, M, D] normalised, 0 where there is no choice.
        exists: [F, n, M].
        start: [F, R, D + 1] first weights and, last, biases.
        recipe: the recipe.
    """
    flat = inputs.flatten(1, 2)
    weight, bias = (values.clone().requires_grad_() for values in (start[..., :-1], start[..., -1]))

    def losses() -> torch.Tensor:
        # Weights first: the gradient of a product with features first is thirty times slower on a CPU.
        logits = torch.baddbmm(bias[..., None], weight, flat.mT).unflatten(-1, exists.shape[1:])
        return _loss(logits, exists[:, None], recipe).mean(-1)

    # A softmax does not see the bias; AdamW would take the rounding of its gradient, which is zero, for a direction.
    moved = [weight] if recipe.probability == "softmax" else [weight, bias]
    # AdamW goes feature by feature, so that fits and starts side by side move as each would alone.
    optimiser = torch.optim.AdamW(moved, lr=recipe.lr, weight_decay=recipe.weight_decay)
    for _ in range(recipe.epochs):
        optimiser.zero_grad()
        torch.autograd.backward(losses().sum(), inputs=moved)
        optimiser.step()
    with torch.no_grad():
        loss, best = losses().min(-1)
        every = torch.arange(len(best), device=best.device)
        return weight[every, best], bias[every, best], loss


def _loss(logits: torch.Tensor, exists: torch.Tensor, recipe: CcsRecipe) -> torch.Tensor:
    """[...] loss of each item from its choices' logits [..., M]."""
    if recipe.probability == "softmax":
        p = logits.masked_fill(~exists, -torch.inf).softmax(-1)
    else:
        p = logits.sigmoid().masked_fill(~exists, 0)
    return (1 - p.sum(-1)).square() + p.masked_fill(~exists, torch.inf).min(-1).values.square()


def _scale(states: torch.Tensor, exists: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean [F, M + 1, D] of each place over the items that have a choice there, and deviation [F, D] from these means.

    The last mean is that of all places; a place that fewer than two training items have takes it too. A feature that
    never varies is divided by 1.

    Args:
        states: [F, n, M, D] float32.
        exists: [F, n, M].
    """
    there = exists[..., None].to(states.dtype)
    count, shown = there.sum(1), states * there
    every = shown.sum((1, 2))[:, None] / count.sum(1, keepdim=True)
    own = count > 1
    mean = torch.where(own, shown.sum(1) / count.clamp_min(1), every)
    free = (count.sum((1, 2)) - own.sum((1, 2))).clamp_min(1)
    variance = ((states - mean[:, None]) * there).square().sum((1, 2)) / free[:, None]
    return torch.cat([mean, every], 1), torch.where(variance > 0, variance.sqrt(), 1.0)


def _starts(keys: list[Sequence[Key]], restarts: int, width: int) -> torch.Tensor:
    """[F, R, D + 1] torch's default for a linear map, U(-1/sqrt(D), 1/sqrt(D)), each start from a key of its own."""
    bound = width**-0.5
    drawn = [
        [keyed_rng("ccs", *key, start).uniform(-bound, bound, width + 1) for start in range(restarts)] for key in keys
    ]
    return torch.tensor(np.array(drawn), dtype=torch.float32)
