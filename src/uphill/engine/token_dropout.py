"""Dropout whose masks are a function of the token: of no packing, no device, and nothing that ran before.

A counter's hash decides on each entry of what a token gives to an adapted map (splitmix64, Steele et al. 2014).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from peft.tuners.lora import LoraLayer

from uphill.engine.packing import Branched
from uphill.errors import UphillError

PREFIX = -1
"""Stands for an item's number where a token is of the prefix that all items share."""
# As signed numbers; multiplication wraps.
GAMMA = 0x9E3779B97F4A7C15 - 2**64
_FACTORS = ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64))
_LAST_SHIFT = 31
_LEVELS = 2**16
"""A hash decides on four entries, by 16 bits each."""


class TokenDropout:
    """Drops entries of the inputs of a model's adapted maps, while there are seeds; in steps of 1/65536 of the rate."""

    def __init__(self, rate: float) -> None:
        self.level = min(round(rate * _LEVELS), _LEVELS - 1)
        self.seeds: torch.Tensor | None = None

    def install(self, model: torch.nn.Module) -> None:
        """Take the place of peft's own dropout in every adapted map."""
        if not self.level:
            return
        maps = [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]
        for number, (name, adapted) in enumerate(maps):
            for adapter in adapted.lora_dropout:
                adapted.lora_dropout[adapter] = _Masked(self, name, number)

    @contextmanager
    def drawn(self, seeds: torch.Tensor) -> Iterator[None]:
        """Drop by these seeds, one a token in the order that the model reads them; backward belongs in the block."""
        self.seeds = seeds
        try:
            yield
        finally:
            self.seeds = None


class _Masked(torch.nn.Module):
    """The dropout of one adapted map."""

    def __init__(self, dropout: TokenDropout, name: str, number: int) -> None:
        super().__init__()
        self._dropout, self._name, self._offset = dropout, name, torch.tensor(number) * GAMMA

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        seeds, level = self._dropout.seeds, self._dropout.level
        if seeds is None:
            return given
        rows = given.shape[:-1].numel()
        if rows != seeds.numel():
            raise UphillError(
                f"LoRA: {self._name} reads {rows} rows for {seeds.numel()} tokens, expected one row a token; "
                "set dropout 0 or leave it out of target_modules"
            )
        own = mixed(seeds.to(given.device) + self._offset).reshape(given.shape[:-1])
        return given.masked_fill(dropped(own, given.shape[-1], level), 0) * (_LEVELS / (_LEVELS - level))


def mixed(counter: torch.Tensor) -> torch.Tensor:
    """splitmix64's output for each counter; int64 stands for the unsigned numbers."""
    for bits, factor in _FACTORS:
        counter = (counter ^ _shifted(counter, bits)) * factor
    return counter ^ _shifted(counter, _LAST_SHIFT)


def _shifted(number: torch.Tensor, bits: int) -> torch.Tensor:
    # `>>` alone would repeat the sign.
    return (number >> bits) & (2 ** (64 - bits) - 1)


def dropped(seeds: torch.Tensor, width: int, level: int) -> torch.Tensor:
    """[..., width] bool, true for `level` in 65536 of the entries, for [...] seeds."""
    counters = torch.arange(1, -(-width // 4) + 1, device=seeds.device) * GAMMA
    bits = mixed(seeds[..., None] + counters).view(torch.int16)[..., :width]
    return bits < level - _LEVELS // 2


def packed_seeds(seed: int, prefix: int, rows: Sequence[int], items: Sequence[Branched]) -> torch.Tensor:
    """[T] a seed for each token of a pack: of the prefix, then of each item's question and choices.

    Args:
        seed: a signed 64-bit number; the same for all that is read of a micro-batch.
        prefix: tokens of the shared prefix.
        rows, items: numbers of the items of a pack, which tell them apart, and the items.
    """
    lengths = torch.tensor([prefix, *(item.n_tokens for item in items)])
    owners = torch.tensor([PREFIX, *rows]).repeat_interleave(lengths)
    places = torch.cat([torch.arange(length) for length in lengths.tolist()])
    return mixed(mixed(seed + owners * GAMMA) + places * GAMMA)


def padded_seeds(packed: torch.Tensor, prefix: int, item: Branched) -> torch.Tensor:
    """[C, W] the seeds of a pack of one item, as one padded sequence for each choice reads its tokens."""
    head, *choices = packed.split([prefix + len(item.question), *map(len, item.choices)])
    return torch.nn.utils.rnn.pad_sequence([torch.cat([head, choice]) for choice in choices], batch_first=True)
