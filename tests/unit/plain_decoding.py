"""Answers one at a time, by transformers' own loop and token by token, to check faster ways against.

Importable by the tests beside it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch
from engine_models import VOCABULARY, WINDOW, WORDS, ragged_prompts, tiny, token_ids, word_tokenizer
from transformers import AutoModelForCausalLM, Gemma2Config

from uphill.engine.loading import Loaded
from uphill.engine.sampling import Sampling
from uphill.randomness import keyed_rng

LONGEST = 12
KINDS = ("llama", "mistral", "qwen2", "gpt_neox", "gpt2", "gemma2")
WARM = Sampling(temperature=0.7, top_p=0.8, n=2, key=("test",))


def gemma2() -> Loaded:
    """A model that caps the logits of its attention and of its output. Its weights are shared, as those of `tiny`."""
    return Loaded(_gemma2(), word_tokenizer(), torch.device("cpu"), pack_tokens=4096)


@cache
def _gemma2() -> Any:
    torch.manual_seed(2)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    caps = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 10.0, "query_pre_attn_scalar": 16}
    tokens = {"bos_token_id": VOCABULARY["<s>"], "eos_token_id": VOCABULARY["</s>"], "pad_token_id": 0}
    config = Gemma2Config(
        vocab_size=len(VOCABULARY),
        intermediate_size=48,
        head_dim=8,
        tie_word_embeddings=False,
        initializer_range=0.3,
        max_position_embeddings=WINDOW,
        **{**sizes, **caps, **tokens},
    )
    return AutoModelForCausalLM.from_config(config).eval()


def model_of(kind: str) -> Loaded:
    return gemma2() if kind == "gemma2" else tiny(kind)


def prompts(shared_words: int, count: int = 8) -> list[str]:
    """Prompts of 2 to 12 own words, longer and shorter ones mixed."""
    return [prompt.text for prompt in ragged_prompts(count, seed=11, shared_words=shared_words)]


def names(asked: Sequence[str]) -> list[str]:
    """Ids that go with the prompts, wherever they stand."""
    return [f"id of {prompt}" for prompt in asked]


def first_line(text: str) -> int | None:
    end = text.find("\n")
    return None if end < 0 else end


SAID: WeakKeyDictionary[Any, dict[Any, str]] = WeakKeyDictionary()
"""What models said before, whose weights tests share."""


def plain(loaded: Loaded, prompt: str, bos: bool = True) -> str:
    """The first line of transformers' own greedy continuation of one prompt, which knows of no line ends."""
    said = SAID.setdefault(loaded.model, {})
    key = (getattr(loaded.model.get_output_embeddings(), "talkative", False), prompt, bos)
    if key not in said:
        said[key] = _plain(loaded, prompt, bos)
    return said[key]


def _plain(loaded: Loaded, prompt: str, bos: bool) -> str:
    ids = torch.tensor([token_ids(prompt, bos)])
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=LONGEST,
        use_cache=False,
        pad_token_id=0,
    )
    text: str = loaded.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return text.split("\n")[0].strip()


@torch.no_grad()
def drawn(loaded: Loaded, prompt: str, answer: int, sampling: Sampling = WARM) -> str:
    """One sampled answer's first line, token by token: a pass over all of it, then numpy in float64."""
    rng = keyed_rng(*sampling.key, f"id of {prompt}", answer)
    ids = token_ids(prompt, bos=True)
    new: list[int] = []
    while len(new) < LONGEST and not {VOCABULARY["\n"], VOCABULARY["</s>"]} & set(new):
        logits = loaded.model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1].double().numpy()
        chances = np.exp(logits / sampling.temperature - (logits / sampling.temperature).max())
        chances /= chances.sum()
        kept: set[int] = set()
        for token in np.argsort(-chances):
            if sum(chances[list(kept)]) < sampling.top_p:
                kept.add(int(token))
        nucleus = [chance if token in kept else 0 for token, chance in enumerate(chances)]
        point = rng.random() * sum(nucleus)
        new.append(next(token for token in range(len(nucleus)) if sum(nucleus[: token + 1]) > point))
    return " ".join(WORDS[token - VOCABULARY["w0"]] for token in new if token >= VOCABULARY["w0"])


def make_talkative(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A model whose lines end at times: the line break's logit is high, and so is that of the end of text."""
    head = loaded.model.get_output_embeddings()
    forward = head.forward

    def louder(rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = forward(rows)
        logits[..., [VOCABULARY["\n"], VOCABULARY["</s>"]]] += 2.0
        return logits

    monkeypatch.setattr(head, "forward", louder)
    monkeypatch.setattr(head, "talkative", True, raising=False)
    return loaded


def own_part_slowly(query: Any, keys: Any, values: Any, used: Any, scale: float) -> tuple[Any, Any]:
    """What the kernel of single rows' own tokens gives, by masks, in float64: it can be recorded."""
    shared = query.shape[1] // keys.shape[2]
    every = [part.double().repeat_interleave(shared, 2) for part in (keys, values)]
    scores = torch.einsum("rhd,rthd->rht", query.double() * scale, every[0])
    unseen = torch.arange(keys.shape[1]) >= used[:, None, None]
    scores = scores.masked_fill(unseen, float("-inf"))
    found = torch.einsum("rht,rthd->rhd", scores.softmax(-1), every[1])
    return found.to(query.dtype), scores.logsumexp(-1).float()
