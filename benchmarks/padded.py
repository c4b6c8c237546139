"""The baseline: every choice a sequence of its own, done as well as that can be done.

Sequences are sorted by length, so that little is padding, which stands at the right, where a causal model never looks:
it needs no mask, and runs its fastest causal attention. The LM head meets only the rows that score an answer. Nothing
waits for the device before the last batch. What it cannot do is share a prompt between its choices, or a few-shot
prefix between items.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.loading import Loaded
from uphill.engine.packed import token_logprobs
from uphill.engine.tokens import Prompt, encode_items

Sequence = tuple[list[int], list[int]]


@torch.inference_mode()
def padded(loaded: Loaded, items: list[Prompt], batch_tokens: int) -> list[float]:
    """Scores of every choice, in order."""
    heads, tails = encode_items(loaded, items)
    pairs = [(head, choice) for head, choices in zip(heads, tails, strict=True) for choice in choices]
    order = sorted(range(len(pairs)), key=lambda index: -len(pairs[index][0]) - len(pairs[index][1]))
    found = torch.cat(
        [_scores(loaded, [pairs[index] for index in batch]) for batch in _batches(order, pairs, batch_tokens)]
    )
    scores = np.empty(len(pairs))
    scores[order] = found.cpu().numpy()
    return scores.tolist()


def _scores(loaded: Loaded, pairs: list[Sequence]) -> torch.Tensor:
    """[N] on the device. The last token of a choice scores nothing, and is not read."""
    width = max(len(head) + len(choice) for head, choice in pairs) - 1
    ids = np.zeros((len(pairs), width), dtype=np.int64)
    rows: list[int] = []
    places: list[int] = []
    targets: list[int] = []
    for number, (head, choice) in enumerate(pairs):
        ids[number, : len(head) + len(choice) - 1] = [*head, *choice[:-1]]
        rows += [number] * len(choice)
        places += range(len(head) - 1, len(head) + len(choice) - 1)
        targets += choice
    tokens, row, place, target = (_moved(array, loaded.device) for array in (ids, rows, places, targets))
    hidden = loaded.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    token = token_logprobs(loaded, hidden[row, place], target)
    return torch.zeros(len(pairs), device=token.device).index_add(0, row, token)


def _moved(values: NDArray[np.int64] | list[int], device: torch.device) -> torch.Tensor:
    tensor = torch.as_tensor(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _batches(order: list[int], pairs: list[Sequence], batch_tokens: int) -> Iterator[list[int]]:
    """Longest first: each batch is as wide as its first sequence."""
    first = 0
    while first < len(order):
        head, choice = pairs[order[first]]
        count = max(1, batch_tokens // (len(head) + len(choice)))
        yield order[first : first + count]
        first += count
