"""One packed pass: prefix and pack through the model, log-probabilities out."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache

from uphill.engine.attention import BLOCK, attending, dense_mask, pack_mask
from uphill.engine.loading import Loaded
from uphill.engine.packing import Pack
from uphill.engine.sizes import body, text_config, vocabulary

LOGITS_AT_ONCE = 2**27
"""Float32 logits that are held at a time: half a gigabyte."""


def read_prefix(loaded: Loaded, ids: Sequence[int]) -> DynamicCache | None:
    """The KV cache of a prefix; None for an empty one."""
    if not ids:
        return None
    cache = DynamicCache()
    body(loaded.model)(input_ids=torch.tensor([list(ids)], device=loaded.device), past_key_values=cache, use_cache=True)
    return cache


def forget(cache: DynamicCache | None, prefix: int) -> None:
    """Drop from a cache what was read behind the prefix; a pass that failed has reached but some of the layers.

    Raises:
        TypeError: a layer keeps something else than keys and values, such as a recurrent state.
    """
    for number, layer in enumerate([] if cache is None else cache.layers):
        kept = getattr(layer, "keys", None), getattr(layer, "values", None)
        if not all(isinstance(tensor, torch.Tensor) and tensor.ndim == 4 for tensor in kept):
            raise TypeError(f"block {number} keeps no keys and values in its cache, behind which packs could be read")
        layer.keys, layer.values = layer.keys[..., :prefix, :], layer.values[..., :prefix, :]


def forward(loaded: Loaded, layout: Pack, prefix: int, cache: DynamicCache | None) -> torch.Tensor:
    """Final hidden states [T, d] of a packed sequence behind a cached prefix."""
    if loaded.attention == "dense":
        ids, positions, until = on_device(loaded, layout.input_ids, layout.position_ids, layout.until)
        output = body(loaded.model)(
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
    ids, positions, until = on_device(
        loaded, np.pad(layout.input_ids, (0, rest)), np.pad(layout.position_ids, (0, rest)), np.r_[layout.until, alone]
    )
    mask = pack_mask(until, cache, joined=loaded.attention == "joined")
    mask.reach = int(layout.position_ids.max()) + 1
    with attending(loaded.model):
        output = body(loaded.model)(
            input_ids=ids[None],
            position_ids=positions[None],
            attention_mask=mask,
            use_cache=False,
        )
    return output.last_hidden_state[0, :length]


def on_device(loaded: Loaded, *arrays: NDArray[np.int64]) -> tuple[torch.Tensor, ...]:
    """Arrays of indices on the model's device, in one copy that does not wait for what the device is doing."""
    joined = torch.from_numpy(np.concatenate(arrays))
    if loaded.device.type == "cuda":
        joined = joined.pin_memory().to(loaded.device, non_blocking=True)
    return joined.split([len(array) for array in arrays])


def choice_logprobs(loaded: Loaded, hidden: torch.Tensor, layout: Pack) -> torch.Tensor:
    """[C] summed log-probability of each choice."""
    return choice_and_token_logprobs(loaded, hidden, layout)[0]


def choice_and_token_logprobs(loaded: Loaded, hidden: torch.Tensor, layout: Pack) -> tuple[torch.Tensor, torch.Tensor]:
    """[C] summed log-probability of each choice, and [S] those of their tokens, choice by choice.

    Only rows that score an answer token meet the LM head.
    """
    rows, targets, owners = on_device(loaded, layout.score_rows, layout.score_targets, layout.score_choice)
    token = token_logprobs(loaded, hidden[rows.to(hidden.device)], targets)
    summed = torch.zeros(len(layout.last_rows), device=token.device).index_add(0, owners.to(token.device), token)
    return summed.double(), token


def token_logprobs(loaded: Loaded, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """[S] log-probability of each target by the final hidden state that predicts it, [S, d].

    In parts, since float32 logits of a whole pack over a large vocabulary can outgrow the model.
    """
    head = loaded.model.get_output_embeddings()
    cap = getattr(text_config(loaded.model), "final_logit_softcapping", None)  # Gemma-2
    at_once = max(1, LOGITS_AT_ONCE // vocabulary(loaded.model))
    parts = []
    for some, wanted in zip(rows.split(at_once), targets.split(at_once), strict=True):
        logits = head(some)
        if cap:
            logits = cap * torch.tanh(logits / cap)
        logits = logits.float()
        parts.append(-torch.nn.functional.cross_entropy(logits, wanted.to(logits.device), reduction="none"))
    return torch.cat(parts)
