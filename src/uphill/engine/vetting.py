"""What a model's folder says, looked at before anything of it is opened for good: files, sizes, and whose code."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from uphill.errors import UphillError
from uphill.identity.checkpoints import CONFIG, TOKENIZER_CONFIG, deciding_files, read_json, weight_files

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "num_decoder_layers")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
SIZES = (
    *LAYERS,
    *("hidden_size", "n_embd", "d_model", "vocab_size", "max_position_embeddings", "n_positions", "max_seq_len"),
    *("num_attention_heads", "n_head", "n_heads", "num_heads", "num_key_value_heads", "num_kv_heads", "n_head_kv"),
    *("intermediate_size", "n_inner", "ffn_dim", "head_dim", "embed_dim"),
)
LARGEST = 2**31
"""No size of a model, nor a window, comes near it."""
# Written when one model is saved by several processes; read by another loader, which takes every file of the folder.
_OF_PROCESSES = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
_IN_FOLDER = ("special_tokens_map_file", "tokenizer_file", "added_tokens_file", "chat_template_file")
"""Files that transformers finds by their fixed names, whatever the tokenizer's config says."""


def vet(folder: Path, entry: Mapping[str, Any]) -> None:
    """Refuse what would be loaded as something else than the entry says, or would open what it should not.

    Args:
        folder: the model's.
        entry: its config entry.

    Raises:
        UphillError: the file, what it says, and what was expected.
    """
    config = read_json(folder, CONFIG)
    if not config:
        raise UphillError(f"{folder}: no {CONFIG}, expected a model's folder")
    if not weight_files(folder):
        raise UphillError(f"{folder}: cannot be loaded: no safetensors there, and no other format is read")
    deciding_files(folder, entry["trust_remote_code"])
    for name in ("adapter_config.json", *sorted(path.name for path in folder.glob("shard-*.safetensors"))):
        if (folder / name).exists() and (name.endswith(".json") or _OF_PROCESSES.fullmatch(name)):
            raise UphillError(f"{folder}: {name} there, expected a whole model and nothing that is loaded over it")
    for misfit in (*_sizes(config), *_quantized(config, entry), *_elsewhere(config), *_theirs(config, entry)):
        raise UphillError(f"{folder}/{CONFIG}: {misfit}")
    tokenizer = read_json(folder, TOKENIZER_CONFIG)
    for misfit in (*_named_files(tokenizer), *_theirs(tokenizer, entry)):
        raise UphillError(f"{folder}/{TOKENIZER_CONFIG}: {misfit}")


def _nested(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A config and those inside it, such as that of the text part."""
    yield config
    for value in config.values():
        if isinstance(value, Mapping):
            yield from _nested(value)


def _sizes(config: Mapping[str, Any]) -> Iterator[str]:
    for part in _nested(config):
        for key in (*SIZES, *EXPERTS):
            value, least = part.get(key), 0 if key in EXPERTS else 1
            whole = isinstance(value, int) and not isinstance(value, bool)
            # Some models have a list, with a size for each layer.
            if value is not None and not isinstance(value, list) and not (whole and least <= value <= LARGEST):
                yield f"{key} is {value!r}, expected a whole number from {least} to {LARGEST}"


def _quantized(config: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[str]:
    for part in _nested(config):
        stated = part.get("quantization_config")
        if not stated:
            continue
        how = stated if isinstance(stated, Mapping) else {}
        found = next((bits for bits in ("4bit", "8bit") if how.get(f"load_in_{bits}")), how.get("quant_method"))
        if found not in ("4bit", "8bit") or found != entry["quantization"]:
            yield (
                f"quantization_config: its weights are quantized already ({found}), expected full ones, or "
                f"weights of bitsandbytes and quantization: 4bit or 8bit, as they are, in the model's entry"
            )


def _elsewhere(config: Mapping[str, Any]) -> Iterator[str]:
    if "configuration_files" in config:
        yield "configuration_files names another config, expected one alone"
    for part in _nested(config):
        for key in ("attn_implementation", "_attn_implementation", "experts_implementation"):
            value = part.get(key)
            if isinstance(value, str) and not re.fullmatch(r"\w+", value):
                yield f"{key} is {value!r}, which is code from elsewhere, expected an implementation of transformers"


def _theirs(config: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[str]:
    """Code of another repository, which no revision pins; where none runs, what is said of it does not matter."""
    named = config.get("auto_map") if entry["trust_remote_code"] else None
    classes = named.values() if isinstance(named, Mapping) else [named]
    for one in [each for value in classes for each in (value if isinstance(value, list) else [value])]:
        repository = one.rpartition("--")[0] if isinstance(one, str) else ""
        if repository and repository != entry.get("hub_id"):
            yield f"auto_map names {one!r}, expected code in the model's own folder, which its identity covers"


def _named_files(tokenizer: Mapping[str, Any]) -> Iterator[str]:
    if tokenizer.get("init_inputs"):
        yield f"init_inputs is {tokenizer['init_inputs']!r}, expected none: a tokenizer may take them for files"
    named = {key: value for key, value in tokenizer.items() if key.endswith("_file") and key not in _IN_FOLDER}
    files = tokenizer.get("fast_tokenizer_files")
    named |= {f"fast_tokenizer_files.{number}": name for number, name in enumerate(files or [])}
    for key, name in named.items():
        if isinstance(name, str) and Path(name).name != name:
            yield f"{key} is {name!r}, expected a file of the model's folder"
