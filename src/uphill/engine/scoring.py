"""Log-probabilities of answers, and the states behind them, each token read once.

The prefix that all prompts share is read into a KV cache; items are packed behind it (see `packing`). This is exact for
models with rotary positions, and wrong for some others (ALiBi), so the first call compares a few items with one padded
sequence per choice, and a model that does not agree is scored that way, with a line in the log.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import DynamicCache

from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.packing import Branched, Layout, lay_out, plan, shared_prefix
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError

log = logging.getLogger(__name__)

AGREEMENT_ITEMS = 2
AGREEMENT_NATS = {torch.float32: 1e-3}
HALF_PRECISION_NATS = 0.5
"""Rounding of 16-bit weights moves a summed log-probability by some tenths; a wrong mask moves it by whole nats."""


@dataclass(frozen=True)
class Scores:
    """What one pass gives for one item with C choices.

    Attributes:
        logprob: [C] summed log-probability (nats) of each choice's tokens, given the prompt.
        n_tokens: [C] tokens of each choice.
        states: [C, D] float16, kept layers of the last answer token, concatenated; None unless asked for.
    """

    item_id: str
    logprob: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    states: NDArray[np.float16] | None


@torch.inference_mode()
def score(
    loaded: Loaded, prompts: Sequence[Prompt], layers: Sequence[int] | None = None, desc: str = "scoring"
) -> Iterator[Scores]:
    """Score every choice of every prompt, in order.

    Args:
        loaded: the model.
        prompts: the items; a prefix that they share is read once.
        layers: indices of the L+1 hidden states whose last answer token is kept; None keeps none.
        desc: label of the progress bar.

    Raises:
        UphillError: a prompt does not fit, a choice has no token, or a log-probability is no number.
    """
    if not prompts:
        return
    heads, tails = encode_items(loaded, prompts)
    one_pass = _packed if can_pack(loaded, heads, tails) else _padded
    with (
        KeptLayers(loaded.model, layers) as kept,
        tqdm(total=len(prompts), desc=desc, unit="item", disable=None) as bar,
    ):
        for prompt, choices, scores in zip(prompts, tails, one_pass(loaded, heads, tails, kept), strict=True):
            logprob, states = scores
            if not np.isfinite(logprob).all():
                raise UphillError(f"item {prompt.item_id!r}: log-probabilities are {logprob}, expected finite numbers")
            bar.update()
            yield Scores(prompt.item_id, logprob, np.array([len(choice) for choice in choices]), states)


@torch.inference_mode()
def can_pack(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]]) -> bool:
    """Whether these items can be packed. A few are tried, once for a model; the masks know of no sliding window."""
    longest = max(len(head) + max(map(len, choices)) for head, choices in zip(heads, tails, strict=True))
    if longest > loaded.span:
        log.warning("%d tokens, beyond the model's sliding window of %d: taking the padded path", longest, loaded.span)
        return False
    if loaded.packed is None:
        loaded.packed = _agrees(loaded, heads[:AGREEMENT_ITEMS], tails[:AGREEMENT_ITEMS])
    return loaded.packed


Result = tuple[NDArray[np.float64], NDArray[np.float16] | None]


def _packed(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    prefix = shared_prefix(heads)
    cache = read_prefix(loaded, heads[0][:prefix])
    items = [Branched(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
    sizes = [item.n_tokens for item in items]
    done = 0
    while done < len(items):
        # Planned anew for each pack: the budget shrinks when the device turns out to hold less.
        last = done + len(next(plan(sizes[done:], loaded.pack_tokens)))
        results = _if_it_fits(loaded, items[done:last], prefix, cache, kept)
        if results is not None:
            yield from results
            done = last


def _if_it_fits(
    loaded: Loaded, items: list[Branched], prefix: int, cache: DynamicCache | None, kept: KeptLayers
) -> list[Result] | None:
    """Results of one pack; None where it does not fit the device, and then the budget is half of what it held."""
    try:
        return list(_one_pack(loaded, items, prefix, cache, kept))
    except torch.OutOfMemoryError:
        if len(items) == 1:
            raise
        log.warning("out of memory with %d items in a pack: halving it", len(items))
    _forget(cache, prefix)
    loaded.pack_tokens = sum(item.n_tokens for item in items) // 2
    return None


def _one_pack(
    loaded: Loaded, items: list[Branched], prefix: int, cache: DynamicCache | None, kept: KeptLayers
) -> Iterator[Result]:
    layout = lay_out(items, start=prefix)
    hidden = forward(loaded, layout, prefix, cache)
    _forget(cache, prefix)
    logprob = choice_logprobs(loaded, hidden, layout).cpu().numpy()
    states = kept.rows(0, layout.last_rows)
    first = 0
    for item in items:
        chosen = slice(first, first + len(item.choices))
        first = chosen.stop
        yield logprob[chosen], None if states is None else states[chosen]


def read_prefix(loaded: Loaded, ids: Sequence[int]) -> DynamicCache | None:
    """The KV cache of a prefix; None for an empty one."""
    if not ids:
        return None
    cache = DynamicCache()
    loaded.model.base_model(
        input_ids=torch.tensor([list(ids)], device=loaded.device), past_key_values=cache, use_cache=True
    )
    return cache


def _forget(cache: DynamicCache | None, prefix: int) -> None:
    """Drop from a cache what was read behind the prefix; a pass that failed has reached but some of the layers."""
    for layer in [] if cache is None else cache.layers:
        layer.keys, layer.values = layer.keys[..., :prefix, :], layer.values[..., :prefix, :]


def forward(loaded: Loaded, layout: Layout, prefix: int, cache: DynamicCache | None) -> torch.Tensor:
    """Final hidden states [T, d] of a packed sequence behind a cached prefix."""
    dtype = loaded.model.dtype
    seen = torch.as_tensor(layout.visible, device=loaded.device)
    mask = torch.zeros(len(seen), prefix + len(seen), dtype=dtype, device=loaded.device)
    mask[:, prefix:].masked_fill_(~seen, torch.finfo(dtype).min)
    output = loaded.model.base_model(
        input_ids=torch.as_tensor(layout.input_ids, device=loaded.device)[None],
        position_ids=torch.as_tensor(layout.position_ids, device=loaded.device)[None],
        attention_mask=mask[None, None],
        past_key_values=cache,
        use_cache=cache is not None,
    )
    return output.last_hidden_state[0]


def choice_logprobs(loaded: Loaded, hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
    """[C] summed log-probability of each choice. Only rows that score an answer token meet the LM head."""
    rows = hidden[torch.as_tensor(layout.score_rows, device=hidden.device)]
    targets = torch.as_tensor(layout.score_targets, device=hidden.device)
    owners = torch.as_tensor(layout.score_choice, device=hidden.device)
    logits = loaded.model.get_output_embeddings()(rows).float()
    token = logits.log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    return torch.zeros(len(layout.last_rows), device=hidden.device).index_add(0, owners, token).double()


def padded_logprobs(loaded: Loaded, head: Sequence[int], choices: Sequence[Sequence[int]]) -> torch.Tensor:
    """[C] summed log-probability of each choice, from one right-padded batch with one sequence per choice."""
    width = len(head) + max(map(len, choices))
    ids = torch.zeros(len(choices), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, choice in enumerate(choices):
        ids[row, : len(head) + len(choice)] = torch.tensor([*head, *choice])
        mask[row, : len(head) + len(choice)] = 1
    logits = loaded.model(
        input_ids=ids.to(loaded.device), attention_mask=mask.to(loaded.device), use_cache=False
    ).logits
    logprob = []
    for row, choice in enumerate(choices):
        scoring = logits[row, len(head) - 1 : len(head) - 1 + len(choice)].float().log_softmax(-1)
        logprob.append(scoring.gather(-1, torch.tensor(choice, device=scoring.device)[:, None]).sum())
    return torch.stack(logprob).double()


def _padded(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    """One item at a time, padded: the plain way, for models that cannot be packed."""
    for head, choices in zip(heads, tails, strict=True):
        logprob = padded_logprobs(loaded, head, choices).cpu().numpy()
        states = [kept.rows(row, [len(head) + len(choice) - 1]) for row, choice in enumerate(choices)]
        found = [state for state in states if state is not None]
        yield logprob, np.concatenate(found) if found else None


def _agrees(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]]) -> bool:
    """Whether packed scoring gives what plain scoring gives, on a few items."""
    with KeptLayers(loaded.model, None) as kept:
        plain = np.concatenate([result[0] for result in _padded(loaded, heads, tails, kept)])
        try:
            packed = np.concatenate([result[0] for result in _packed(loaded, heads, tails, kept)])
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            log.warning("packed scoring fails on this model (%s): taking the padded path", error)
            return False
    apart = float(np.abs(packed - plain).max())
    limit = AGREEMENT_NATS.get(loaded.model.dtype, HALF_PRECISION_NATS)
    if apart > limit:
        log.warning("packed scoring is %.3g nats off on this model: taking the padded path", apart)
    return apart <= limit
