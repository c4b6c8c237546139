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

from uphill.engine.attention import BLOCK, attending, compiled, dense_mask, pack_mask
from uphill.engine.hidden import KeptLayers, blocks_of
from uphill.engine.loading import Loaded
from uphill.engine.packing import Branched, Layout, lay_out, plan, shared_prefix
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError

log = logging.getLogger(__name__)

AGREEMENT_ITEMS = 2
AGREEMENT_NATS = {torch.float32: 1e-3}
LOGITS_AT_ONCE = 2**27
"""Float32 logits that are held at a time: half a gigabyte."""
SORTED_BATCHES = 16
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


class _Pack:
    """Results of one pack, on their way from the device."""

    def __init__(self, items: list[Branched], logprob: torch.Tensor, states: torch.Tensor | None) -> None:
        self._items = items
        self._logprob = logprob.to("cpu", non_blocking=True)
        self._states = None if states is None else states.to(logprob.device).to("cpu", non_blocking=True)
        self._arrived = torch.cuda.current_stream(logprob.device).record_event() if logprob.is_cuda else None

    def results(self) -> Iterator[Result]:
        """Each item's, in order; waits for the device."""
        if self._arrived is not None:
            self._arrived.synchronize()
        logprob, states = self._logprob.numpy(), None if self._states is None else self._states.numpy()
        first = 0
        for item in self._items:
            chosen = slice(first, first + len(item.choices))
            first = chosen.stop
            yield logprob[chosen], None if states is None else states[chosen]


