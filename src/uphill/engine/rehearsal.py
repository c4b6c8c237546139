"""Whether a way to decode writes what the model would: a few of the job's own prompts, tried before the job itself.

The oracle is a greedy loop of whole passes: one sequence, unpadded, read anew for each token. The way that is tried is
led along the same tokens, so that a near tie cannot part the two, and all that it finds likely is compared.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from uphill.engine.agreement import ROUNDINGS, _last_bits_at_random, cannot_run, least_nats, one_line
from uphill.engine.decoding import Choose, Continuation, Ends
from uphill.engine.launching import upload
from uphill.engine.loading import Loaded
from uphill.engine.plain_decoding import next_logits

STEPS = 16
"""Tokens that are compared of each prompt; of a cut-down copy's so many of the longest answer, half at its end."""
STRUCTURE_NATS = 1e-4
Way = Callable[[Sequence[Continuation], int, Ends, Choose], Iterator[Continuation]]
"""Continues rows, so many side by side; each comes out when it is over."""


@dataclass(frozen=True)
class Rehearsed:
    """What the oracle says of N prompts.

    Attributes:
        heads: [N] token ids.
        tokens: [N] what follows each.
        steps: places in `tokens` that are compared.
        logprobs: [N, steps, V] log-probabilities at those places.
    """

    heads: list[list[int]]
    tokens: list[list[int]]
    steps: list[int]
    logprobs: torch.Tensor


def chosen(heads: Sequence[list[int]]) -> list[list[int]]:
    """The shortest, the longest and another, of different lengths where there are such."""
    order = sorted(heads, key=len)
    return [order[place] for place in sorted({0, len(order) // 2, len(order) - 1})]


def greedy(loaded: Loaded, heads: list[list[int]], count: int) -> Rehearsed:
    """What the model itself writes, `count` tokens behind each prompt.

    Raises:
        UphillError: it cannot be run.
    """
    found = [_written(loaded, head, count) for head in heads]
    logprobs = torch.stack([values for _, values in found])
    return Rehearsed(heads, [tokens for tokens, _ in found], list(range(count)), logprobs)


def _written(loaded: Loaded, head: list[int], count: int) -> tuple[list[int], torch.Tensor]:
    tokens: list[int] = []
    likely = []
    for _ in range(count):
        likely.append(_logprobs(loaded, [*head, *tokens]))
        # What is no number is never the largest.
        tokens.append(int(likely[-1].nan_to_num(nan=-math.inf).argmax()))
    return tokens, torch.stack(likely)


def led(loaded: Loaded, heads: list[list[int]], tokens: list[list[int]], steps: list[int]) -> Rehearsed:
    """The same at some places only, behind given tokens."""
    logprobs = [
        [_logprobs(loaded, [*head, *follows[:step]]) for step in steps]
        for head, follows in zip(heads, tokens, strict=True)
    ]
    return Rehearsed(heads, tokens, steps, torch.stack([torch.stack(values) for values in logprobs]))


def _logprobs(loaded: Loaded, tokens: list[int]) -> torch.Tensor:
    try:
        return next_logits(loaded, tokens).float().log_softmax(-1).cpu()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise cannot_run(loaded, error) from error


class _Led:
    """Chooses the oracle's tokens, with the last of which an answer is over, and keeps what a way finds likely."""

    def __init__(self, right: Rehearsed) -> None:
        self._right = right
        self._seen = [0] * len(right.heads)
        self.max_new_tokens = len(right.tokens[0])
        self.found: list[list[torch.Tensor]] = [[] for _ in right.heads]

    def reached(self, tokens: Sequence[int]) -> bool:
        return len(tokens) >= self.max_new_tokens

    def choose(self, rows: Sequence[Continuation], logits: torch.Tensor) -> torch.Tensor:
        return upload([self._next(row.item, values) for row, values in zip(rows, logits, strict=True)], logits.device)

    def _next(self, item: int, logits: torch.Tensor) -> int:
        step = self._seen[item]
        self._seen[item] += 1
        if step in self._right.steps:
            self.found[item].append(logits.float().log_softmax(-1).cpu())
        # A row can be asked once more before it is known to be over.
        return self._right.tokens[item][min(step, self.max_new_tokens - 1)]


def tried(way: Way, right: Rehearsed, count: int) -> torch.Tensor:
    """[N, steps, V] what a way finds likely, with at most `count` rows side by side."""
    led = _Led(right)
    rows = [Continuation(item, 0, "", head, np.random.default_rng(0)) for item, head in enumerate(right.heads)]
    rows.sort(key=lambda row: -len(row.head))
    list(way(rows, count, led, led.choose))
    return torch.stack([torch.stack(values) for values in led.found])


def disagreement(way: Way, right: Rehearsed, count: int, limit: float) -> str | None:
    """What is wrong with a way, in a few words; None if nothing is. `limit` is in nats, root mean square."""
    found = None
    try:
        found = tried(way, right, count)
    except torch.OutOfMemoryError:
        if count == 1:
            raise
    except Exception as error:
        return f"it fails: {one_line(error)}"
    if found is None:
        # Not before the error is gone, which holds all of the failed pass.
        return disagreement(way, right, 1, limit)
    if found.shape != right.logprobs.shape:
        return f"its logits are {tuple(found.shape)}, expected {tuple(right.logprobs.shape)}"
    told = right.logprobs.isfinite()
    if not torch.equal(told, found.isfinite()):
        return f"{int(found.isfinite().sum())} of its log-probabilities are finite, {int(told.sum())} of whole passes'"
    apart = apart_nats(found, right.logprobs)
    # Written so that no number is no agreement.
    return None if apart <= limit else f"it is {apart:.2g} nats off whole passes, expected at most {limit:.2g}"


def apart_nats(one: torch.Tensor, other: torch.Tensor) -> float:
    """Root mean square of the difference over whatever is finite in both; 0 where nothing is."""
    told = one.isfinite() & other.isfinite()
    return float((one - other)[told].double().square().mean().sqrt()) if told.any() else 0.0


def rounding_limit(loaded: Loaded, right: Rehearsed) -> float:
    """Nats that a right way may be off in the model's own type: some times what last bits set at random do to it."""
    steps = [right.steps[place] for place in sorted({0, len(right.steps) // 2, len(right.steps) - 1})]
    with _last_bits_at_random(loaded.model):
        again = led(loaded, right.heads, right.tokens, steps)
    places = [right.steps.index(step) for step in steps]
    return max(ROUNDINGS * apart_nats(again.logprobs, right.logprobs[:, places]), least_nats(loaded.model.dtype))
