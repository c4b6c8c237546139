"""Tiny random models with a word-level tokenizer, and the plain scoring, one sequence at a time, to check against.

Importable by the tests beside it: pytest puts tests/unit on sys.path.
"""

import dataclasses
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from uphill.engine.checks import Checks
from uphill.engine.ending import Answer
from uphill.engine.loading import Loaded, load
from uphill.engine.tokens import Prompt

WIDTH, BLOCKS, WINDOW = 32, 3, 256
WORDS = [f"w{number}" for number in range(40)]
SPECIAL = ["<s>", "</s>", "<unk>"]
VOCABULARY = {token: number for number, token in enumerate([*SPECIAL, "\n", *WORDS])}
PACKABLE = ("llama", "mistral", "mixtral", "qwen2", "gpt_neox", "falcon", "gemma2", "gemma3", "gpt2")
BLOCKWISE = tuple(kind for kind in PACKABLE if kind != "falcon")
"""Models that ask transformers' interface for attention, and so can be given FlexAttention."""

_COMMON: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "bos_token_id": VOCABULARY["<s>"],
    "eos_token_id": VOCABULARY["</s>"],
    # Far above the usual 0.02: attention is sharp, so that a wrong mask or position moves scores by whole nats.
    "initializer_range": 0.3,
}
_ROTARY: dict[str, Any] = {
    **_COMMON,
    "hidden_size": WIDTH,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": WINDOW,
}
_GPT2: dict[str, Any] = {
    **_COMMON,
    **{"n_embd": WIDTH, "n_layer": BLOCKS, "n_head": 4, "n_positions": WINDOW},
    # The others have none by default; gradients are compared in training mode.
    **{"attn_pdrop": 0, "embd_pdrop": 0, "resid_pdrop": 0},
}
_MPT: dict[str, Any] = {**_COMMON, "d_model": WIDTH, "n_layers": BLOCKS, "n_heads": 4, "max_seq_len": WINDOW}
_GROUPED: dict[str, Any] = {**_ROTARY, "num_key_value_heads": 2}
_MIXTRAL: dict[str, Any] = {**_GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2}
_FALCON: dict[str, Any] = {**_ROTARY, "alibi": False, "new_decoder_architecture": False}
# Scores of these weights lie far beyond a cap of 2, and half of the layers have a sliding window.
_GEMMA: dict[str, Any] = {**_GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": WINDOW}
_GEMMA2: dict[str, Any] = {**_GEMMA, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 8.0}
_GEMMA3: dict[str, Any] = {**_GEMMA, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}

_KNOWN: dict[Any, Checks] = {}
_CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (LlamaConfig, _GROUPED),
    "mistral": (MistralConfig, _GROUPED),
    "mixtral": (MixtralConfig, _MIXTRAL),
    "qwen2": (Qwen2Config, _GROUPED),
    "gpt_neox": (GPTNeoXConfig, _ROTARY),
    "falcon": (FalconConfig, _FALCON),
    "gemma2": (Gemma2Config, _GEMMA2),
    "gemma3": (Gemma3TextConfig, _GEMMA3),
    "gpt2": (GPT2Config, _GPT2),
    "mpt": (MptConfig, _MPT),
}


def word_tokenizer(bos: bool = True) -> PreTrainedTokenizerFast:
    """One token a word and one a line break; white space is no token."""
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|[^\s]+"), behavior="removed", invert=True)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>" if bos else None,
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def write_model(folder: Path, kind: str, bos: bool = True, **changes: Any) -> None:
    """Save a random model of a kind, always the same, and its tokenizer."""
    torch.manual_seed(0)
    config, settings = _CONFIGS[kind]
    AutoModelForCausalLM.from_config(config(**{**settings, **changes})).save_pretrained(folder)
    word_tokenizer(bos).save_pretrained(folder)


