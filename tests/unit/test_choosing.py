"""Scores and states of many architectures, at any size of packs, are those of one whole sequence a choice, or refused.

Weights are random and wide, so that a wrong mask, window, position or recurrent state moves scores by far more than the
tolerance. The oracle is the model's own pass over one unpadded sequence.
"""

import copy
import dataclasses
import functools
import logging
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import transformers as T
from engine_models import VOCABULARY, WORDS, naive_scores, word_tokenizer, words
from transformers import AutoModelForCausalLM

from uphill.engine import choosing
from uphill.engine.loading import Loaded
from uphill.engine.scoring import score
from uphill.engine.sizes import depth
from uphill.engine.structure import NoCopyError
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.running import noting

_IDS: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "bos_token_id": VOCABULARY["<s>"],
    "eos_token_id": VOCABULARY["</s>"],
    "pad_token_id": VOCABULARY["</s>"],
}
_SIZES: dict[str, Any] = {
    **_IDS,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 512,
}
_HEADS: dict[str, Any] = {**_SIZES, "head_dim": 8}
_EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [8.0, 12.0, 20.0, 40.0],
    "original_max_position_embeddings": 40,
    "factor": 12.8,
}
_LOCAL = ["sliding_attention", "full_attention", "sliding_attention"]
_GPT_NEO = {"num_layers": 2, "num_heads": 4, "hidden_size": 32, "max_position_embeddings": 512, "window_size": 150}
_VISION = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
_LINEAR: dict[str, Any] = {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8}

# What is built, and the way that is taken for the longest packs.
MODELS: dict[str, tuple[Any, str]] = {
    "llama": (lambda: T.LlamaConfig(**_SIZES), "packed"),
    "gpt_neo, local": (
        lambda: T.GPTNeoConfig(**_IDS, **_GPT_NEO, attention_types=[[["global", "local"], 1]]),
        "padded",
    ),
    "gpt_neo, within": (
        lambda: T.GPTNeoConfig(**_IDS, **{**_GPT_NEO, "window_size": 512}, attention_types=[[["global", "local"], 1]]),
        "packed",
    ),
    "llama4, chunks": (
        lambda: T.Llama4TextConfig(
            **_HEADS, intermediate_size_mlp=48, num_local_experts=2, attention_chunk_size=60, no_rope_layers=[1, 1, 0]
        ),
        "packed",
    ),
    "gemma3, nested": (
        lambda: T.Gemma3Config(
            text_config={**_HEADS, "sliding_window": 60, "layer_types": _LOCAL, "model_type": "gemma3_text"},
            vision_config={**_VISION, "image_size": 28, "patch_size": 14},
            mm_tokens_per_image=4,
        ),
        "packed",
    ),
    "phi3, longrope": (
        lambda: T.Phi3Config(**_SIZES, rope_parameters=_LONGROPE, original_max_position_embeddings=40),
        "alone",
    ),
    "gpt_oss": (
        lambda: T.GptOssConfig(**_HEADS, **_EXPERTS, sliding_window=512, layer_types=_LOCAL),
        "packed",
    ),
    "granite": (lambda: T.GraniteConfig(**_SIZES, logits_scaling=3.0), "padded"),
    "bloom": (lambda: T.BloomConfig(**_IDS, hidden_size=32, n_layer=3, n_head=4), "padded"),
    "mamba": (lambda: T.MambaConfig(**_IDS, hidden_size=32, num_hidden_layers=3, state_size=8), "alone"),
    "rwkv": (
        lambda: T.RwkvConfig(**_IDS, hidden_size=32, attention_hidden_size=32, num_hidden_layers=3),
        "alone",
    ),
    "jamba": (
        lambda: T.JambaConfig(
            **_SIZES,
            attn_layer_period=3,
            attn_layer_offset=1,
            num_experts=2,
            mamba_d_state=8,
            use_mamba_kernels=False,
        ),
        "padded",
    ),
    "lfm2": (lambda: T.Lfm2Config(**_SIZES, layer_types=["conv", "full_attention", "conv"]), "padded"),
    "qwen3_next": (
        lambda: T.Qwen3NextConfig(
            **_HEADS,
            **_LINEAR,
            linear_value_head_dim=8,
            layer_types=["linear_attention", "full_attention", "linear_attention"],
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=16,
        ),
        "padded",
    ),
}
LENGTHS = [2, 5, 3, 9, 14, 4, 36, 6, 11, 3]


@cache
def built(name: str) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[name][0]()).float().eval()
    with torch.no_grad():
        for part, weight in model.named_parameters():
            if weight.ndim >= 2 and not any(word in part for word in ("norm", "conv", "A_log", "time_")):
                weight.normal_(0, 0.3)
    return model


def loaded_model(name: str, pack_tokens: int) -> Loaded:
    return Loaded(built(name), word_tokenizer(), torch.device("cpu"), pack_tokens)


def prompts_of(shared: int) -> list[Prompt]:
    rng = np.random.default_rng(2)
    start = words(rng, shared) + " " if shared else ""
    return [
        Prompt(
            f"item-{number}",
            f"{start}{WORDS[number]} {words(rng, length)}",
            [words(rng, int(count)) for count in rng.integers(1, 5, 3)],
        )
        for number, length in enumerate(LENGTHS)
    ]


