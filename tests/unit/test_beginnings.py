"""A beginning that texts share is tokenized once, and no text gets other tokens for that."""

import random
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from tokenizer_kinds import KINDS, made, reading
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from uphill.engine import beginnings, tokens
from uphill.engine.beginnings import tokenized
from uphill.engine.tokens import Prompt, encode_items

WORDS = ["Question:", "and", "that?", "is", "it?", "Answer:", "cat", "dogs", "café", "12", "x", "fine", "air", "no"]
SIGNS = [*WORDS, " ", "  ", "\n", "\n\n", ":", "e\u0301", "ﬁ", "中", "123 cats,", "</s>", "<0x41>", "\t"]
CUT = set(KINDS) - {"unigram"}


def prompts(seed: int, shots: int = 12, count: int = 9) -> list[Prompt]:
    """Few-shot prompts whose ends are of any signs, some of them white space next to what is shared."""
    rng = random.Random(seed)
    shared = "".join(
        f"Question: {' '.join(rng.choices(WORDS, k=6))}?\nAnswer: {rng.choice(WORDS)}\n\n" for _ in range(shots)
    )

    def ending() -> str:
        return "".join(rng.choices(SIGNS, k=rng.randint(1, 8)))

    return [Prompt(str(item), f"{shared}{ending()}x", ["cat", "dogs", " 12", ending() + "s"]) for item in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_whole_texts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = reading(kind)
    loaded.model.config.max_position_embeddings, window = 10_000, loaded.model.config.max_position_embeddings
    try:
        for seed in range(8):
            given = prompts(seed)
            found = encode_items(loaded, given)
            with monkeypatch.context() as patch:
                patch.setattr(beginnings, "LEAST", 10**9)
                assert encode_items(loaded, given) == found
    finally:
        loaded.model.config.max_position_embeddings = window


def counting(tokenizer: PreTrainedTokenizerFast, seen: list[int], texts: Sequence[str]) -> Iterator[beginnings.Tokens]:
    """Tokens of texts; how many characters there were is kept."""
    seen += map(len, texts)
    return tokens._with_ends(_loaded(tokenizer), texts)


def _loaded(tokenizer: PreTrainedTokenizerFast) -> tokens.Loaded:
    loaded = reading("gpt-2")
    loaded.tokenizer = tokenizer
    return loaded


@pytest.mark.parametrize("kind", KINDS)
def test_the_beginning_is_read_once_where_a_tokenizer_is_local(kind: str) -> None:
    seen: list[int] = []
    texts = [prompt.text for prompt in prompts(0, shots=40, count=100)]
    found = tokenized(made(kind), partial(counting, made(kind), seen), texts, 10**6)
    assert bool(found.ids) == (kind in CUT)
    assert (sum(seen) < sum(map(len, texts)) / 5) == (kind in CUT)


def test_a_text_that_goes_on_otherwise_has_all_read_whole() -> None:
    """One whose first words behind the cut are told apart, by what no sampled text has."""
    tokenizer, texts = made("gpt-2"), [prompt.text for prompt in prompts(1)]
    odd = texts[2]

    def tokenize(given: Sequence[str]) -> Iterator[beginnings.Tokens]:
        for text, (ids, reach) in zip(given, tokens._with_ends(_loaded(tokenizer), given), strict=True):
            yield ([7, *ids[1:]] if odd.endswith(text) and text != odd else ids), reach

    found = tokenized(tokenizer, tokenize, texts, 10**6)
    assert not found.ids
    assert [ids for ids, _ in found.rest] == [ids for ids, _ in tokens._with_ends(_loaded(tokenizer), texts)]


def test_a_rule_that_looks_back_is_not_cut() -> None:
    core = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?<=a)b+"), behavior="isolated")
    assert not beginnings._local(core)
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^a]b+|\s+(?!\S)"), behavior="isolated")
    assert beginnings._local(core)