def _packed(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    prefix = shared_prefix(heads)
    cache = read_prefix(loaded, heads[0][:prefix])
    items = [Branched(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
    sizes = [item.n_tokens - (0 if kept else len(item.choices)) for item in items]
    done = 0
    before: _Pack | None = None
    while done < len(items):
        # Planned anew for each pack: the budget shrinks when the device turns out to hold less.
        last = done + len(next(plan(sizes[done:], loaded.pack_tokens)))
        pack = _if_it_fits(loaded, items[done:last], prefix, cache, kept)
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
    loaded: Loaded, items: list[Branched], prefix: int, cache: DynamicCache | None, kept: KeptLayers
) -> _Pack | None:
    """One pack, under way on the device; None where it does not fit."""
    try:
        with compiled(blocks_of(loaded.model), loaded.compiled):
            layout = lay_out(items, start=prefix, ends=bool(kept))
            logprob = choice_logprobs(loaded, forward(loaded, layout, prefix, cache), layout)
            (lasts,) = _on_device(loaded, layout.last_rows)
            return _Pack(items, logprob, kept.rows(torch.zeros_like(lasts), lasts))
    except torch.OutOfMemoryError:
        if len(items) == 1:
            raise
        log.warning("out of memory with %d items in a pack: halving it", len(items))
    finally:
        _forget(cache, prefix)
    return None


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
    if loaded.attention == "dense":
        ids, positions, until = _on_device(loaded, layout.input_ids, layout.position_ids, layout.until)
        output = loaded.model.base_model(
            input_ids=ids[None],
            position_ids=positions[None],
            attention_mask=dense_mask(until, prefix, loaded.model.dtype),
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return output.last_hidden_state[0]
    length = len(layout.until)
    # Whole blocks, two at least: a single one would be a special case to compile for.
    rest = max(2 * BLOCK - length, -length % BLOCK)
    # What fills them up sees itself alone, and nobody else does.
    alone = np.arange(length, length + rest)
    ids, positions, until = _on_device(
        loaded, np.pad(layout.input_ids, (0, rest)), np.pad(layout.position_ids, (0, rest)), np.r_[layout.until, alone]
    )
    with attending(loaded.model):
        output = loaded.model.base_model(
            input_ids=ids[None],
            position_ids=positions[None],
            attention_mask=pack_mask(until, cache, joined=loaded.attention == "joined"),
            use_cache=False,
        )
    return output.last_hidden_state[0, :length]


def _on_device(loaded: Loaded, *arrays: NDArray[np.int64]) -> tuple[torch.Tensor, ...]:
    """Arrays of indices on the model's device, in one copy that does not wait for what the device is doing."""
    joined = torch.from_numpy(np.concatenate(arrays))
    if loaded.device.type == "cuda":
        joined = joined.pin_memory().to(loaded.device, non_blocking=True)
    return joined.split([len(array) for array in arrays])


def choice_logprobs(loaded: Loaded, hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
    """[C] summed log-probability of each choice. Only rows that score an answer token meet the LM head."""
    rows, targets, owners = _on_device(loaded, layout.score_rows, layout.score_targets, layout.score_choice)
    token = token_logprobs(loaded, hidden[rows.to(hidden.device)], targets)
    return torch.zeros(len(layout.last_rows), device=token.device).index_add(0, owners.to(token.device), token).double()


def token_logprobs(loaded: Loaded, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """[S] log-probability of each target by the final hidden state that predicts it, [S, d].

    In parts, since float32 logits of a whole pack over a large vocabulary can outgrow the model.
    """
    head = loaded.model.get_output_embeddings()
    cap = getattr(loaded.model.config, "final_logit_softcapping", None)  # Gemma-2
    at_once = max(1, LOGITS_AT_ONCE // loaded.model.config.vocab_size)
    parts = []
    for some, wanted in zip(rows.split(at_once), targets.split(at_once), strict=True):
        logits = head(some)
        if cap:
            logits = cap * torch.tanh(logits / cap)
        logits = logits.float()
        parts.append(-torch.nn.functional.cross_entropy(logits, wanted.to(logits.device), reduction="none"))
    return torch.cat(parts)


def padded_logprobs(loaded: Loaded, head: Sequence[int], choices: Sequence[Sequence[int]]) -> torch.Tensor:
    """[C] summed log-probability of each choice, from one right-padded batch with one sequence per choice."""
    return _batch_logprobs(loaded, [(head, choice) for choice in choices])


def _batch_logprobs(loaded: Loaded, sequences: Sequence[tuple[Sequence[int], Sequence[int]]]) -> torch.Tensor:
    """[N] summed log-probability of each answer behind its prompt, by the model's own logits.

    Padding stands at the right, where a causal model never looks, so that it needs no mask, which would cost it its
    fastest attention. Logits are asked for from the first answer to the last.
    """
    width = max(len(head) + len(choice) for head, choice in sequences)
    first = min(len(head) for head, _ in sequences) - 1
    ids = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, (head, choice) in enumerate(sequences):
        ids[row, : len(head) + len(choice)] = torch.tensor([*head, *choice])
    logits = loaded.model(
        input_ids=ids.to(loaded.device),
        use_cache=False,
        logits_to_keep=torch.arange(first, width - 1).to(loaded.device),
    ).logits
    rows = [row for row, (_, choice) in enumerate(sequences) for _ in choice]
    places = [len(head) - 1 - first + place for head, choice in sequences for place in range(len(choice))]
    targets = torch.tensor([token for _, choice in sequences for token in choice], device=logits.device)
    scoring = logits[torch.tensor(rows), torch.tensor(places)].float()
    token = -torch.nn.functional.cross_entropy(scoring, targets, reduction="none")
    owners = torch.tensor(rows, device=token.device)
    return torch.zeros(len(sequences), device=token.device).index_add(0, owners, token).double()


def _padded(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    """One sequence for each choice, the plain way, for models that cannot be packed."""
    sizes = [sum(len(head) + len(choice) for choice in choices) for head, choices in zip(heads, tails, strict=True)]
    # Sorted by length within some batches' worth of items, so that results come out as they are made.
    for window in plan(sizes, SORTED_BATCHES * loaded.pack_tokens):
        sequences = [(heads[index], choice) for index in window for choice in tails[index]]
        logprob, states = _sorted_by_length(loaded, sequences, kept)
        first = 0
        for index in window:
            chosen = slice(first, first + len(tails[index]))
            first = chosen.stop
            yield logprob[chosen], None if states is None else states[chosen]


def _sorted_by_length(
    loaded: Loaded, sequences: list[tuple[list[int], list[int]]], kept: KeptLayers
) -> tuple[NDArray[np.float64], NDArray[np.float16] | None]:
    """[N] log-probabilities and [N, D] states of sequences, read in batches of alike lengths."""
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index][0]) + len(sequences[index][1]))
    logprob = np.zeros(len(sequences))
    states: list[NDArray[np.float16]] = []
    done = 0
    while done < len(order):
        batch = order[done : done + _batch_size(sequences, order[done:], loaded.pack_tokens)]
        some = [sequences[index] for index in batch]
        try:
            logprob[batch] = _batch_logprobs(loaded, some).cpu().numpy()
            ends = torch.tensor([len(head) + len(choice) - 1 for head, choice in some])
            found = kept.rows(torch.arange(len(some)), ends)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            log.warning("out of memory with %d sequences in a batch: halving it", len(batch))
            loaded.pack_tokens = sum(len(head) + len(choice) for head, choice in some) // 2
            continue
        if found is not None:
            states.append(found.cpu().numpy())
        done += len(batch)
    return logprob, np.concatenate(states)[np.argsort(order)] if states else None


def _batch_size(sequences: list[tuple[list[int], list[int]]], order: list[int], budget: int) -> int:
    """How many of the sequences, which come shortest first, fit the budget once padded; at least one."""
    for count, index in enumerate(order):
        if count and (count + 1) * (len(sequences[index][0]) + len(sequences[index][1])) > budget:
            return count
    return len(order)


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
