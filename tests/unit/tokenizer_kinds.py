"""Tokenizers of every kind that models have, small and trained on a few lines, and a random model that reads any.

Importable by the tests beside it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from uphill.engine.loading import Loaded

SPECIAL = ["<s>", "</s>", "<unk>"]
BYTES = [f"<0x{value:02X}>" for value in range(256)]
TEXT = [
    "Question: what is it?\nAnswer: cat\n\nQuestion: and that?\nAnswer: dogs\n\n",
    "Q: 1 + 12 = 13?\nA: 123 cats, a café and the fine air. Answer: yes Answer: no :) :\n",
] * 20
VOCABULARY = 480
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _wrapped(tokenizer: Tokenizer, template: str | None = None, **extra: Any) -> PreTrainedTokenizerFast:
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", 0), ("</s>", 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", **extra
    )


def _bpe(tokenizer: Tokenizer, alphabet: list[str], special: list[str] = SPECIAL) -> Tokenizer:
    tokenizer.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=alphabet,
            max_token_length=7,
            show_progress=False,
        ),
    )
    return tokenizer


def byte_level(regex: bool = True, prefix: bool = False, normalizer: Any = None) -> PreTrainedTokenizerFast:
    """As GPT-2; without its regex, spaces merge with what comes before them; Qwen's has a normalizer, NFC."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer = _bpe(tokenizer, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return _wrapped(tokenizer)


def llama_3() -> PreTrainedTokenizerFast:
    """A regex of its own, whole words before merges, spaces trimmed off what is reported, BOS."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer = _bpe(tokenizer, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)]),
        ]
    )
    return _wrapped(tokenizer)


def sentencepiece(normalizer: Any = None, pre_tokenizer: Any = None) -> PreTrainedTokenizerFast:
    """As Llama-2 and Gemma: the space is a letter of its own kind, and what is unknown is spelt in bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    return _wrapped(_bpe(tokenizer, [], SPECIAL + BYTES), template="<s> $A")


def unigram() -> PreTrainedTokenizerFast:
    """As T5 and ALBERT: NFKC, lower case, no double spaces, none at the ends; EOS behind a text."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        TEXT,
        trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False),
    )
    return _wrapped(tokenizer, template="$A </s>")


def wordpiece() -> PreTrainedTokenizerFast:
    """As BERT: lower case, no accents, no spaces; something on both sides of a text."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
    )
    return _wrapped(tokenizer, template="<s> $A </s>")


METASPACE = normalizers.Replace(" ", "\N{LOWER ONE EIGHTH BLOCK}")
KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "gpt-2": byte_level,
    "roberta": lambda: byte_level(prefix=True),
    "qwen": lambda: byte_level(normalizer=normalizers.NFC()),
    "no regex": lambda: byte_level(regex=False),
    "llama-3": llama_3,
    "llama-2 legacy": lambda: sentencepiece(normalizers.Sequence([normalizers.Prepend("▁"), METASPACE])),
    "llama-2": lambda: sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
    "mistral": lambda: sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True)),
    "gemma": lambda: sentencepiece(METASPACE),
    "unigram": unigram,
    "wordpiece": wordpiece,
}
BYTE_LEVEL = ("gpt-2", "roberta", "no regex", "llama-3")
"""Whose tokens spell the very bytes of a text."""


@cache
def made(kind: str) -> PreTrainedTokenizerFast:
    return KINDS[kind]()


@cache
def random_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY + len(BYTES),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        # Far above the usual 0.02: attention is sharp, so that a wrong token or position moves scores by whole nats.
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


def reading(kind: str, **settings: Any) -> Loaded:
    """A random model behind a tokenizer of a kind."""
    return Loaded(random_model(), made(kind), torch.device("cpu"), pack_tokens=200, **settings)


def reported(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The character of the text that each token reaches to, as the tokenizer's own core reports it untrimmed."""
    before, core = tokenizer.backend_tokenizer.post_processor, tokenizer.backend_tokenizer
    core.post_processor = processors.ByteLevel(trim_offsets=False)
    ends = [end for _, end in core.encode(text, add_special_tokens=False).offsets]
    core.post_processor = before
    return ends
