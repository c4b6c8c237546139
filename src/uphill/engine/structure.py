"""A cut-down copy of a model: every kind of block that it has, all that decides who sees what, random weights.

In float32 rounding is small enough that a wrong mask, position or state shows, whatever the type of the model itself.
Windows, rotary factors, head sizes and the longest sequence are as they were; what is cut is how many blocks there are
(the first ones, up to the last new kind), and by one common factor how many heads, and how wide everything is.
"""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from uphill.engine.hidden import blocks_of
from uphill.engine.sizes import depth, text_config

VOCABULARY, EXPERTS, CHOSEN, GROUPS = 256, 8, 2, 2
NARROWEST = 32
"""Hidden states of the copy are at least so wide."""
LARGEST = 2**28
"""Parameters of a copy; a larger one is not made."""
GAIN = 1.5
"""Standard deviation of what a map gives for inputs of 1: far above the usual, so that attention is sharp."""
SEED = 0
_WIDTH = re.compile(
    r"heads$|^n_head$|heads_per_layer$|num_query_groups$|(^|_)hidden_size(_|$)|(^|_)intermediate_size(_|$)"
    r"|ffn_dim$|^(n_embd|d_model|n_inner|d_inner|dff|dim_ff|emb_dim|embedding_dim|feed_forward_size|lru_width)$"
    r"|^(word_embed_proj_dim|mamba_d_ssm|(input_|output_)?embedding_size)$|dt_rank$|^time_step_rank$"
)
_LAYERS = re.compile(r"layer|idx|ids$")
_CAPS = {
    r"^(num_(local_)?experts|n_routed_experts|moe_num_experts|zero_expert_num)$": EXPERTS,
    r"^(num_experts_per_tok(en)?|moe_topk|moe_k|moe_top_k)$": CHOSEN,
    r"^(n_group|num_expert_group|topk_group)$": GROUPS,
}
_KEPT_AS_MADE = re.compile(r"norm|A_log|dt_|time_|decay|slope")
"""Parameters whose values mean something: scales, decays and steps of recurrent states."""


class NoCopyError(ValueError):
    """A model of this kind cannot be cut down; the text says why."""


def cut_down(model: Any) -> Any:
    """A small random model of the same structure in float32, on the same device; always the same one.

    Args:
        model: a causal language model; adapters and quantization of it are no part of the copy.

    Raises:
        NoCopyError: none could be built that has every kind of block and gives finite numbers.
    """
    why = "no plan"
    for kept, factor in _plans(model):
        try:
            with torch.random.fork_rng():
                torch.manual_seed(SEED)
                return _built(model, _cut(model, kept, factor))
        except Exception as error:  # whatever a config of other sizes makes of a model's code
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    raise NoCopyError(why)


def kinds(model: Any) -> list[frozenset[Any]]:
    """What sets each block's modules apart, but for sizes; equal for blocks of one kind."""
    return [frozenset(_modules(block)) for block in blocks_of(model)]


def _modules(block: torch.nn.Module) -> Iterator[tuple[Any, ...]]:
    for name, module in block.named_modules():
        # Maps and what quantization or an adapter makes of them are alike in all blocks.
        if not type(module).__module__.startswith(("torch.", "peft.", "bitsandbytes.")):
            yield re.sub(r"\d+", "#", name), type(module).__name__, *sorted(_traits(module).items())


def _traits(module: torch.nn.Module) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name not in ("training", "gradient_checkpointing")
        and (isinstance(value, bool | str | None) or re.search("window|chunk", name))
        and isinstance(value, bool | str | int | None)
    }


def _plans(model: Any) -> Iterator[tuple[int, int]]:
    """How many blocks to keep, and by what to divide widths; the smallest copy first."""
    found, layers = kinds(model), depth(model)
    fewest = next((n for n in range(1, len(found)) if set(found[:n]) == set(found)), layers)
    for kept in dict.fromkeys((max(fewest, min(2, layers)), layers)):
        for factor in _factors(text_config(model)):
            yield kept, factor


