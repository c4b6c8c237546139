"""Attention of many rows to a prefix that all share, whose keys and values are held and read once, and to their own.

What a decode step must read is its floor on a GPU: the weights, and every key and value once. A token's keys and values
are 2 x layers x key heads x head size numbers (Llama-7B in 16 bit: 0.5 MiB). For 64 rows with 150 tokens of their own
behind 1400 shared ones that is 13.5 GB of weights, 0.7 GB of prefix and 5 GB of the rows' own; a copy of the prefix for
each row would add 46 GB. On a CPU matrix products are the floor, and the prefix is one product for all rows.

The model is reached through transformers' attention interface. Keys and values are kept here, in no cache of its own,
so that a row can come and go without the others' being copied.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, DynamicCache

from uphill.engine.launching import upload

NAME = "uphill_shared_prefix"


class Slots:
    """Keys and values of up to `count` rows of up to `width` tokens each, behind a prefix (None: an empty one)."""

    def __init__(self, prefix: DynamicCache | None, count: int, width: int) -> None:
        self.prefix = prefix
        self.start = 0 if prefix is None else int(prefix.get_seq_length())
        self._size = (count, width)
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def layer(self, number: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values, [count, heads, width, size], made beside the first keys that it is to hold."""
        if number not in self._layers:
            count, width = self._size
            shape = (count, like.shape[1], width, like.shape[3])
            # No token sees the places that are not filled; but a weight of 0 times whatever lies there must be 0.
            self._layers[number] = like.new_zeros(shape), like.new_zeros(shape)
        return self._layers[number]

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Write rows `sources`, as they are before, over rows `targets`."""
        if not self._layers:
            return
        device = self._layers[min(self._layers)][0].device
        read, written = upload([list(sources), list(targets)], device)
        for layer in self._layers.values():
            for held in layer:
                held[written.to(held.device)] = held[read.to(held.device)]


class Step:
    """A pass over Q more tokens of each of R rows, those from `first` on; `places` [R, Q] is where each goes.

    A row with fewer than Q is padded at its end: its later tokens are written over the padding, unseen until then.
    Places are below `width`; beyond it nothing is read.
    """

    def __init__(self, slots: Slots, first: int, places: torch.Tensor, width: int) -> None:
        self.slots = slots
        self._width = width
        self._rows = slice(first, first + len(places))
        self._places = places
        self._every = torch.arange(first, first + len(places), device=places.device)[:, None]
        # [R, 1, Q, width] what a token does not see.
        self._unseen = (torch.arange(width, device=places.device) > places[..., None])[:, None]

    @property
    def positions(self) -> torch.Tensor:
        """[R, Q] position ids."""
        return self.slots.start + self._places

    def read(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the new tokens' keys and values, [R, heads, Q, size], in their places; what the rows hold now."""
        found = []
        places, every = self._places.to(key.device), self._every.to(key.device)
        for held, new in zip(self.slots.layer(layer, key), (key, value), strict=True):
            held[every, :, places] = new.transpose(1, 2)
            found.append(held[self._rows, :, : self._width])
        return found[0], found[1]

    def hide(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores [R, heads, Q, width] with those of tokens that are not seen at minus infinity."""
        return scores.masked_fill_(self._unseen.to(scores.device), float("-inf"))


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    step: Step,
    scaling: float | None = None,
    softcap: float | None = None,
    **_others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers' interface has it: query [R, H, Q, D], key and value [R, G, Q, D]; [R, Q, H, D].

    One softmax over both parts, in float32 as in transformers' eager attention; H / G query heads share a key head.
    """
    rows, heads, count, size = query.shape
    groups = key.shape[1]
    # Query heads of one key head stand together, as so many more queries.
    asked = (query * (size**-0.5 if scaling is None else scaling)).reshape(rows, groups, -1, size)
    keys, values = step.read(module.layer_idx, key, value)
    scores = asked @ keys.transpose(-1, -2)
    prefix, start = step.slots.prefix, step.slots.start
    if prefix is not None:
        shared = prefix.layers[module.layer_idx]
        # One product for all rows: [G, R x H/G x Q, D] with [G, D, P].
        together = asked.transpose(0, 1).reshape(groups, -1, size)
        before = (together @ shared.keys[0].transpose(-1, -2)).view(groups, rows, -1, start).transpose(0, 1)
        scores = torch.cat([before, scores], -1)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    step.hide(scores.view(rows, heads, count, -1)[..., start:])
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    seen = weights[..., start:] @ values
    if prefix is not None:
        together = weights[..., :start].transpose(0, 1).reshape(groups, -1, start)
        seen += (together @ shared.values[0]).view(groups, rows, -1, size).transpose(0, 1)
    return seen.view(rows, heads, count, size).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)


@contextmanager
def shared_prefix_attention(model: Any) -> Iterator[None]:
    """Let a model's layers use `attend`; each pass needs `step=` beside its inputs. Some kinds of model stay as is."""
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
