"""Prompts and answers as token ids.

An answer is read as part of the text that it ends, as the model has read such text: prompt, space and choice are
tokenized in one, and whatever reaches beyond the prompt's end is the answer's. The published way, prompt and answer
each tokenized alone, is kept behind `answers: apart` (Hase et al. 2024, code release).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tokenizers.processors import ByteLevel

from uphill.engine.beginnings import tokenized
from uphill.engine.chat import user_turn
from uphill.engine.loading import Loaded
from uphill.engine.packing import Answer, common, unscored
from uphill.errors import UphillError
from uphill.prompts.templates import separator

AT_ONCE = 256
"""Texts that are tokenized in one batch: what the tokenizer says of their characters is large."""
PROBE = "Question: 1"
Item = tuple[list[int], list[list[int]]]
"""What is read before any answer, and what follows it for each choice."""


@dataclass(frozen=True)
class Prompt:
    """One item to score: the whole prompt, few-shot examples included, and the texts that may follow it."""

    item_id: str
    text: str
    choices: Sequence[str]


def encode(loaded: Loaded, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text alone, without special tokens."""
    return [list(ids) for ids in loaded.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def opening(loaded: Loaded) -> list[int]:
    """What stands before every plain text: what the tokenizer itself puts there, BOS, or nothing, as `loaded.bos` says.

    Raises:
        UphillError: BOS is asked for, and the tokenizer has none.
    """
    tokenizer = loaded.tokenizer
    if loaded.chat is not None or loaded.bos == "never":
        # A chat template opens with a BOS of its own, if the model was tuned with one.
        return []
    if loaded.bos == "always":
        if tokenizer.bos_token_id is None:
            raise UphillError(f"{tokenizer.name_or_path}: bos is always, and its tokenizer has no BOS, expected auto")
        return [tokenizer.bos_token_id]
    bare, whole = (list(tokenizer(PROBE, add_special_tokens=special)["input_ids"]) for special in (False, True))
    if not bare:  # a tokenizer of few letters
        return [one for one in whole[:1] if one == tokenizer.bos_token_id]
    # What it adds behind a text, such as EOS, ends texts that go on here.
    return next((whole[:start] for start in range(len(whole)) if whole[start : start + len(bare)] == bare), [])


def encode_prompts(loaded: Loaded, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of whole prompts: behind the model's opening, or as a user's turn to a chat model."""
    start = opening(loaded)
    return [start + ids for ids in encode(loaded, [turn(loaded, text) for text in texts])]


def encode_items(loaded: Loaded, prompts: Sequence[Prompt]) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Token ids of prompts, up to the first that is an answer's, and of what follows for each of their choices.

    The latter are `Answer`s: where a choice changes how the end of the prompt is tokenized, they begin with tokens that
    are not scored.

    Raises:
        UphillError: a choice has no token, or nothing before it, or prompt and answer do not fit the model's window.
    """
    items = list(encoded(loaded, prompts))
    for prompt, (head, tails) in zip(prompts, items, strict=True):
        if not all(len(tail) > unscored(tail) for tail in tails):
            raise UphillError(f"item {prompt.item_id!r}: a choice has no token, expected text that the model can score")
        if not head:
            raise UphillError(
                f"item {prompt.item_id!r}: nothing stands before its answer, expected a prompt, or bos: always"
            )
        needed = len(head) + max(map(len, tails))
        if needed > loaded.window:
            raise UphillError(
                f"item {prompt.item_id!r}: prompt and answer are {needed} tokens, "
                f"expected at most {loaded.window}, the model's window"
            )
    return [head for head, _ in items], [tails for _, tails in items]


def encoded(loaded: Loaded, prompts: Sequence[Prompt]) -> Iterator[Item]:
    """As `encode_items`, of any length."""
    return _apart(loaded, prompts) if loaded.answers == "apart" else _joined(loaded, prompts)


def _apart(loaded: Loaded, prompts: Sequence[Prompt]) -> Iterator[Item]:
    heads = encode_prompts(loaded, [prompt.text for prompt in prompts])
    flat = iter(encode(loaded, [choice for prompt in prompts for choice in prompt.choices]))
    for prompt, head in zip(prompts, heads, strict=True):
        yield head, [Answer(next(flat)) for _ in prompt.choices]


def _joined(loaded: Loaded, prompts: Sequence[Prompt]) -> Iterator[Item]:
    start = opening(loaded)
    texts, ends = [], []
    for prompt in prompts:
        before = turn(loaded, prompt.text)
        # A template's turn ends where it ends; otherwise white space at the end of a prompt is the answer's.
        ends.append(len(before) if loaded.chat is not None else len(before.rstrip()) or len(before))
        between = [separator(before, choice) if loaded.chat is None else "" for choice in prompt.choices]
        texts.append([f"{before}{space}{choice}" for space, choice in zip(between, prompt.choices, strict=True)])
    flat = [text for own in texts for text in own]
    found = tokenized(loaded.tokenizer, partial(_with_ends, loaded), flat, min(ends, default=0))
    begun, following = start + found.ids, iter(found.rest)
    for own, end in zip(texts, ends, strict=True):
        wholes, firsts = [], []
        for _ in own:
            ids, reach = next(following)
            wholes.append(ids)
            firsts.append(next((place for place, last in enumerate(reach) if last > end), len(ids)))
        shared = common(wholes, min(firsts))
        pairs = zip(wholes, firsts, strict=True)
        yield begun + wholes[0][:shared], [Answer(whole[shared:], first - shared) for whole, first in pairs]


def turn(loaded: Loaded, text: str) -> str:
    """A prompt as it is put: as it is, or as a user's turn to a chat model."""
    return text if loaded.chat is None else user_turn(loaded.tokenizer, text, loaded.chat)


def _with_ends(loaded: Loaded, texts: Sequence[str]) -> Iterator[tuple[list[int], list[int]]]:
    """Token ids of each text, and the place in it that each token reaches to.

    Raises:
        UphillError: the tokenizer does not know.
    """
    tokenizer = loaded.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise UphillError(
            f"{tokenizer.name_or_path}: its tokenizer does not say which characters a token stands for, "
            "expected a fast tokenizer, or answers: apart"
        )
    for first in range(0, len(texts), AT_ONCE):
        with _whole_tokens(tokenizer):
            made = tokenizer(list(texts[first : first + AT_ONCE]), add_special_tokens=False).encodings
        for one in made:
            yield list(one.ids), [last for _, last in one.offsets]


@contextmanager
def _whole_tokens(tokenizer: Any) -> Iterator[None]:
    """Have a token's characters reported with the spaces in it, which many tokenizers trim off the report."""
    backend = tokenizer.backend_tokenizer
    before, backend.post_processor = backend.post_processor, ByteLevel(trim_offsets=False)
    try:
        yield
    finally:
        backend.post_processor = before
