"""Prompts and answers as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from uphill.engine.chat import user_turn
from uphill.engine.loading import Loaded
from uphill.errors import UphillError


@dataclass(frozen=True)
class Prompt:
    """One item to score: the whole prompt, few-shot examples included, and the texts that may follow it."""

    item_id: str
    text: str
    choices: Sequence[str]


def encode(loaded: Loaded, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text alone, without special tokens."""
    return [list(ids) for ids in loaded.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def encode_prompts(loaded: Loaded, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of whole prompts: behind the tokenizer's BOS where it has one, or as a user's turn to a chat model.

    A chat template opens with a BOS of its own, if the model was tuned with one.
    """
    if loaded.chat is not None:
        return encode(loaded, [user_turn(loaded.tokenizer, text, loaded.chat) for text in texts])
    bos = loaded.tokenizer.bos_token_id
    return [([] if bos is None else [bos]) + ids for ids in encode(loaded, texts)]


def encode_items(loaded: Loaded, prompts: Sequence[Prompt]) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Token ids of prompts and of their choices. Prompt and answer are tokenized apart (spec: Hase et al., scoring).

    Raises:
        UphillError: a choice has no token, or prompt and answer do not fit the model's window.
    """
    heads = encode_prompts(loaded, [prompt.text for prompt in prompts])
    flat = iter(encode(loaded, [choice for prompt in prompts for choice in prompt.choices]))
    tails = [[next(flat) for _ in prompt.choices] for prompt in prompts]
    for prompt, head, choices in zip(prompts, heads, tails, strict=True):
        if not all(choices):
            raise UphillError(f"item {prompt.item_id!r}: a choice has no token, expected text that the model can score")
        needed = len(head) + max(map(len, choices))
        if needed > loaded.window:
            raise UphillError(
                f"item {prompt.item_id!r}: prompt and answer are {needed} tokens, "
                f"expected at most {loaded.window}, the model's window"
            )
    return heads, tails
