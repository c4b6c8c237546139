"""The weights that are loaded are those in the folder, all of them, or one line names which are not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import write_model
from model_folders import (
    EMBED,
    EXPERT,
    HEAD,
    UP,
    Change,
    added,
    config,
    number,
    only,
    read,
    refusal,
    renamed,
    weights,
    written,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model", "llama")
    return tmp_path / "model"


WRONG_WEIGHTS: dict[str, tuple[str, Change, tuple[str, ...]]] = {
    "another prefix": ("llama", renamed(lambda name: f"transformer.{name}"), ("are missing", "transformer.lm_head")),
    "a wrapper's prefix": ("llama", renamed(lambda name: f"_orig_mod.{name}"), ("_orig_mod.lm_head.weight",)),
    "another name for layers": (
        "llama",
        renamed(lambda name: name.replace("layers", "h")),
        ("model.layers.0.input_layernorm.weight", "and 24 more are missing"),
    ),
    "a missing layer": ("llama", only(lambda name: ".layers.1." not in name), ("layers.1.", "and 6 more are missing")),
    "one missing tensor": ("llama", only(lambda name: name != UP), (f"{UP} is missing",)),
    "no tensors": ("llama", only(lambda name: False), ("no tensors in model.safetensors",)),
    "no head": ("llama", only(lambda name: name != HEAD), (f"{HEAD} is missing",)),
    "a body alone": (
        "llama",
        weights(lambda there: {name[6:]: tensor for name, tensor in there.items() if name != HEAD}),
        (f"{HEAD} is missing",),
    ),
    "an unknown tensor": (
        "llama",
        added(model__layers__0__self_attn__q_proj__bias=torch.ones(32)),
        ("model.layers.0.self_attn.q_proj.bias is not of this model",),
    ),
    "a bias by the name of a mask": (
        "gpt_neox",
        added(gpt_neox__layers__0__attn__bias=torch.ones(32)),
        ("gpt_neox.layers.0.attn.bias is not of this model",),
    ),
    "a classifier beside": ("llama", added(score__weight=torch.ones(2, 32)), ("score.weight is not of this model",)),
    "another shape": ("llama", added(model__norm__weight=torch.ones(7)), ("model.norm.weight (7,) for (32,)",)),
    "a transposed weight": (
        "llama",
        weights(lambda there: there.update({UP: there[UP].T.contiguous()})),
        (f"{UP} (32, 48) for (48, 32)",),
    ),
    "NaN": ("llama", number(float("nan")), (f"{UP} is not finite",)),
    "infinity": ("llama", number(float("-inf")), (f"{UP} is not finite",)),
    "integers": (
        "llama",
        weights(lambda there: there.update({UP: there[UP].to(torch.int8)})),
        (f"{UP} (I8) is not stored as plain numbers",),
    ),
    "eight bits": (
        "llama",
        weights(lambda there: there.update({UP: there[UP].to(torch.float8_e4m3fn)})),
        (f"{UP} (F8_E4M3) is not stored as plain numbers",),
    ),
    "the same tensor by two names": (
        "llama",
        weights(lambda there: there.update({"norm.weight": there["model.norm.weight"] + 1})),
        ("norm.weight is stored twice",),
    ),
    "fewer layers in the config": ("llama", config(num_hidden_layers=2), ("layers.2.", "6 more are not of this model")),
    "more layers in the config": ("llama", config(num_hidden_layers=4), ("layers.3.", "6 more are missing")),
    "a larger vocabulary in the config": ("llama", config(vocab_size=45), (f"{EMBED} (44, 32) for (45, 32)",)),
    "other widths in the config": ("llama", config(intermediate_size=40), ("(48, 32) for (40, 32)",)),
    "fewer key heads in the config": ("llama", config(num_key_value_heads=1), ("k_proj.weight (16, 32) for (8, 32)",)),
    "biases in the config": ("llama", config(attention_bias=True), ("self_attn.k_proj.bias", "are missing")),
    "untied in the config alone": ("tied", config(tie_word_embeddings=False), (f"{HEAD} is missing",)),
    "Qwen2's config": ("llama", config(model_type="qwen2"), ("self_attn.k_proj.bias", "are missing")),
    "GPT-NeoX's config": ("llama", config(model_type="gpt_neox"), ("gpt_neox.embed_in.weight", "model.embed_tokens")),
    "GPT-2's config": ("mistral", config(model_type="gpt2"), ("not of this model",)),
    "a head tied to other numbers": (
        "tied",
        weights(lambda there: there.update({HEAD: there[EMBED] + 1})),
        (f"{HEAD} is tied by the config but stored with other numbers",),
    ),
    "tied to nothing": ("tied", only(lambda name: name != EMBED), (HEAD, EMBED, "are missing")),
    "one expert of another shape": (
        "mixtral",
        weights(lambda there: there.update({EXPERT: torch.ones(3, 3)})),
        ("model.layers.0.mlp.experts.gate_up_proj is not to be made of what is on disk",),
    ),
    "one expert's weight missing": (
        "mixtral",
        only(lambda name: name != EXPERT),
        ("model.layers.0.mlp.experts.gate_up_proj is not to be made of what is on disk",),
    ),
    "one expert missing": (
        "mixtral",
        only(lambda name: "layers.0.block_sparse_moe.experts.2." not in name),
        ("model.layers.0.mlp.experts.down_proj (3, 32, 48) for (4, 32, 48)",),
    ),
    "no router": ("mixtral", only(lambda name: "layers.0.block_sparse_moe.gate" not in name), ("is missing",)),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_weights_that_are_not_the_models_are_refused_by_name(folder: Path, case: str, capfd: Any) -> None:
    kind, change, said = WRONG_WEIGHTS[case]
    written(folder, kind)
    change(folder)
    message = refusal(folder)
    assert message.startswith(str(folder))
    assert all(part in message for part in said), message
    assert len(message) < len(str(folder)) + 600
    assert "LOAD REPORT" not in capfd.readouterr().err


RIGHT_WEIGHTS: dict[str, tuple[str, Change]] = {
    **{kind: (kind, lambda _: None) for kind in ("llama", "qwen2", "gpt2", "gpt_neox", "falcon", "gemma2", "mixtral")},
    "tied, stored once": ("tied", lambda _: None),
    "tied, stored twice": ("tied", weights(lambda there: there.update({HEAD: there[EMBED].clone()}))),
    "tied, stored as the head": ("tied", renamed(lambda name: HEAD if name == EMBED else name)),
    "a body's own names": ("llama", renamed(lambda name: name.removeprefix("model."))),
    "a prefix twice, which is taken off": ("llama", renamed(lambda name: f"model.{name}")),
    "rotary frequencies of old versions": (
        "llama",
        added(model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(4)),
    ),
    "causal masks of old versions": (
        "gpt_neox",
        added(
            gpt_neox__layers__0__attention__bias=torch.ones(1, 1, 8, 8, dtype=torch.bool),
            gpt_neox__layers__0__attention__masked_bias=torch.tensor(-1e9),
            gpt_neox__layers__0__attention__rotary_emb__inv_freq=torch.ones(4),
        ),
    ),
    "masks of GPT-2": ("gpt2", added(transformer__h__0__attn__bias=torch.ones(1, 1, 8, 8, dtype=torch.uint8))),
    "double precision": ("llama", weights(lambda there: {name: tensor.double() for name, tensor in there.items()})),
}


@pytest.mark.parametrize("case", RIGHT_WEIGHTS)
def test_what_differs_in_name_alone_is_loaded_as_it_is(folder: Path, case: str) -> None:
    kind, change = RIGHT_WEIGHTS[case]
    written(folder, kind)
    expected = {name: weight.clone() for name, weight in read(folder).model.state_dict().items()}
    change(folder)
    found = read(folder).model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("stored", "stated"), [("float32", "bfloat16"), ("bfloat16", "float64"), ("float16", None)])
def test_the_entrys_dtype_decides(folder: Path, dtype: str, stored: str, stated: str | None) -> None:
    weights(lambda there: {name: tensor.to(getattr(torch, stored)) for name, tensor in there.items()})(folder)
    config(torch_dtype=stated, dtype=stated)(folder)
    assert {weight.dtype for weight in read(folder, dtype=dtype).model.parameters()} == {getattr(torch, dtype)}


def test_numbers_beyond_a_format_are_refused(folder: Path) -> None:
    number(1e6)(folder)
    read(folder, dtype="bfloat16")
    assert f"{UP} is not finite" in refusal(folder, dtype="float16")


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
@pytest.mark.parametrize(
    "case", ["a missing layer", "another shape", "NaN", "fewer layers in the config", "other widths in the config"]
)
def test_quantized_weights_are_looked_at_too(folder: Path, case: str, bits: str) -> None:
    WRONG_WEIGHTS[case][1](folder)
    message = refusal(folder, quantization=bits)
    assert any(said in message for said in ("missing", "not of this model", "another shape", "not finite")), message


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_weights_that_are_quantized_already_are_read_as_such_alone(folder: Path, bits: str) -> None:
    quantized = read(folder, quantization=bits).model
    expected = quantized(torch.arange(8)[None]).logits
    quantized.save_pretrained(folder)
    assert torch.equal(read(folder, quantization=bits).model(torch.arange(8)[None]).logits, expected)
    for other in {"none", "8bit", "4bit"} - {bits}:
        assert f"its weights are quantized already ({bits})" in refusal(folder, quantization=other)
    config(intermediate_size=64)(folder)
    assert "up_proj.weight (48, 32) for (64, 32)" in refusal(folder, quantization=bits)


@pytest.mark.parametrize("how", [{"quant_method": "gptq", "bits": 4}, {"a": 1}, "awq", True])
@pytest.mark.parametrize("bits", ["none", "8bit", None])
def test_other_quantized_checkpoints_are_refused(folder: Path, how: Any, bits: str | None) -> None:
    config(quantization_config=how)(folder)
    assert "config.json: quantization_config: its weights are quantized already" in refusal(folder, quantization=bits)
