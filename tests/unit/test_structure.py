"""A cut-down copy has every kind of block, the windows and positions of its original, and sharp attention."""

from typing import Any

import pytest
import torch
import transformers as T
from transformers import AutoModelForCausalLM

from uphill.engine.sizes import depth, text_config, vocabulary
from uphill.engine.structure import NoCopyError, cut_down, kinds

_SIZES: dict[str, Any] = {
    "vocab_size": 500,
    "hidden_size": 64,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 640,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
_MIXED = {"layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"] * 2}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [8.0, 12.0, 20.0, 40.0],
    "original_max_position_embeddings": 96,
    "factor": 6.0,
}
_VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CONFIGS: dict[str, tuple[Any, int]] = {
    "llama": (T.LlamaConfig(**_SIZES), 2),
    "gpt2": (T.GPT2Config(vocab_size=500, n_embd=64, n_layer=8, n_head=8, n_positions=640), 2),
    "gpt_neo": (
        T.GPTNeoConfig(
            vocab_size=500,
            hidden_size=64,
            num_layers=8,
            num_heads=8,
            attention_types=[[["global", "global", "local", "local"], 2]],
            window_size=24,
            max_position_embeddings=640,
        ),
        3,
    ),
    "gemma3_text": (T.Gemma3TextConfig(**_SIZES, head_dim=8, sliding_window=24, **_MIXED), 3),
    "gemma3": (
        T.Gemma3Config(
            text_config=T.Gemma3TextConfig(**_SIZES, head_dim=8, sliding_window=24, **_MIXED).to_dict(),
            vision_config={**_VISION, "image_size": 28, "patch_size": 14},
            mm_tokens_per_image=4,
        ),
        3,
    ),
    "gpt_oss": (
        T.GptOssConfig(**_SIZES, head_dim=8, sliding_window=24, num_local_experts=4, num_experts_per_tok=2),
        2,
    ),
    "phi3": (
        T.Phi3Config(**_SIZES, rope_parameters=_LONGROPE, original_max_position_embeddings=96),
        2,
    ),
    "llama4_text": (
        T.Llama4TextConfig(
            **_SIZES, head_dim=8, intermediate_size_mlp=96, num_local_experts=4, attention_chunk_size=24
        ),
        4,
    ),
    "qwen3_moe": (
        T.Qwen3MoeConfig(**_SIZES, head_dim=8, moe_intermediate_size=32, num_experts=16, mlp_only_layers=[3]),
        4,
    ),
    "mamba": (T.MambaConfig(vocab_size=500, hidden_size=64, num_hidden_layers=8, state_size=8), 2),
    "jamba": (
        T.JambaConfig(
            **_SIZES, attn_layer_period=4, attn_layer_offset=2, expert_layer_period=2, num_experts=4, mamba_d_state=8
        ),
        3,
    ),
    "lfm2": (
        T.Lfm2Config(**_SIZES, layer_types=["conv", "conv", "conv", "full_attention"] * 2),
        4,
    ),
}


def model_of(name: str) -> Any:
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(CONFIGS[name][0], dtype=torch.bfloat16)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_copy_has_every_kind_of_block_and_the_same_limits(name: str) -> None:
    model = model_of(name)
    copy = cut_down(model)
    assert set(kinds(copy)) == set(kinds(model))
    assert depth(copy) == CONFIGS[name][1]
    assert {weight.dtype for weight in copy.parameters()} == {torch.float32}
    assert sum(w.numel() for w in copy.parameters()) < sum(w.numel() for w in model.parameters())
    before, after = text_config(model), text_config(copy)
    for limit in (
        "max_position_embeddings",
        "sliding_window",
        "window_size",
        "attention_chunk_size",
        "head_dim",
        "rope_parameters",
    ):
        assert getattr(after, limit, None) == getattr(before, limit, None)
    assert vocabulary(copy) <= 256


@pytest.mark.parametrize("name", CONFIGS)
def test_a_copy_is_always_the_same_and_leaves_draws_as_they_were(name: str) -> None:
    model = model_of(name)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = cut_down(model)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(6)
    other = cut_down(model)
    for left, right in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "mamba"])
def test_a_copy_tells_what_it_reads_apart(name: str) -> None:
    """A token changed, or moved, 12 places back moves what comes next by far more than rounding."""
    copy = cut_down(model_of(name))
    ids = torch.randint(3, 200, (1, 20), generator=torch.Generator().manual_seed(0))
    changed, moved = ids.clone(), ids.clone()
    changed[0, 8] = 210
    moved[0, [8, 9]] = ids[0, [9, 8]]
    with torch.no_grad():
        plain, *others = (copy(input_ids=given).logits[0, -1].log_softmax(-1) for given in (ids, changed, moved))
    assert all((other - plain).abs().max() > 0.01 for other in others)


def test_a_model_that_cannot_be_cut_down_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama")

    def refuses(config: Any, **_: Any) -> Any:
        raise ValueError("not\nthis size")

    monkeypatch.setattr(type(model), "_from_config", refuses)
    with pytest.raises(NoCopyError, match="ValueError: not this size"):
        cut_down(model)
