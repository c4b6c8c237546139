"""Log-probabilities the plain way: every choice a sequence of its own, padded to the length of its batch."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.packing import cut, packs_of, unscored
from uphill.engine.sizes import logits_from

log = logging.getLogger(__name__)

SORTED_BATCHES = 16


class Result(NamedTuple):
    """Of one item with C choices: log-probabilities [C], states [C, D] if kept, and how many tokens it cost."""

    logprob: NDArray[np.float64]
    states: NDArray[np.float32] | None
    read: int


Pair = tuple[Sequence[int], Sequence[int]]
"""What comes before the first token that scores, and the tokens that do."""


def padded_logprobs(loaded: Loaded, sequences: Sequence[Pair]) -> torch.Tensor:
    """[N] summed log-probability of each answer behind its prompt, from one right-padded batch.

    Each is a batch of its own where the model does not bear batches.
    """
    batches = [[pair] for pair in sequences] if loaded.alone else [sequences]
    return torch.cat([_batch_logprobs(loaded, batch) for batch in batches])


def _batch_logprobs(loaded: Loaded, sequences: Sequence[Pair]) -> torch.Tensor:
    """[N] summed log-probability of each answer behind its prompt, by the model's own logits.

    Padding stands at the right, where a causal model never looks, so that it needs no mask, which would cost it its
    fastest attention. Logits are asked for from the first answer on.
    """
    width = max(len(head) + len(choice) for head, choice in sequences)
    first = min(len(head) for head, _ in sequences) - 1
    ids = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, (head, choice) in enumerate(sequences):
        ids[row, : len(head) + len(choice)] = torch.tensor([*head, *choice])
    logits = loaded.model(
        input_ids=ids.to(loaded.device), use_cache=False, **logits_from(loaded.model, width - first)
    ).logits
    first = width - logits.shape[1]
    rows = [row for row, (_, choice) in enumerate(sequences) for _ in choice]
    places = [len(head) - 1 - first + place for head, choice in sequences for place in range(len(choice))]
    targets = torch.tensor([token for _, choice in sequences for token in choice], device=logits.device)
    scoring = logits[torch.tensor(rows), torch.tensor(places)].float()
    token = -torch.nn.functional.cross_entropy(scoring, targets, reduction="none")
    owners = torch.tensor(rows, device=token.device)
    return torch.zeros(len(sequences), device=token.device).index_add(0, owners, token).double()


def padded(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    """Each item's result, in order, by the model's own attention. `loaded.pack_tokens` halves when memory runs out."""
    sizes = [sum(len(head) + len(choice) for choice in choices) for head, choices in zip(heads, tails, strict=True)]
    # Sorted by length within some batches' worth of items, so that results come out as they are made.
    for window in packs_of(sizes, SORTED_BATCHES * loaded.pack_tokens):
        sequences = [
            cut([*heads[index], *tail], len(heads[index]) + unscored(tail)) for index in window for tail in tails[index]
        ]
        logprob, states = _sorted_by_length(loaded, sequences, kept)
        first = 0
        for index in window:
            chosen = slice(first, first + len(tails[index]))
            first = chosen.stop
            yield Result(logprob[chosen], None if states is None else states[chosen], sizes[index])


def _sorted_by_length(
    loaded: Loaded, sequences: list[tuple[list[int], list[int]]], kept: KeptLayers
) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    """[N] log-probabilities and [N, D] states of sequences, read in batches of alike lengths."""
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index][0]) + len(sequences[index][1]))
    logprob = np.zeros(len(sequences))
    states: list[NDArray[np.float32]] = []
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
