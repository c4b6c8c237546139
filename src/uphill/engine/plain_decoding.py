"""Decoding the plain ways, for models that the fast one does not suit: by transformers' `generate`, by whole passes.

A checkpoint's own generation config says how its authors would have it write: penalties, beams, words that it may not
say, forced ones. Here nothing of it applies. What a token is chosen by is the study's own settings and nothing else, on
every way alike.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from uphill.engine.decoding import Choose, Continuation, Ends, advance
from uphill.engine.loading import Loaded
from uphill.engine.sizes import logits_from, text_config, vocabulary


def by_generate(
    loaded: Loaded, rows: Sequence[Continuation], count: int, ends: Ends, choose: Choose
) -> Iterator[Continuation]:
    """By transformers' `generate`, `count` rows at a time, padded on the left, every prompt read whole."""
    for first in range(0, len(rows), count):
        chosen = rows[first : first + count]
        width, pad = max(len(row.head) for row in chosen), _padding(loaded.model)
        with _own_settings_left_out(loaded.model):
            # The class's: a checkpoint can bring a `generate` of its own, which would stand in the model itself.
            type(loaded.model).generate(
                loaded.model,
                input_ids=_left_padded([row.head for row in chosen], width, pad, loaded.device),
                attention_mask=_left_padded([[1] * len(row.head) for row in chosen], width, 0, loaded.device),
                generation_config=GenerationConfig(
                    max_new_tokens=ends.max_new_tokens, do_sample=False, num_beams=1, pad_token_id=pad
                ),
                logits_processor=LogitsProcessorList([_Choosing(chosen, ends, choose)]),
                stopping_criteria=StoppingCriteriaList([_Over(chosen)]),
            )
        yield from chosen


def by_whole_passes(
    loaded: Loaded,
    rows: Sequence[Continuation],
    count: int,  # noqa: ARG001 - a way's signature
    ends: Ends,
    choose: Choose,
) -> Iterator[Continuation]:
    """One row at a time, all of it read anew for each token: slow, and right for whatever gives logits."""
    for row in rows:
        while not row.over:
            logits = next_logits(loaded, [*row.head, *row.tokens])
            yield from advance([row], choose([row], logits[None]).tolist(), ends)


def next_logits(loaded: Loaded, tokens: Sequence[int]) -> torch.Tensor:
    """[V] logits of what follows these tokens, by one pass over all of them, alone and unpadded."""
    ids = torch.tensor([list(tokens)], device=loaded.device)
    return loaded.model(input_ids=ids, use_cache=False, **logits_from(loaded.model, 1)).logits[0, -1]


@contextmanager
def _own_settings_left_out(model: Any) -> Iterator[None]:
    """Without a checkpoint's own generation config, which `generate` merges into the one that it is given."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


class _Choosing(LogitsProcessor):  # type: ignore[misc]
    """Makes transformers take the tokens that are chosen here."""

    def __init__(self, rows: Sequence[Continuation], ends: Ends, choose: Choose) -> None:
        self._rows, self._ends, self._choose = rows, ends, choose

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - its interface
        tokens = self._choose(self._rows, scores)
        list(advance(self._rows, tokens.tolist(), self._ends))
        # A row that is over may be given what is no token.
        return torch.full_like(scores, -math.inf).scatter(-1, tokens.clamp(min=0)[:, None], 0.0)


class _Over(StoppingCriteria):  # type: ignore[misc]
    """Makes transformers stop once all rows are over."""

    def __init__(self, rows: Sequence[Continuation]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002 - its interface
        return torch.tensor([row.over for row in self._rows], device=input_ids.device)


def _padding(model: Any) -> int:
    """The model's own padding token: some models know by it, and by no mask, where a text begins."""
    own = getattr(text_config(model), "pad_token_id", None)
    return own if isinstance(own, int) and 0 <= own < vocabulary(model) else 0


def _left_padded(lists: Sequence[Sequence[int]], width: int, pad: int, device: torch.device) -> torch.Tensor:
    return torch.tensor([[pad] * (width - len(values)) + list(values) for values in lists], device=device)
