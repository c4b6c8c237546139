"""Decoding many rows side by side: each leaves when its answer is over, and the next comes in its place.

On one GPU a step is a CUDA graph of a few fixed shapes, and the next is launched before a step's tokens are known on
the host: a row that is over is found out a step late, and the token past its end is dropped. Elsewhere a step has the
rows that are left, and no more.

Transformers' own continuous batching (`generate_batch`) shares a prefix by whole pages only, knows of no end of an
answer but a token, draws all samples from one generator, and is slower than `generate` on a CPU
(benchmarks/generation.py --paged).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from transformers import DynamicCache

from uphill.engine.launching import Record, Recorded, download, upload
from uphill.engine.loading import Loaded
from uphill.engine.packing import packs_of
from uphill.engine.prefix_attention import Slots, Step, reads_own_lengths, shared_prefix_attention
from uphill.engine.sampling import Sampling, next_tokens
from uphill.errors import UphillError

REFILL = 8
"""Rows come in when one in so many slots is free: reading a few prompts costs about a step, however few they are."""

GRAIN = 64
"""Recorded steps read rows of a multiple of so many tokens: few graphs, and little that is read for nothing."""


@dataclass
class Continuation:
    """One answer in the making.

    Attributes:
        item: number of its prompt.
        answer: number among the answers to that prompt.
        item_id: for messages.
        head: token ids of the prompt.
        generator: what its tokens are drawn with.
        tokens: what has been generated.
        over: whether that is all.
    """

    item: int
    answer: int
    item_id: str
    head: list[int]
    generator: np.random.Generator
    tokens: list[int] = field(default_factory=list)
    over: bool = False


Choose = Callable[[Sequence[Continuation], torch.Tensor], torch.Tensor]
"""The next token [R] of each row by its logits [R, V], below 0 where they are no numbers."""


def chosen_by(sampling: Sampling) -> Choose:
    """How a study's settings choose tokens; draws are each row's own."""
    return lambda rows, logits: next_tokens(logits, sampling, [row.generator for row in rows])


class Ends(Protocol):
    """What says when an answer is over, after `max_new_tokens` at the latest."""

    max_new_tokens: int

    def reached(self, tokens: Sequence[int]) -> bool:
        """Whether the answer is over with the last of `tokens`."""


def advance(rows: Sequence[Continuation], tokens: Sequence[int], ends: Ends) -> Iterator[Continuation]:
    """Give each row that is not over its next token; those that this ends.

    Raises:
        UphillError: a token was chosen from no numbers.
    """
    for row, token in zip(rows, tokens, strict=True):
        if token < 0 and not row.over:
            raise UphillError(f"item {row.item_id!r}: a logit is infinite or no number, expected finite numbers")
    for row, token in zip(rows, tokens, strict=True):
        if not row.over:
            row.tokens.append(token)
            row.over = ends.reached(row.tokens)
            if row.over:
                yield row


class Decoder:
    """Rows of at most `width` tokens behind a prefix of `start`, whose cache is `prefix`, at most `count` at a time.

    With `record` steps are recorded (see `launching`); `recorded` is what did it.
    """

    def __init__(
        self,
        loaded: Loaded,
        prefix: DynamicCache | None,
        start: int,
        count: int,
        width: int,
        record: Record | None = None,
    ) -> None:
        self.loaded = loaded
        self.start = start
        self.rows: list[Continuation] = []
        self.recorded = None if record is None else Recorded(self._pass, record)
        own = reads_own_lengths(loaded.model)
        self.slots = Slots(prefix, count, -(-width // GRAIN) * GRAIN if record else width, own)
        self._count = count
        self._lengths: list[int] = []
        # What a step reads, always in the same place: each row's last token, and how many tokens it holds before that.
        self._last, self._held = torch.zeros(2, count, dtype=torch.long, device=loaded.device)

    def add(self, rows: Sequence[Continuation]) -> None:
        """Read rows' prompts, all but the last token; prompts over the device's token budget one after another."""
        sizes = [len(row.head) - self.start for row in rows]
        for chosen in packs_of(sizes, self.loaded.pack_tokens):
            self._read([rows[index] for index in chosen])

    def _read(self, rows: Sequence[Continuation]) -> None:
        # Answers to one item stand side by side, and its prompt is read once.
        items = list({row.item: row for row in rows}.values())
        heads = [row.head[self.start : -1] for row in items]
        width, first, device = max(map(len, heads)), len(self.rows), self.loaded.device
        if width:
            self._hold(width)
            places = torch.arange(width, device=device).expand(len(heads), -1)
            step = Step(self.slots, first, places, width)
            ids = upload([head + [0] * (width - len(head)) for head in heads], device)
            self.loaded.model.base_model(input_ids=ids, position_ids=step.positions, use_cache=False, step=step)
        if len(items) < len(rows):
            numbers = {row.item: first + number for number, row in enumerate(items)}
            self.slots.copy([numbers[row.item] for row in rows], range(first, first + len(rows)))
        self._last[first : first + len(rows)] = upload([row.head[-1] for row in rows], device)
        self.rows = [*self.rows, *rows]  # a step that is under way keeps the list that it was launched with
        self._lengths += [len(row.head) - self.start - 1 for row in rows]

    def logits(self) -> torch.Tensor:
        """[R, V] of the token after each row; what a row holds now includes its last token."""
        rows, width = len(self.rows), max(self._lengths) + 1
        # A slot without a row reads a token that means nothing, and holds it where the next row's first will stand.
        self._held.copy_(upload([*self._lengths, *[0] * (self._count - rows)], self.loaded.device))
        self._lengths = [length + 1 for length in self._lengths]
        if self.recorded is None:
            self._hold(width)
            return self._pass(rows, width)
        width = -(-width // GRAIN) * GRAIN
        self._hold(width)
        if self.slots.own_lengths:
            width = self.slots.room  # of which a row reads its own part: one graph for all lengths
        size = self._count
        while size >= 2 * rows:
            size = (size + 1) // 2
        return self.recorded(size, width)[:rows]

    def _hold(self, width: int) -> None:
        if self.slots.hold(width) and self.recorded is not None:
            self.recorded.forget()

    def _pass(self, rows: int, width: int) -> torch.Tensor:
        step = Step(self.slots, 0, self._held[:rows, None], width)
        output = self.loaded.model(
            input_ids=self._last[:rows, None], position_ids=step.positions, use_cache=False, step=step
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def push(self, tokens: torch.Tensor) -> None:
        """Go on with these tokens [R]; one below 0, which the host does not know of yet, counts as 0."""
        self._last[: len(tokens)] = tokens.clamp(min=0)

    def remove_over(self) -> None:
        """Take out the rows that are over; the last ones move to their places."""
        stays = list(range(len(self.rows)))
        for number in reversed(range(len(self.rows))):
            if self.rows[number].over:
                stays[number] = stays[-1]
                stays.pop()
        moved = [(source, target) for target, source in enumerate(stays) if source != target]
        if moved:
            sources, targets = zip(*moved, strict=True)
            self.slots.copy(sources, targets)
            self._last[upload(targets, self.loaded.device)] = self._last[upload(sources, self.loaded.device)]
        self.rows = [self.rows[source] for source in stays]
        self._lengths = [self._lengths[source] for source in stays]


def decode(
    loaded: Loaded,
    rows: Sequence[Continuation],
    prefix: DynamicCache | None,
    start: int,
    count: int,
    ends: Ends,
    choose: Choose,
    record: Record | None,
) -> Iterator[Continuation]:
    """Continue rows, at most `count` at a time, behind a shared prefix of `start` tokens; give out those that are over.

    With `record` steps are recorded (see `launching`).

    Raises:
        UphillError: logits are no numbers.
        torch.OutOfMemoryError: so many rows do not fit the device.
    """
    width = max(len(row.head) for row in rows) - start + ends.max_new_tokens
    decoder = Decoder(loaded, prefix, start, count, width, record)
    waiting = deque(rows)
    launched: deque[tuple[list[Continuation], Callable[[], list[Any]]]] = deque()
    ahead = 0 if record is None else 1
    with shared_prefix_attention(loaded.model):
        while waiting or decoder.rows:
            free = count - len(decoder.rows)
            if waiting and free * REFILL >= count:
                decoder.add([waiting.popleft() for _ in range(min(free, len(waiting)))])
            tokens = choose(decoder.rows, decoder.logits())
            decoder.push(tokens)
            launched.append((decoder.rows, download(tokens)))
            if len(launched) > ahead:
                stepped, chosen = launched.popleft()
                yield from advance(stepped, chosen(), ends)
                decoder.remove_over()
