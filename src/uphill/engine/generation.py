"""Greedy generation: the prefix that all prompts share is read once, and each answer stops at the end of its line."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from tqdm import tqdm
from transformers import DynamicCache

from uphill.engine.loading import Loaded
from uphill.engine.packing import shared_prefix
from uphill.engine.scoring import can_pack, read_prefix
from uphill.engine.tokens import encode_prompts
from uphill.errors import UphillError


def line_end_tokens(loaded: Loaded) -> list[int]:
    """Tokens after which an answer is over: those with a line break in them, and the model's own end of text."""
    ends = {token for token in range(len(loaded.tokenizer)) if "\n" in loaded.tokenizer.decode([token])}
    own = loaded.tokenizer.eos_token_id
    return sorted(ends | ({own} if own is not None else set()))


@torch.inference_mode()
def generate(
    loaded: Loaded, prompts: Sequence[str], max_new_tokens: int, batch: int, desc: str = "generating"
) -> Iterator[str]:
    """Continue every prompt greedily to the end of the line, in order.

    Args:
        loaded: the model.
        prompts: whole prompts; a beginning that they share is read once.
        max_new_tokens: the longest answer.
        batch: prompts that are continued side by side.
        desc: label of the progress bar.

    Raises:
        UphillError: a prompt leaves no room for its answer in the model's window.
    """
    if not prompts:
        return
    heads = encode_prompts(loaded, prompts)
    longest = max(map(len, heads)) + max_new_tokens
    if longest > loaded.window:
        raise UphillError(
            f"prompt and answer are {longest} tokens, expected at most {loaded.window}, the model's window"
        )
    # Between a shared prefix and a shorter prompt's own part is a gap, which only a model that can be packed allows.
    # Any text serves to find out; two choices, so that one of them stands elsewhere in the pack than in its sequence.
    gaps = longest <= loaded.span and can_pack(loaded, heads, [[head[-1:], head[-2:]] for head in heads])
    prefix = shared_prefix(heads) if gaps else 0
    cache = read_prefix(loaded, heads[0][:prefix])
    ends = line_end_tokens(loaded)
    # Alike lengths together, so that little is padded; the answers come back in order.
    order = sorted(range(len(heads)), key=lambda index: len(heads[index]))
    answers: dict[int, str] = {}
    for first in tqdm(range(0, len(order), batch), desc=desc, unit="batch", disable=None):
        chosen = order[first : first + batch]
        tokens = _continue(loaded, [heads[index] for index in chosen], prefix, cache, max_new_tokens, ends)
        texts = loaded.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        answers.update(zip(chosen, texts, strict=True))
    yield from (answers[index].strip() for index in range(len(heads)))


def _continue(
    loaded: Loaded,
    heads: list[list[int]],
    prefix: int,
    cache: DynamicCache | None,
    max_new_tokens: int,
    ends: list[int],
) -> Any:
    width = max(map(len, heads)) - prefix
    pad = ends[0]
    # Padding stands behind the shared prefix, if any, before each prompt's own part; the mask makes positions skip it.
    ids = [head[:prefix] + [pad] * (width - (len(head) - prefix)) + head[prefix:] for head in heads]
    mask = [[1] * prefix + [0] * (width - (len(head) - prefix)) + [1] * (len(head) - prefix) for head in heads]
    output = loaded.model.generate(
        input_ids=torch.tensor(ids, device=loaded.device),
        attention_mask=torch.tensor(mask, device=loaded.device),
        past_key_values=_repeated(cache, len(heads)),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        eos_token_id=ends,
        pad_token_id=pad,
    )
    return output[:, prefix + width :]


def _repeated(cache: DynamicCache | None, times: int) -> DynamicCache | None:
    """A copy of a one-sequence cache for `times` sequences; the original stays as it is."""
    if cache is None:
        return None
    copy = DynamicCache()
    for layer, kept in enumerate(cache.layers):
        copy.update(kept.keys.expand(times, -1, -1, -1), kept.values.expand(times, -1, -1, -1), layer)
    return copy
