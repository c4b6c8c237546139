"""Generation, greedy or sampled: the prefix that all prompts share is read once, and an answer stops where it is over.

Answers are decoded side by side (see `decoding`). Each depends on its own prompt alone: it is made of the likeliest
tokens, or drawn from a generator of its own. A few prompts are compared with a plain pass first; a model that does not
agree, or whose sliding window is too short, goes through transformers' `generate`, with a line in the log.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from tqdm import tqdm
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from uphill import spending
from uphill.engine.decoding import Decoder, Row, check, decode
from uphill.engine.ending import Ending, Rule
from uphill.engine.launching import AGREEMENT_NATS, HALF_PRECISION_NATS, recorder
from uphill.engine.loading import Loaded
from uphill.engine.packed import read_prefix
from uphill.engine.packing import shared_prefix
from uphill.engine.prefix_attention import shared_prefix_attention
from uphill.engine.sampling import GREEDY, Sampling, next_tokens
from uphill.engine.tokens import encode_prompts
from uphill.errors import UphillError
from uphill.prompts.extraction import answer_end

log = logging.getLogger(__name__)

_agreed: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""Models whose decoding was compared with a plain pass, and whether it was the same."""

Way = Callable[[list[Row], int], Iterator[Row]]
"""Continues rows, so many side by side; each comes out when it is over."""


@torch.inference_mode()
def generate(
    loaded: Loaded,
    prompts: Sequence[str],
    max_new_tokens: int,
    batch: int,
    desc: str = "generating",
    *,
    rule: Rule = answer_end,
    sampling: Sampling = GREEDY,
    item_ids: Sequence[str] | None = None,
) -> Iterator[str]:
    """Answer every prompt, in order, each `sampling.n` times.

    Args:
        loaded: the model.
        prompts: whole prompts; a beginning that they share is read once.
        max_new_tokens: the longest answer.
        batch: answers that are made side by side; halved when the device's memory does not hold them.
        desc: label of the progress bar.
        rule: where in a text the answer is over.
        sampling: how tokens are chosen; the likeliest unless given.
        item_ids: names of the prompts, for messages; draws need them.

    Raises:
        UphillError: a prompt leaves no room for its answer in the model's window, or logits are no numbers.
        ValueError: draws without item ids.
    """
    if sampling.temperature and item_ids is None:
        raise ValueError("an item's draws are its own: item_ids are needed")
    if not prompts:
        return
    heads = encode_prompts(loaded, prompts)
    names = [f"prompt {number}" for number in range(len(heads))] if item_ids is None else list(item_ids)
    _check_room(loaded, heads, names, max_new_tokens)
    ending = Ending(loaded, rule, max_new_tokens)
    way = _way(loaded, heads, ending, sampling)
    # The longest first: what does not fit shows at once, and no long row is left over at the end.
    order = sorted(range(len(heads)), key=lambda item: -len(heads[item]))
    waiting = [(item, answer) for item in order for answer in range(sampling.n)]
    answers: dict[tuple[int, int], str] = {}
    with _Progress(len(waiting), desc) as progress:
        while waiting:
            # Made anew, generators too, for those that ran out of memory half-way.
            rows = [
                Row(item, answer, names[item], heads[item], sampling.generator(names[item], answer))
                for item, answer in waiting
            ]
            try:
                for row in way(rows, batch):
                    answers[row.item, row.answer] = ending.text(row.tokens)
                    progress.add(len(row.tokens))
                    spending.count("generated", len(row.tokens))
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise
                batch = min(batch, len(rows)) // 2 or 1
                log.warning("out of memory: going on with %d answers side by side", batch)
            waiting = [key for key in waiting if key not in answers]
    shared = shared_start(loaded, heads)
    spending.count("read", sum(map(len, heads)) - shared * (len(heads) - 1))
    yield from (answers[item, answer] for item in range(len(heads)) for answer in range(sampling.n))