@cache
def _written(kind: str, bos: bool, changes: tuple[tuple[str, Any], ...]) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), kind, bos, **dict(changes))
        entry = {"path": folder, "dtype": "float32", "quantization": None, "trust_remote_code": False}
        loaded = load(entry, pack_tokens=4096)
    # transformers reads a tokenizer beside a Qwen2 model as Qwen2's own, whatever its file says.
    return dataclasses.replace(loaded, tokenizer=word_tokenizer(bos))


def tiny(kind: str = "llama", pack_tokens: int = 4096, bos: bool = True, **changes: Any) -> Loaded:
    """A random model in float32, not yet checked for packing. The weights are shared: leave them as they are."""
    loaded = _written(kind, bos, tuple(sorted(changes.items())))
    return dataclasses.replace(loaded, pack_tokens=pack_tokens, packed=None)


def met_before(loaded: Loaded, *key: Any) -> Loaded:
    """The model with what was found out of its ways to score where it was met before, under the same key."""
    loaded.checks = _KNOWN.setdefault((id(loaded.model), *key), Checks())
    return loaded


def words(rng: np.random.Generator, count: int) -> str:
    return " ".join(rng.choice(WORDS, count))


def token_ids(text: str, bos: bool = False) -> list[int]:
    """Ids by the vocabulary alone, without the tokenizer."""
    split = text.replace("\n", " \n ").split(" ")
    ids = [VOCABULARY.get(word, VOCABULARY["<unk>"]) for word in split if word]
    return [VOCABULARY["<s>"], *ids] if bos else ids


def ragged_prompts(n_items: int, seed: int = 0, shared_words: int = 0) -> list[Prompt]:
    """Items of 1 to 5 choices of 1 to 6 tokens, behind `shared_words` words that all share.

    Without any they share nothing but the BOS: each question starts with a word of its own.
    """
    rng = np.random.default_rng(seed)
    shared = words(rng, shared_words) + " " if shared_words else ""
    prompts = []
    for number in range(n_items):
        text = f"{shared}{WORDS[number]} {words(rng, int(rng.integers(1, 12)))}"
        # The first item has two choices at least, one of them a single token.
        lengths = rng.integers(1, 7, int(rng.integers(1, 6))) if number else [1, 4, 2]
        prompts.append(Prompt(f"item-{number}", text, [words(rng, int(length)) for length in lengths]))
    return prompts


def sequence_logprobs(model: Any, head: Sequence[int], choice: Sequence[int]) -> tuple[torch.Tensor, Any]:
    """Log-probability of each token of a choice by one plain pass over one unpadded sequence, and the pass's output."""
    output = model(input_ids=torch.tensor([[*head, *choice]]), output_hidden_states=True, use_cache=False)
    every = output.logits[0].float()
    every = every - every.exp().sum(-1, keepdim=True).log()
    return torch.stack([every[len(head) + i - 1, token] for i, token in enumerate(choice)]), output


@torch.no_grad()
def naive_scores(
    loaded: Loaded, prompt: Prompt, layers: Sequence[int] = (), bos: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """[C] summed log-probabilities and [C, layers x d] states of the last token, one sequence for each choice."""
    head = token_ids(prompt.text, bos)
    logprob, states = [], []
    for choice in prompt.choices:
        token, output = sequence_logprobs(loaded.model, head, token_ids(choice))
        logprob.append(float(token.sum()))
        states.append(np.concatenate([output.hidden_states[layer][0, -1].numpy() for layer in layers] or [[]]))
    return np.array(logprob), np.array(states, dtype=np.float32)


def texts(answers: Iterable[Answer]) -> list[str]:
    """What was written."""
    return [answer.text for answer in answers]


def assert_same_states(found: Any, expected: Any, units: float = 0.5) -> None:
    """Equal but for `units` in the last of float16's 11 bits, and float32's own noise, which shows near zero."""
    np.testing.assert_allclose(
        np.asarray(found, dtype=np.float64),
        np.asarray(expected, dtype=np.float64),
        rtol=units * 2**-10 + 1e-5,
        atol=1e-4,
    )
