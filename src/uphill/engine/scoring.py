"""Log-probabilities of answers, and the states behind them, each token read once.

The prefix that all prompts share is read into a KV cache; items are packed behind it (see `packing`). This is exact for
models with rotary positions, and wrong for some others (ALiBi), and its fastest kernels run on some devices only. So
each way is held to one whole sequence a choice before it is used (see `choosing`), and one that fails or differs, then
or later, is left for the next slower one, with a line in the log that says why.
"""

import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import DynamicCache

from uphill.engine.agreement import cannot_run
from uphill.engine.alone import alone
from uphill.engine.attention import compiled
from uphill.engine.choosing import ALONE, Way, choose, give_up, right
from uphill.engine.hidden import KeptLayers, blocks_of, narrowest
from uphill.engine.loading import Loaded
from uphill.engine.packed import (
    choice_and_token_logprobs,
    choice_logprobs,
    forget,
    forward,
    on_device,
    read_prefix,
)
from uphill.engine.packing import Branched, lay_out, packs_of, shared_prefix, unscored
from uphill.engine.padded import Result, by_choice, padded, padded_logprobs
from uphill.engine.sampled import Heads, Tails
from uphill.engine.text_packs import not_apart, packed_texts
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError
from uphill.running import spending

__all__ = [
    "Scores",
    "can_pack",
    "can_pack_texts",
    "can_train",
    "choice_logprobs",
    "forward",
    "padded_logprobs",
    "read_prefix",
    "ready",
    "score",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What one pass gives for one item with C choices.

    Attributes:
        logprob: [C] summed log-probability (nats) of each choice's tokens, given the prompt.
        n_tokens: [C] tokens of each choice that score.
        states: [C, D] kept layers of the last answer token, concatenated, in float16 where that holds them, else in
            float32; None unless asked for.
        tokens: of each choice the [T] log-probabilities (nats) of its tokens; None unless asked for.
    """

    item_id: str
    logprob: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    states: NDArray[np.float16] | NDArray[np.float32] | None
    tokens: Sequence[NDArray[np.float32]] | None = None


@torch.inference_mode()
def score(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    layers: Sequence[int] | None = None,
    desc: str = "scoring",
    tokens: bool = False,
) -> Iterator[Scores]:
    """Score every choice of every prompt, in order.

    Args:
        loaded: the model.
        prompts: the items; a prefix that they share is read once.
        layers: indices of the L+1 hidden states whose last answer token is kept; None keeps none.
        desc: label of the progress bar.
        tokens: whether the log-probability of each token is kept beside their sum.

    Raises:
        UphillError: a prompt does not fit, a choice has no token, or a log-probability or a state is no number.
    """
    if not prompts:
        return
    heads, tails = encode_items(loaded, prompts)
    read, start = 0, time.perf_counter()
    with (
        KeptLayers(loaded.model, layers, tokens) as kept,
        tqdm(total=len(prompts), desc=desc, unit="item", leave=None, disable=None) as bar,
    ):
        for prompt, choices, found in zip(prompts, tails, _results(loaded, heads, tails, kept), strict=True):
            if not np.isfinite(found.logprob).all():
                raise UphillError(
                    f"item {prompt.item_id!r}: log-probabilities are {found.logprob}, expected finite numbers"
                )
            read += found.read
            bar.set_postfix_str(f"{read / (time.perf_counter() - start):.0f} tokens/s", refresh=False)
            bar.update()
            n_tokens = np.array([len(choice) - unscored(choice) for choice in choices])
            states = None if found.states is None else narrowest(found.states, len(kept.layers), prompt.item_id)
            yield Scores(prompt.item_id, found.logprob, n_tokens, states, found.tokens)
    spending.count("read", read)
    naive = sum(len(head) + len(choice) for head, choices in zip(heads, tails, strict=True) for choice in choices)
    log.info(
        "%s: %d items, %d tokens read; one sequence for each choice has %d, %.1f times as many; peak memory %.1f GiB",
        *(desc, len(prompts), read, naive, naive / read, _peak_memory(loaded) / 2**30),
    )


def _peak_memory(loaded: Loaded) -> int:
    """Bytes, of the device that held most, or of this process."""
    if loaded.device.type == "cuda":
        return max(torch.cuda.max_memory_allocated(device) for device in range(torch.cuda.device_count()))
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _results(
    loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers
) -> Iterator[Result]:
    """Each item's result, in order, by the fastest way that is right; one that fails is left for the next."""
    _compile_if_it_pays(loaded, heads, tails)
    done = 0
    while done < len(heads):
        way = choose(loaded, heads[done:], tails[done:], bool(kept), run)
        try:
            for result in run(way, loaded, heads[done:], tails[done:], kept):
                yield result
                done += 1
        except (torch.OutOfMemoryError, UphillError):
            raise
        except Exception as error:
            if way == ALONE:
                raise cannot_run(loaded, error) from error
            give_up(loaded, way, error)


def run(way: Way, loaded: Loaded, heads: Heads, tails: Tails, kept: KeptLayers) -> Iterator[Result]:
    """Each item's result, in order, by one way; `loaded` says how packs are attended to."""
    slow: dict[str, Callable[..., Iterator[Result]]] = {"padded": padded, "alone": alone}
    by = {**slow, "whole": _whole, "texts": packed_texts}
    return by.get(way.kind, _packed)(loaded, heads, tails, kept)


def ready(loaded: Loaded, heads: Heads, tails: Tails, states: bool) -> None:
    """Find the way for all of a job's items, before the first of them is scored."""
    choose(loaded, heads, tails, states, run)


def can_pack(loaded: Loaded, heads: Heads, tails: Tails) -> bool:
    """Whether these items can be packed."""
    return choose(loaded, heads, tails, False, run).kind == "packed"


def can_train(loaded: Loaded, heads: Heads, tails: Tails) -> bool:
    """Whether these items can be packed with their prefix, behind no cache, as training reads them."""
    return choose(loaded, heads, tails, False, run, whole=True).kind == "whole"


def can_pack_texts(loaded: Loaded, heads: Heads, tails: Tails) -> bool:
    """Whether texts, each a prompt and one answer, can lie in one row as fine-tuning reads them; said if not."""
    return right(loaded, Way("texts"), heads, tails, run, Way("padded"), also=lambda: not_apart(loaded))


def _whole(loaded: Loaded, heads: Heads, tails: Tails, kept: KeptLayers) -> Iterator[Result]:  # noqa: ARG001
    """Scores as training computes them."""
    prefix = shared_prefix(heads)
    items = [Branched.of(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
    for pack in packs_of([item.n_tokens for item in items], loaded.pack_tokens):
        layout = lay_out([items[index] for index in pack], start=0, prefix=heads[0][:prefix])
        scores = choice_logprobs(loaded, forward(loaded, layout, 0, None), layout)
        for index, own in zip(pack, scores.split([len(items[index].choices) for index in pack]), strict=True):
            yield Result(own.cpu().numpy(), None, items[index].n_tokens)


def _compile_if_it_pays(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]]) -> None:
    """Compile once a job has read, this pass included, as much as repays it: what comes after is gain."""
    own = sum(len(head) + sum(map(len, choices)) for head, choices in zip(heads, tails, strict=True))
    loaded.read_tokens += own - (len(heads) - 1) * shared_prefix(heads)
    if loaded.compile_from is not None and loaded.read_tokens >= loaded.compile_from:
        loaded.compile_from = None
        if loaded.packed is not False:
            loaded.compiled, loaded.packed = True, None


class _Pack:
    """Results of one pack, on their way from the device; `read` is the tokens that were read for each of its items."""

    def __init__(
        self,
        items: list[Branched],
        read: list[int],
        logprob: torch.Tensor,
        states: torch.Tensor | None,
        token: torch.Tensor | None,
    ) -> None:
        self._items, self._read = items, read
        self._logprob = logprob.to("cpu", non_blocking=True)
        self._states = None if states is None else states.to(logprob.device).to("cpu", non_blocking=True)
        self._token = None if token is None else token.to("cpu", non_blocking=True)
        self._arrived = torch.cuda.current_stream(logprob.device).record_event() if logprob.is_cuda else None

    def results(self) -> Iterator[Result]:
        """Each item's, in order; waits for the device."""
        if self._arrived is not None:
            self._arrived.synchronize()
        logprob, states = self._logprob.numpy(), None if self._states is None else self._states.numpy()
        counts = [count for item in self._items for count in item.scored]
        tokens = None if self._token is None else by_choice(self._token, counts)
        first = 0
        for item, read in zip(self._items, self._read, strict=True):
            chosen = slice(first, first + len(item.choices))
            first = chosen.stop
            own = None if tokens is None else tokens[chosen]
            yield Result(logprob[chosen], None if states is None else states[chosen], read, own)


def _packed(loaded: Loaded, heads: Heads, tails: Tails, kept: KeptLayers) -> Iterator[Result]:
    prefix = shared_prefix(heads)
    cache = read_prefix(loaded, heads[0][:prefix])
    items = [Branched.of(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
    sizes = [item.n_tokens - (0 if kept else item.n_ends) for item in items]
    read = [prefix + sizes[0], *sizes[1:]]
    done = 0
    before: _Pack | None = None
    while done < len(items):
        # Planned anew for each pack: the budget shrinks when the device turns out to hold less.
        last = done + len(next(packs_of(sizes[done:], loaded.pack_tokens)))
        pack = _if_it_fits(loaded, items[done:last], read[done:last], prefix, cache, kept)
        if pack is None:
            loaded.pack_tokens = sum(sizes[done:last]) // 2
            continue
        # The device works on this pack while the one before is handed out and the one after is laid out.
        if before is not None:
            yield from before.results()
        before, done = pack, last
    if before is not None:
        yield from before.results()


def _if_it_fits(
    loaded: Loaded, items: list[Branched], read: list[int], prefix: int, cache: DynamicCache | None, kept: KeptLayers
) -> _Pack | None:
    """One pack, under way on the device; None where it does not fit."""
    try:
        with compiled(blocks_of(loaded.model), loaded.compiled):
            layout = lay_out(items, start=prefix, ends=bool(kept))
            logprob, token = choice_and_token_logprobs(loaded, forward(loaded, layout, prefix, cache), layout)
            (lasts,) = on_device(loaded, layout.last_rows)
            states = kept.rows(torch.zeros_like(lasts), lasts)
            return _Pack(items, read, logprob, states, token if kept.tokens else None)
    except torch.OutOfMemoryError:
        if len(items) == 1:
            raise
        log.warning("out of memory with %d items in a pack: halving it", len(items))
    finally:
        forget(cache, prefix)
    return None