class _Progress:
    """A bar of answers, with tokens/s."""

    def __init__(self, total: int, desc: str) -> None:
        self._bar = tqdm(total=total, desc=desc, unit="answer", disable=None)
        self._start, self._tokens = time.monotonic(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def add(self, tokens: int) -> None:
        """Count one answer of so many tokens."""
        self._tokens += tokens
        rate = self._tokens / max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
        self._bar.update()


def _check_room(loaded: Loaded, heads: list[list[int]], names: list[str], max_new_tokens: int) -> None:
    for name, head in zip(names, heads, strict=True):
        if len(head) + max_new_tokens > loaded.window:
            raise UphillError(
                f"item {name!r}: prompt and answer are {len(head) + max_new_tokens} tokens, "
                f"expected at most {loaded.window}, the model's window"
            )


def shared_start(loaded: Loaded, heads: Sequence[Sequence[int]]) -> int:
    """How many tokens are read for all prompts; on a GPU a multiple of 16, which its matrix products are made for."""
    start = shared_prefix(heads)
    return start - start % 16 if loaded.device.type == "cuda" else start


def _way(loaded: Loaded, heads: list[list[int]], ending: Ending, sampling: Sampling) -> Way:
    """Side by side behind the shared prefix, for a model that can; else transformers' own way."""
    longest = max(map(len, heads)) + ending.max_new_tokens
    if longest > loaded.span:
        log.warning("%d tokens, beyond the model's sliding window of %d: taking the plain path", longest, loaded.span)
        return partial(_plain, loaded, ending, sampling)
    start = shared_start(loaded, heads)
    prefix = read_prefix(loaded, heads[0][:start])
    if loaded.model not in _agreed:
        _agreed[loaded.model] = _agrees(loaded, [min(heads, key=len), max(heads, key=len)], start, prefix)
    if not _agreed[loaded.model]:
        return partial(_plain, loaded, ending, sampling)
    record = recorder(loaded.model)
    return lambda rows, count: decode(loaded, rows, prefix, start, count, ending, sampling, record)


def _agrees(loaded: Loaded, heads: list[list[int]], start: int, prefix: DynamicCache | None) -> bool:
    """Whether the token after these prompts is as likely as in a plain pass over each."""
    rows = [Row(number, 0, "", head, GREEDY.generator("", number)) for number, head in enumerate(heads)]
    decoder = Decoder(loaded, prefix, start, len(rows), max(map(len, heads)) - start)
    try:
        with shared_prefix_attention(loaded.model):
            decoder.add(rows)
            found = decoder.logits().float().log_softmax(-1)
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        log.warning("decoding behind a shared prefix fails on this model (%s): taking the plain path", error)
        return False
    plain = []
    for head in heads:
        last = torch.tensor([head[-1:]], device=loaded.device)
        # A cache spares the logits of all the other tokens.
        output = loaded.model(input_ids=last, past_key_values=read_prefix(loaded, head[:-1]))
        plain.append(output.logits[0, -1].float().log_softmax(-1))
    apart = float((found - torch.stack(plain)).abs().mean())
    limit = AGREEMENT_NATS.get(loaded.model.dtype, HALF_PRECISION_NATS)
    if not apart <= limit:
        log.warning("decoding behind a shared prefix is %.3g nats off on this model: taking the plain path", apart)
    return apart <= limit


class _Choose(LogitsProcessor):  # type: ignore[misc]
    """Makes transformers take the tokens that are chosen here."""

    def __init__(self, rows: Sequence[Row], sampling: Sampling) -> None:
        self._rows, self._sampling = rows, sampling

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - its interface
        tokens = next_tokens(scores, self._sampling, [row.generator for row in self._rows])
        check(self._rows, tokens.tolist())
        return torch.full_like(scores, -math.inf).scatter(-1, tokens[:, None], 0.0)


class _Over(StoppingCriteria):  # type: ignore[misc]
    """Makes transformers stop each row where its answer is over."""

    def __init__(self, ending: Ending, start: int) -> None:
        self._ending, self._start = ending, start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002 - its interface
        over = [self._ending.reached(tokens) for tokens in input_ids[:, self._start :].tolist()]
        return torch.tensor(over, device=input_ids.device)


def _plain(loaded: Loaded, ending: Ending, sampling: Sampling, rows: list[Row], count: int) -> Iterator[Row]:
    """By transformers' `generate`, padded on the left, every prompt read whole."""
    for first in range(0, len(rows), count):
        chosen = rows[first : first + count]
        width = max(len(row.head) for row in chosen)
        config = GenerationConfig(
            max_new_tokens=ending.max_new_tokens,
            do_sample=False,
            eos_token_id=ending.stops or None,
            pad_token_id=next(iter(ending.stops), 0),
            repetition_penalty=1.0,  # else the model's own setting, if it has one
        )
        output = loaded.model.generate(
            input_ids=_left_padded([row.head for row in chosen], width, 0, loaded.device),
            attention_mask=_left_padded([[1] * len(row.head) for row in chosen], width, 0, loaded.device),
            generation_config=config,
            logits_processor=LogitsProcessorList([_Choose(chosen, sampling)]),
            stopping_criteria=StoppingCriteriaList([_Over(ending, width)]),
        )
        for row, tokens in zip(chosen, output[:, width:].tolist(), strict=True):
            row.tokens += tokens
            yield row


def _left_padded(lists: Sequence[Sequence[int]], width: int, pad: int, device: torch.device) -> torch.Tensor:
    return torch.tensor([[pad] * (width - len(values)) + list(values) for values in lists], device=device)
