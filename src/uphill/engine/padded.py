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
    """Of one item with C choices: log-probabilities [C], states [C, D] if kept, and how many tokens it cost.

    `tokens` are [T] log-probabilities of each choice's own tokens, where they are kept.
    """

    logprob: NDArray[np.float64]
    states: NDArray[np.float32] | None
    read: int
    tokens: Sequence[NDArray[np.float32]] | None = None


Pair = tuple[Sequence[int], Sequence[int]]
"""What comes before the first token that scores, and the tokens that do."""


def padded_logprobs(loaded: Loaded, sequences: Sequence[Pair]) -> torch.Tensor:
    """[N] summed log-probability of each answer behind its prompt, from one right-padded batch.

    Each is a batch of its own where the model does not bear batches.
    """
    batches = [[pair] for pair in sequences] if loaded.alone else [sequences]
    return torch.cat([_batch_logprobs(loaded, batch)[0] for batch in batches])


def _batch_logprobs(loaded: Loaded, sequences: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """[N] summed log-probability of each answer behind its prompt, and [S] those of tokens, by the model's own logits.

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
    return torch.zeros(len(sequences), device=token.device).index_add(0, owners, token).double(), token


def by_choice(token: torch.Tensor, counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """Log-probabilities of tokens [S], as those of each choice, which have so many."""
    return [each.numpy() for each in token.cpu().split(list(counts))]


def padded(loaded: Loaded, heads: list[list[int]], tails: list[list[list[int]]], kept: KeptLayers) -> Iterator[Result]:
    """Each item's result, in order, by the model's own attention. `loaded.pack_tokens` halves when memory runs out."""
    sizes = [sum(len(head) + len(choice) for choice in choices) for head, choices in zip(heads, tails, strict=True)]
    # Sorted by length within some batches' worth of items, so that results come out as they are made.
    for window in packs_of(sizes, SORTED_BATCHES * loaded.pack_tokens):
        sequences = [
            cut([*heads[index], *tail], len(heads[index]) + unscored(tail)) for index in window for tail in tails[index]
        ]
        logprob, states, tokens = _sorted_by_length(loaded, sequences, kept)
        first = 0
        for index in window:
            chosen = slice(first, first + len(tails[index]))
            first = chosen.stop
            own = tokens[chosen] if kept.tokens else None
            yield Result(logprob[chosen], None if states is None else states[chosen], sizes[index], own)


def _sorted_by_length(
    loaded: Loaded, sequences: list[tuple[list[int], list[int]]], kept: KeptLayers
) -> tuple[NDArray[np.float64], NDArray[np.float32] | None, list[NDArray[np.float32]]]:
    """[N] log-probabilities, [N, D] states and, if kept, N times those of tokens; read in batches of alike lengths."""
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index][0]) + len(sequences[index][1]))
    logprob = np.zeros(len(sequences))
    states: list[NDArray[np.float32]] = []
    tokens: dict[int, NDArray[np.float32]] = {}
    done = 0
    while done < len(order):
        batch = order[done : done + _batch_size(sequences, order[done:], loaded.pack_tokens)]
        some = [sequences[index] for index in batch]
        try:
            summed, token = _batch_logprobs(loaded, some)
            logprob[batch] = summed.cpu().numpy()
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
        if kept.tokens:
            tokens.update(zip(batch, by_choice(token, [len(choice) for _, choice in some]), strict=True))
        done += len(batch)
    caught = np.concatenate(states)[np.argsort(order)] if states else None
    return logprob, caught, [tokens[index] for index in sorted(tokens)]


def _batch_size(sequences: list[tuple[list[int], list[int]]], order: list[int], budget: int) -> int:
    """How many of the sequences, which come shortest first, fit the budget once padded; at least one."""
    for count, index in enumerate(order):
        if count and (count + 1) * (len(sequences[index][0]) + len(sequences[index][1])) > budget:
            return count
    return len(order)
