"""One pass over the adapters of several LoRA fits: each fit is a row of the batch, the base model's weights are shared.

On a GPU a fit of a small model waits for its kernels to be launched, one after the other. A stack of G fits launches no
more of them than one fit does.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Linear
from transformers.pytorch_utils import Conv1D

from uphill.engine.adapters import Adapters, Examples, token_seeds
from uphill.engine.attention import dense_mask
from uphill.engine.lora_schedule import MicroBatch
from uphill.engine.packed import on_device, token_logprobs
from uphill.engine.packing import Pack, lay_out
from uphill.engine.sizes import body

ALIGNED = 8
"""Packs are padded to a multiple of so many tokens, which kernels of attention with a mask ask for."""
Ints = NDArray[np.int64]


class CannotStackError(ValueError):
    """Adapters that no stack can be made of; the text says why."""


def adapted_maps(model: PeftModel) -> list[Linear]:
    """The adapted maps of a model, each plain: a linear map of numbers, and two matrices beside it.

    Raises:
        CannotStackError: one is of another kind, or something else is trained too.
    """
    maps = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for module in maps:
        if (
            type(module) is not Linear
            or module.lora_variant
            or type(module.base_layer) not in (torch.nn.Linear, Conv1D)
        ):
            raise CannotStackError(f"{type(getattr(module, 'base_layer', module)).__name__} is adapted")
    own = {id(weight) for weight in joined_halves(maps)}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if {id(weight) for weight in trained} != own or len(own) != 2 * len(maps):
        raise CannotStackError("the adapter has weights beside its two matrices a map")
    if len({(weight.device, weight.dtype) for weight in trained}) != 1:
        raise CannotStackError("the adapter's weights lie on several devices, or are of several types")
    return maps


def joined_halves(maps: Sequence[Linear]) -> list[torch.nn.Parameter]:
    """Both matrices of each map, in order."""
    return [half[name].weight for module in maps for half in (module.lora_A, module.lora_B) for name in half]


def read_weights(model: PeftModel) -> torch.Tensor:
    """[N] a copy of all numbers of the adapter that is on a model.

    Raises:
        CannotStackError: see `adapted_maps`.
    """
    return torch.cat([weight.detach().flatten() for weight in joined_halves(adapted_maps(model))])


@torch.no_grad()
def put_weights(model: PeftModel, row: torch.Tensor) -> None:
    """Write numbers [N] into the adapter that is on a model."""
    weights = joined_halves(adapted_maps(model))
    for weight, values in zip(weights, row.split([weight.numel() for weight in weights]), strict=True):
        weight.copy_(values.view_as(weight))


class _Rows(torch.nn.Module):
    """One matrix of an adapted map for each of G fits: [G, T, in] to [G, T, out]."""

    def __init__(self, weight: torch.nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        if given.ndim != 3 or len(given) != len(self.weight):
            raise CannotStackError(
                f"a map reads {tuple(given.shape)}, expected a row for each of {len(self.weight)} fits"
            )
        return torch.bmm(given, self.weight.mT)


class Stack:
    """Adapters of G fits in the place of the one that is on a model.

    Attributes:
        weights: [G, N] all their numbers, one leaf of the optimiser.
        gradients: [G, N] `weights.grad`.
    """

    def __init__(self, adapters: Adapters, fits: Sequence[Examples], weights: torch.Tensor) -> None:
        self.adapters, self.fits = adapters, fits
        self.weights = torch.nn.Parameter(weights)
        self.weights.grad = self.gradients = torch.zeros_like(weights)

    @contextmanager
    def on(self, model: PeftModel) -> Iterator[Self]:
        """Put the stack on a model; the adapter that was there comes back when the block ends."""
        maps = adapted_maps(model)
        halves = [
            (half, name, half[name]) for module in maps for half in (module.lora_A, module.lora_B) for name in half
        ]
        sizes = [own.weight.numel() for _, _, own in halves]
        parts = zip(self.weights.data.split(sizes, 1), self.gradients.split(sizes, 1), strict=True)
        try:
            # Rows of one leaf are no layout that torch would choose for a gradient, which it says once.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "grad and param do not obey")
                for (half, name, own), (values, gradient) in zip(halves, parts, strict=True):
                    # Views of the one leaf and its one gradient, into which backward adds.
                    weight = torch.nn.Parameter(values.view(-1, *own.weight.shape))
                    weight.grad = gradient.view_as(weight)
                    half[name] = _Rows(weight)
                yield self
        finally:
            for half, name, own in halves:
                half[name] = own

    def gradient(self, step: Sequence[Sequence[MicroBatch]]) -> torch.Tensor:
        """Leave a step's gradients in `gradients`, each clipped by its own norm, and give the losses [G], summed.

        Args:
            step: the micro-batches of each fit, as many of one as of another.
        """
        self.gradients.zero_()
        losses = torch.zeros(len(self.fits), dtype=torch.float64, device=self.gradients.device)
        for batches in zip(*step, strict=True):
            losses += self._pass(batches)
            # As torch.nn.utils.clip_grad_norm_ does, for each fit.
            norms = torch.linalg.vector_norm(self.gradients, dim=1)
            self.gradients *= (self.adapters.recipe.clip / (norms + 1e-6)).clamp(max=1)[:, None]
        return losses

    def _pass(self, batches: Sequence[MicroBatch]) -> torch.Tensor:
        """Add the gradients of a micro-batch of each fit, and give its losses [G]."""
        loaded, laid = self.adapters.loaded, _side_by_side(self.fits, batches)
        ids, positions, until, seeds, rows, targets, owners, table, gold, many, fit_of, shares = on_device(
            loaded, *laid.arrays
        )
        mask = dense_mask(until.view(-1, laid.width), 0, loaded.model.dtype)
        with self.adapters.dropout.drawn(seeds):
            hidden = body(loaded.model)(
                input_ids=ids.view(-1, laid.width),
                position_ids=positions.view(-1, laid.width),
                attention_mask=mask,
                use_cache=False,
            ).last_hidden_state
            token = token_logprobs(loaded, hidden.flatten(0, 1)[rows], targets)
            scores = token.new_zeros(laid.n_choices).index_add(0, owners, token).double()
            # A choice that an item does not have is infinitely unlikely.
            choices = torch.cat([scores, scores.new_full((1,), -torch.inf)])[table.view(len(gold), -1)]
            # As in `adapters`: an item with one text competes with none.
            nll = choices.logsumexp(1) * many - scores[gold]
            losses = nll.new_zeros(len(self.fits)).index_add(0, fit_of, nll)
            (losses * shares.view(torch.float64)).sum().backward()
        return losses.detach()


@dataclass(frozen=True)
class _Laid:
    """A micro-batch of each of G fits, padded to W tokens, as arrays for the device.

    Attributes:
        arrays: [G x W] ids, positions, the last row that sees each token, and seeds of dropout; [S] the rows that
            score, their targets, and which of all C choices each is of; [I x M] the choices of each item, C where it
            has no more, [I] the right one, 1 where there are others, and the item's fit; [G] weights, as bits.
        width: W.
        n_choices: C.
    """

    arrays: list[Ints]
    width: int
    n_choices: int


def _side_by_side(fits: Sequence[Examples], batches: Sequence[MicroBatch]) -> _Laid:
    pairs = list(zip(fits, batches, strict=True))
    packs = [lay_out([fit.items[row] for row in batch.rows], 0, fit.prefix) for fit, batch in pairs]
    seeds = [token_seeds(fit, batch, batch.rows).numpy() for fit, batch in pairs]
    width = -(-max(len(pack.input_ids) for pack in packs) // ALIGNED) * ALIGNED
    firsts = np.cumsum([0, *(len(pack.last_rows) for pack in packs)])
    filled = [_filled(pack, own, width) for pack, own in zip(packs, seeds, strict=True)]
    scored = [
        (pack.score_rows + number * width, pack.score_targets, pack.score_choice + firsts[number])
        for number, pack in enumerate(packs)
    ]
    columns = [*zip(*filled, strict=True), *zip(*scored, strict=True)]
    weights = np.array([batch.weight for batch in batches]).view(np.int64)
    return _Laid([*map(np.concatenate, columns), *_choices_of(pairs), weights], width, int(firsts[-1]))


def _filled(pack: Pack, seeds: Ints, width: int) -> list[Ints]:
    """Ids, positions, last rows that see them, and seeds, of W tokens: what fills a pack up sees itself alone."""
    rest = width - len(pack.until)
    ids, positions, drawn = (np.pad(values, (0, rest)) for values in (pack.input_ids, pack.position_ids, seeds))
    return [ids, positions, np.r_[pack.until, np.arange(width - rest, width)], drawn]


def _choices_of(pairs: Sequence[tuple[Examples, MicroBatch]]) -> list[Ints]:
    """Of each item its choices, numbered through all fits, the right one, whether it has others, and its fit."""
    items = [(number, fit, row) for number, (fit, batch) in enumerate(pairs) for row in batch.rows]
    counts = np.array([len(fit.items[row].choices) for _, fit, row in items])
    ends = counts.cumsum()
    # An index that an item does not have is an error here, not on the device.
    gold = [
        range(end - count, end)[fit.gold[row]] for (_, fit, row), end, count in zip(items, ends, counts, strict=True)
    ]
    places = np.arange(counts.max())
    table = np.where(places < counts[:, None], (ends - counts)[:, None] + places, ends[-1])
    fit_of = np.array([number for number, _, _ in items])
    return [table.ravel(), np.array(gold), (counts > 1).astype(np.int64), fit_of]