def way(loaded: Loaded) -> str:
    return "packed" if loaded.packed else "alone" if loaded.alone else "padded"


def whole_sequences(loaded: Loaded, prompts: list[Prompt]) -> list[tuple[Any, Any]]:
    """The oracle's scores and states of each prompt."""
    return [naive_scores(loaded, prompt, [1, depth(loaded.model)]) for prompt in prompts]


def assert_as_whole_sequences(loaded: Loaded, prompts: list[Prompt], expected: Any = None) -> None:
    expected = expected or whole_sequences(loaded, prompts)
    found = list(score(loaded, prompts, [1, depth(loaded.model)]))
    for (logprob, states), scores in zip(expected, found, strict=True):
        np.testing.assert_allclose(scores.logprob, logprob, rtol=0, atol=1e-4)
        assert scores.states is not None
        size = np.linalg.norm(states, axis=-1)
        assert (np.linalg.norm(scores.states - states, axis=-1) <= (2**-10 + 1e-4) * size).all()


@pytest.mark.parametrize("name", MODELS)
def test_no_score_depends_on_the_pack(name: str) -> None:
    loaded, prompts = loaded_model(name, 4096), prompts_of(shared=12)
    expected = whole_sequences(loaded, prompts)
    assert_as_whole_sequences(loaded, prompts, expected)
    assert way(loaded) == MODELS[name][1]
    for budget in (130, 77, 1):
        loaded.pack_tokens = budget
        assert_as_whole_sequences(loaded, prompts, expected)


@pytest.mark.parametrize(("budget", "expected"), [(1, "packed"), (100, "packed"), (4096, "padded")])
def test_a_pack_longer_than_a_local_window_is_found(budget: int, expected: str) -> None:
    loaded = loaded_model("gpt_neo, local", budget)
    # Each no longer than 60 tokens, all together more than the window of 150.
    assert_as_whole_sequences(loaded, prompts_of(shared=12))
    assert way(loaded) == expected


def test_longer_items_and_larger_packs_are_checked_again(caplog: pytest.LogCaptureFixture) -> None:
    loaded, prompts = loaded_model("gpt_neo, local", 4096), prompts_of(shared=3)
    kinds = []
    for some in (prompts[:2], prompts, prompts[:2]):
        with caplog.at_level(logging.WARNING, logger="uphill"):
            assert_as_whole_sequences(loaded, some)
        kinds.append(way(loaded))
    assert kinds == ["packed", "padded", "packed"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", ["phi3, longrope"])
def test_short_items_of_a_model_whose_positions_depend_on_length_are_packed(name: str) -> None:
    loaded = loaded_model(name, 4096)
    assert_as_whole_sequences(loaded, [prompt for prompt in prompts_of(shared=3) if len(prompt.text.split()) < 20])
    assert way(loaded) == "packed"


def test_a_step_down_is_one_line_and_a_note(caplog: pytest.LogCaptureFixture) -> None:
    noting.forget()
    with caplog.at_level(logging.WARNING, logger="uphill"):
        list(score(loaded_model("granite", 4096), prompts_of(shared=3)))
    (record,) = caplog.records
    assert re.fullmatch(
        r"packed scoring \(dense\): its scores are .* nats off those of whole sequences on a small copy of the model; "
        "taking the padded path",
        record.getMessage(),
    )
    (note,) = noting.noted()
    assert note.endswith(record.getMessage())
    noting.forget()


def test_a_model_that_no_copy_can_be_made_of_is_held_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(model: Any) -> Any:
        raise NoCopyError("of no such size")

    monkeypatch.setattr(choosing, "cut_down", refuses)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        for name in ("llama", "gpt_neo, local", "phi3, longrope", "granite"):
            loaded = loaded_model(name, 4096)
            assert_as_whole_sequences(loaded, prompts_of(shared=12))
            assert way(loaded) == MODELS[name][1]
    assert "no small copy of the model can be checked (of no such size)" in caplog.text


def test_states_that_a_model_does_not_give_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = loaded_model("llama", 4096)
    loaded.packed, loaded.alone = False, True
    forward = type(loaded.model).forward

    def without(self: Any, *args: Any, **named: Any) -> Any:
        output = forward(self, *args, **named)
        output.hidden_states = None
        return output

    monkeypatch.setattr(type(loaded.model), "forward", functools.wraps(forward)(without))
    with pytest.raises(UphillError, match=r"gives none hidden states, expected 4: its states cannot be kept"):
        list(score(loaded, prompts_of(shared=0), [1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_sink_is_left_to_the_attention_that_knows_of_it(dtype: torch.dtype, caplog: pytest.LogCaptureFixture) -> None:
    model = copy.deepcopy(built("gpt_oss")).to(dtype)
    loaded = dataclasses.replace(loaded_model("gpt_oss", 4096), model=model, attention="blocks")
    prompts = prompts_of(shared=12)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, prompts))
    assert (loaded.packed, loaded.attention) == (True, "dense")
    assert "attention over a pack knows of no s_aux" in caplog.text
    if dtype == torch.float32:
        for prompt, scores in zip(prompts, found, strict=True):
            assert np.abs(scores.logprob - naive_scores(loaded, prompt)[0]).max() <= 1e-4