def _factors(config: Any) -> list[int]:
    """Numbers that divide heads and width, the largest first; 1 leaves them."""
    raw = config.to_dict()  # whose values no check of one attribute for all blocks withholds
    names = getattr(config, "attribute_map", {})
    width, heads = (raw.get(names.get(name, name)) for name in ("hidden_size", "num_attention_heads"))
    if not isinstance(width, int):
        return [1]
    heads = heads if isinstance(heads, int) else width
    common = math.gcd(heads, width)
    found = [n for n in range(1, common + 1) if common % n == 0 and width // n >= NARROWEST]
    # Two heads can take each other's place; where their number has no other divisor, one is left.
    return sorted({*([n for n in found if heads // n >= 2 and n > 1] or found)[-4:], 1}, reverse=True)


def _cut(model: Any, kept: int, factor: int) -> Any:
    config, text = model.config, text_config(model)
    raw = _narrowed(config.to_dict(), factor)
    own = raw
    if text is not config:
        name = next(name for name in config.sub_configs if getattr(config, name, None) is text)
        for other in config.sub_configs:
            if other != name and isinstance(raw.get(other), dict):
                raw[other] = _shallow(raw[other], 1, raw[other].get("num_hidden_layers", 0), {})
        own = raw[name]
    own.update(_shallow(own, kept, depth(model), getattr(text, "attribute_map", {})))
    for gone in ("quantization_config", "dtype", "torch_dtype", "id2label", "label2id", "num_labels"):
        raw.pop(gone, None)
    return type(config).from_dict(raw)


def _shallow(raw: Mapping[str, Any], kept: int, layers: int, names: Mapping[str, str]) -> dict[str, Any]:
    """With `kept` of `layers` blocks, and of every list of blocks what is left of it."""
    changed = {name: _first(name, value, kept, layers) for name, value in raw.items()}
    changed[names.get("num_hidden_layers", "num_hidden_layers")] = kept
    if "attention_types" in changed:  # GPT-Neo's: kinds, and how often they come again
        changed["attention_types"] = [[list(raw["attention_layers"])[:kept], 1]]
    return changed


def _first(name: str, value: Any, kept: int, layers: int) -> Any:
    if isinstance(value, dict) and value and all(str(key).isdigit() for key in value):
        return {key: entry for key, entry in value.items() if int(key) < kept}
    if not isinstance(value, list | tuple):
        return value
    if len(value) == layers:
        return list(value)[:kept]
    if value and _LAYERS.search(name) and all(type(entry) is int for entry in value):
        return [entry for entry in value if entry < kept]
    return value


def _narrowed(raw: Mapping[str, Any], factor: int) -> dict[str, Any]:
    return {name: _narrow(name, value, factor) for name, value in raw.items()}


def _narrow(name: str, value: Any, factor: int) -> Any:
    if isinstance(value, dict):
        return _narrowed(value, factor)
    if isinstance(value, list) and name != "layer_types":
        return [_narrow(name, entry, factor) for entry in value]
    if type(value) is not int:
        return value
    if name.endswith(("_token_id", "_token_index")):
        return value if value < VOCABULARY else 2
    if name.endswith("vocab_size") or name == "vocab_size_per_layer_input":
        return min(value, VOCABULARY)
    caps = [cap for pattern, cap in _CAPS.items() if re.search(pattern, name)]
    if caps:
        return min(value, *caps)
    return max(value // factor, min(value, 1)) if _WIDTH.search(name) else value


def _built(model: Any, config: Any) -> Any:
    make = functools.partial(
        type(model)._from_config, dtype=torch.float32, attn_implementation=_attention(model.config)
    )
    with torch.device("meta"):
        size = sum(weight.numel() for weight in make(config).parameters())
    if size > LARGEST:
        raise NoCopyError(f"a copy has {size} parameters")
    copy = make(config).float()
    if set(kinds(copy)) != set(kinds(model)):
        raise NoCopyError("a copy lacks a kind of block")
    _spread(copy)
    copy = copy.to(model.get_input_embeddings().weight.device).eval()
    with torch.inference_mode():
        ids = torch.arange(3, 11, device=copy.get_input_embeddings().weight.device)
        if not copy(input_ids=ids[None], use_cache=False).logits.isfinite().all():
            raise NoCopyError("a copy gives numbers that are not finite")
    return copy


def _attention(config: Any) -> str:
    return "eager" if config._attn_implementation == "eager" else "sdpa"


def _spread(model: Any) -> None:
    """Draw all maps anew, wide enough for sharp attention; what has one number a channel only where it is a bias."""
    draws = torch.Generator().manual_seed(SEED)
    head = model.get_output_embeddings()
    for name, weight in model.named_parameters():
        if _KEPT_AS_MADE.search(name):
            continue
        fan_in = weight.shape[-1] if weight.ndim > 1 else 1
        scale = (1 if head is not None and weight is head.weight else GAIN) / math.sqrt(fan_in)
        drawn = torch.randn(weight.shape, generator=draws)
        if weight.ndim > 1 or "sink" in name:
            weight.data.copy_(drawn * scale)
        elif name.endswith("bias"):
            weight.data.copy_(drawn / 10)
