"""Decoding many rows side by side: each leaves when its answer is over, and the next comes in its place.

Transformers' own continuous batching (`generate_batch`) shares a prefix by whole pages only, knows of no end of an
answer but a token, draws all samples from one generator, and is slower than `generate` on a CPU
(benchmarks/generation.py --paged).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import DynamicCache

from uphill.engine.ending import Ending
from uphill.engine.loading import Loaded
from uphill.engine.packing import plan
from uphill.engine.prefix_attention import Slots, Step, shared_prefix_attention
from uphill.engine.sampling import Sampling, next_tokens
from uphill.errors import UphillError

REFILL = 8
"""Rows come in when one in so many slots is free: reading a few prompts costs about a step, however few they are."""


@dataclass
class Row:
    """One answer in the making.

    Attributes:
        item: number of its prompt.
        answer: number among the answers to that prompt.
        item_id: for messages.
        head: token ids of the prompt.
        generator: what its tokens are drawn with.
        tokens: what has been generated.
    """

    item: int
    answer: int
    item_id: str
    head: list[int]
    generator: np.random.Generator
    tokens: list[int] = field(default_factory=list)


def choose(rows: Sequence[Row], logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """[R] next token of each row, by logits [R, V].

    Raises:
        UphillError: a row's logits are no numbers.
    """
    tokens = next_tokens(logits, sampling, [row.generator for row in rows])
    for row, token in zip(rows, tokens.tolist(), strict=True):
        if token < 0:
            raise UphillError(f"item {row.item_id!r}: a logit is infinite or no number, expected finite numbers")
    return tokens


class Decoder:
    """Rows behind a prefix of `start` tokens, whose cache is `prefix`, at most `count` at a time."""

    def __init__(self, loaded: Loaded, prefix: DynamicCache | None, start: int, count: int, width: int) -> None:
        self.loaded = loaded
        self.start = start
        self.slots = Slots(prefix, count, width)
        self.rows: list[Row] = []
        self._held: list[int] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Read rows' prompts, all but the last token; prompts over the device's token budget one after another."""
        sizes = [len(row.head) - self.start for row in rows]
        for chosen in plan(sizes, self.loaded.pack_tokens):
            self._read([rows[index] for index in chosen])

    def _read(self, rows: Sequence[Row]) -> None:
        # Answers to one item stand side by side, and its prompt is read once.
        items = list({row.item: row for row in rows}.values())
        heads = [row.head[self.start : -1] for row in items]
        count, first = max(map(len, heads)), len(self.rows)
        if count:
            step = Step(self.slots, first, [0] * len(heads), count, self.loaded.device)
            ids = torch.tensor([head + [0] * (count - len(head)) for head in heads], device=self.loaded.device)
            self.loaded.model.base_model(input_ids=ids, position_ids=step.positions, use_cache=False, step=step)
        if len(items) < len(rows):
            numbers = {row.item: first + number for number, row in enumerate(items)}
            self.slots.copy([numbers[row.item] for row in rows], range(first, first + len(rows)))
        self.rows += rows
        self._held += [len(row.head) - self.start - 1 for row in rows]

    def logits(self) -> torch.Tensor:
        """[R, V] of the token after each row; what a row holds now includes its last token."""
        device = self.loaded.device
        step = Step(self.slots, 0, self._held, 1, device)
        last = torch.tensor([[(row.tokens or row.head)[-1]] for row in self.rows], device=device)
        output = self.loaded.model(input_ids=last, position_ids=step.positions, use_cache=False, step=step)
        self._held = [held + 1 for held in self._held]
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def remove(self, numbers: Sequence[int]) -> None:
        """Take rows out; the last ones move to their places."""
        stays = list(range(len(self.rows)))
        for number in sorted(numbers, reverse=True):
            stays[number] = stays[-1]
            stays.pop()
        moved = [(source, target) for target, source in enumerate(stays) if source != target]
        if moved:
            self.slots.copy([source for source, _ in moved], [target for _, target in moved])
        self.rows = [self.rows[source] for source in stays]
        self._held = [self._held[source] for source in stays]


def decode(
    loaded: Loaded,
    rows: Sequence[Row],
    prefix: DynamicCache | None,
    start: int,
    count: int,
    ending: Ending,
    sampling: Sampling,
) -> Iterator[Row]:
    """Continue rows, at most `count` at a time, behind a shared prefix of `start` tokens; give out those that are over.

    Raises:
        UphillError: logits are no numbers.
        torch.OutOfMemoryError: so many rows do not fit the device.
    """
    width = max(len(row.head) for row in rows) - start + ending.max_new_tokens
    with shared_prefix_attention(loaded.model):
        decoder = Decoder(loaded, prefix, start, count, width)
        waiting = deque(rows)
        while waiting or decoder.rows:
            free = count - len(decoder.rows)
            if waiting and free * REFILL >= count:
                decoder.add([waiting.popleft() for _ in range(min(free, len(waiting)))])
            for row, token in zip(decoder.rows, choose(decoder.rows, decoder.logits(), sampling).tolist(), strict=True):
                row.tokens.append(token)
            over = [number for number, row in enumerate(decoder.rows) if ending.reached(row.tokens)]
            yield from (decoder.rows[number] for number in over)
            decoder.remove(over)
