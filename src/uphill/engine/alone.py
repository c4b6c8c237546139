"""Log-probabilities by the book: every choice one whole sequence, alone, unpadded, without a cache.

All other ways are held to this one. It is also the last resort, for models that say something else as soon as
sequences share a pass, or whose answer to a text depends on how long the text becomes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.packing import unscored
from uphill.engine.padded import Result
from uphill.engine.sizes import depth, logits_from
from uphill.errors import UphillError


def alone(
    loaded: Loaded, heads: Sequence[Sequence[int]], tails: Sequence[Sequence[Sequence[int]]], kept: KeptLayers
) -> Iterator[Result]:
    """Each item's result, in order; states are those that the model itself gives out.

    Raises:
        UphillError: states are asked for, and the model gives none or another number of them.
    """
    for head, choices in zip(heads, tails, strict=True):
        found = [_sequence(loaded, [*head, *choice], len(head) + unscored(choice), kept.layers) for choice in choices]
        logprob = torch.stack([scores.sum() for scores, _ in found]).double().cpu().numpy()
        states = np.stack([state.cpu().numpy() for _, state in found if state is not None]) if kept else None
        tokens = [scores.cpu().numpy() for scores, _ in found] if kept.tokens else None
        yield Result(logprob, states, sum(len(head) + len(choice) for choice in choices), tokens)


def _sequence(
    loaded: Loaded, ids: list[int], start: int, layers: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """[T] log-probabilities of the tokens from `start` on, and the last token's states [layers x d], float32."""
    output = loaded.model(
        input_ids=torch.tensor([ids], device=loaded.device),
        use_cache=False,
        **({"output_hidden_states": True} if layers else {}),
        **logits_from(loaded.model, len(ids) - start + 1),
    )
    rows = output.logits[0, -(len(ids) - start + 1) : -1].float()
    targets = torch.tensor(ids[start:], device=rows.device)
    logprob = -torch.nn.functional.cross_entropy(rows, targets, reduction="none")
    if not layers:
        return logprob, None
    every = hidden_states(loaded.model, output)
    return logprob, torch.cat([every[layer][0, -1].float().to(rows.device) for layer in layers])


def hidden_states(model: Any, output: Any) -> Sequence[torch.Tensor]:
    """The L+1 hidden states [batch, T, d] of a pass.

    Raises:
        UphillError: there are none, or another number of them.
    """
    every = getattr(output, "hidden_states", None)
    name = model.config.name_or_path or type(model).__name__
    if every is None or len(every) != depth(model) + 1 or any(state is None for state in every):
        given = "none" if every is None else f"{len(every)}"
        raise UphillError(
            f"{name}: gives {given} hidden states, expected {depth(model) + 1}: its states cannot be kept"
        )
    if any(state.ndim != 3 for state in every) or len({state.shape[-1] for state in every}) > 1:
        raise UphillError(f"{name}: its hidden states are not one vector of one width a token: they cannot be kept")
    return tuple(every)
