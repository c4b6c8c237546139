"""Writes a small model as a GGUF file, by the specification: what the reading of the library is held against."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, quantize
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ALPHABET = sorted(ByteLevel.alphabet())
MERGES = ("1 2", "Ġ t", "h e", "Ġt he")
TOKENS = [*CONTROL, *ALPHABET, *(merge.replace(" ", "") for merge in MERGES)]
SIZES = {
    "vocab_size": len(TOKENS),
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rope_theta": 5000.0,
}
PARTS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
Change = Callable[[GGUFWriter], None]


def model(kind: str = "llama", tied: bool = True) -> Any:
    """A model of random weights."""
    torch.manual_seed(1)
    if kind == "qwen2":
        made: Any = Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=tied))
    else:
        made = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tied))
    for name, weight in made.named_parameters():
        if "norm" in name or name.endswith("bias"):
            torch.nn.init.normal_(weight, mean=1.0, std=0.2)
    return made.eval()


def permuted(weight: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of a Llama's query or key projection as llama.cpp stores them: the two halves of each head in turn."""
    rows = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def tensors(made: Any) -> dict[str, NDArray[Any]]:
    """A model's weights by the file's names."""
    found = {}
    for name, weight in made.named_parameters():
        values = weight.detach().numpy()
        if made.config.model_type == "llama" and "q_proj" in name:
            values = permuted(values, made.config.num_attention_heads)
        if made.config.model_type == "llama" and "k_proj" in name:
            values = permuted(values, made.config.num_key_value_heads)
        if name.startswith("model.layers."):
            _, _, layer, rest = name.split(".", 3)
            part, kind = rest.rsplit(".", 1)
            found[f"blk.{layer}.{PARTS[part]}.{kind}"] = values
        else:
            whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
            found[f"{whole[name.rsplit('.', 1)[0]]}.weight"] = values
    return found


def write(
    path: Path,
    made: Any,
    packed: GGMLQuantizationType | None = None,
    keys: Mapping[str, Any] | None = None,
    others: Mapping[str, NDArray[Any] | None] | None = None,
    pre: str = "smollm",
) -> Path:
    """A GGUF file of a model.

    Args:
        path: where.
        made: the model.
        packed: how its matrices are quantized; not at all unless given.
        keys: metadata in place of what the model says, or beside it; None leaves a key out.
        others: tensors in place of the model's, or beside them; None leaves one out.
        pre: the name of the split of texts.
    """
    config = made.config
    kind = config.model_type
    told: dict[str, Any] = {
        f"{kind}.block_count": config.num_hidden_layers,
        f"{kind}.context_length": config.max_position_embeddings,
        f"{kind}.embedding_length": config.hidden_size,
        f"{kind}.feed_forward_length": config.intermediate_size,
        f"{kind}.attention.head_count": config.num_attention_heads,
        f"{kind}.attention.head_count_kv": config.num_key_value_heads,
        f"{kind}.attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        f"{kind}.rope.freq_base": 5000.0,
        f"{kind}.vocab_size": config.vocab_size,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [3] * len(CONTROL) + [1] * (len(TOKENS) - len(CONTROL)),
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    }
    told |= keys or {}
    writer = GGUFWriter(path, str(told.pop("general.architecture", kind)))
    for key, value in told.items():
        _add(writer, key, value)
    for name, values in (tensors(made) | dict(others or {})).items():
        if values is None:
            continue
        if packed is not None and values.ndim == 2:
            writer.add_tensor(name, quantize(values.astype(np.float32), packed), raw_dtype=packed)
        else:
            writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)
