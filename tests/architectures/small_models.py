"""A small random model of every causal architecture that transformers knows.

A small config is the architecture's own default with the sizes below in place of its own, so that it keeps whatever
else makes it what it is: caps, multipliers, gates, ways to route. It has one layer of each kind that the default has,
two to four in all, and windows that the prompts of the sweep cross.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY_SIZE = 96
BOS, EOS, PAD = 0, 1, 2
WINDOW, LOOK_BACK = 512, 24
MOST_LAYERS = 4
MOST_PARAMETERS = 20_000_000
ARCHITECTURES = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def _each(names: str, value: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), value)


SIZES: dict[str, Any] = {
    **_each("vocab_size decoder_vocab_size", VOCABULARY_SIZE),
    **_each("bos_token_id decoder_start_token_id", BOS),
    **_each("eos_token_id forced_eos_token_id sep_token_id", EOS),
    **_each("pad_token_id", PAD),
    **_each("max_position_embeddings n_positions max_seq_len max_target_positions n_ctx context_length", WINDOW),
    **_each("original_max_position_embeddings model_max_length", WINDOW),
    **_each("sliding_window attention_window_size window_size local_attention attention_chunk_size", LOOK_BACK),
    **_each("keep_window_size", 2 * WINDOW),
    **_each("hidden_size d_model n_embd embedding_dim emb_dim lru_width", 32),
    **_each("embedding_size input_embedding_size output_embedding_size word_embed_proj_dim attention_hidden_size", 32),
    **_each("intermediate_size ffn_dim decoder_ffn_dim encoder_ffn_dim n_inner d_inner dff dim_ff", 48),
    **_each("ffn_hidden_size feed_forward_size intermediate_size_mlp dense_intermediate_size", 48),
    **_each("moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size", 16),
    **_each("shared_experts_intermediate_size expert_ffn_hidden_size moe_shared_expert_intermediate_size", 16),
    **_each("num_attention_heads n_head n_heads num_heads attention_heads num_linear_attention_heads", 4),
    **_each("decoder_attention_heads encoder_attention_heads num_decoder_attention_heads", 4),
    **_each("num_encoder_attention_heads", 4),
    **_each("num_key_value_heads num_kv_heads num_query_groups", 2),
    **_each("head_dim d_kv d_head dim_head attention_head_size rotary_dim kv_channels v_head_dim", 8),
    **_each("qk_nope_head_dim qk_rope_head_dim swa_head_dim swa_v_head_dim global_head_dim", 8),
    **_each("qk_head_dim", 16),
    **_each("q_lora_rank kv_lora_rank o_lora_rank", 16),
    **_each("n_routed_experts num_experts num_local_experts moe_num_experts", 4),
    **_each("num_experts_per_tok moe_topk moe_k num_experts_per_token", 2),
    **_each("n_group topk_group num_expert_group o_groups", 1),
    **_each("zero_expert_num", 2),
    **_each("first_k_dense_replace num_dense_layers moe_layer_start_index", 1),
    **_each("num_nextn_predict_layers num_mtp_layers num_kv_shared_layers", 0),
    **_each("state_size mamba_d_state ssm_state_size", 8),
    **_each("time_step_rank", 4),
    **_each("mamba_n_heads mamba_num_heads n_mamba_heads", 8),
    **_each("mamba_d_head mamba_head_dim mamba_headdim", 8),
    **_each("mamba_d_ssm", 64),
    **_each("n_groups mamba_n_groups mamba_ngroups", 1),
    **_each("chunk_size mamba_chunk_size", 16),
    **_each("linear_num_key_heads linear_num_value_heads linear_num_heads linear_head_dim", 4),
    **_each("linear_key_head_dim linear_value_head_dim", 8),
    **_each("index_head_dim index_n_heads", 8),
    **_each("index_topk", 512),
    **_each("hidden_size_per_layer_input laurel_rank adapter_rank prompt_mid_dim router_hidden_size", 8),
    **_each("vocab_size_per_layer_input", VOCABULARY_SIZE),
    **_each("decoder_layers encoder_layers num_decoder_layers num_encoder_layers", 2),
    **_each("dropout attention_dropout hidden_dropout activation_dropout embd_pdrop resid_pdrop attn_pdrop", 0.0),
    # Decoders of encoder-decoders, and encoders that were made decoders.
    "is_decoder": True,
    "add_cross_attention": False,
}
DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_blocks", "decoder_layers")
KINDS_OF_LAYER = ("layer_types", "layers_block_type", "mlp_layer_types", "block_types", "no_rope_layers")
HALF_ATTENTION = {"layer_types": ["linear_attention", "full_attention"]}
LONG_ROPE = {
    "original_max_position_embeddings": 40,
    "rope_parameters": {
        **{"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 40, "factor": 8.0},
        **{"short_factor": [1.0] * 4, "long_factor": [4.0, 8.0, 16.0, 32.0]},
    },
}
LATENT = {"num_key_value_heads": 4}
SPARSE = {
    **{"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 16},
    **{"indexer_compress_ratio": 4},
}
OVER: dict[str, dict[str, Any]] = {
    "axk1": LATENT,
    "axk2": {**LATENT, "index_topk": 16},
    "bailing_hybrid": LATENT,
    "bamba": {"attn_layer_indices": [1]},
    "blt": {"encoder_hash_byte_group_vocab": 64},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 32},
    },
    "deepseek_v2": {**LATENT, "num_experts_per_tok": 2},
    "deepseek_v3": LATENT,
    "deepseek_v32": {**LATENT, "index_topk": 16},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 1},
    "dots3_note": {"text_config": {**LATENT, "per_layer_config": {}}},
    "dots3_note_text": {**LATENT, "per_layer_config": {}},
    "glm4_moe_lite": LATENT,
    "glm_moe_dsa": {**LATENT, "index_topk": 16},
    "granitemoehybrid": HALF_ATTENTION,
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": LATENT,
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "longcat_flash": LATENT,
    "mamba2": {"head_dim": 16},
    "minicpm3": LATENT,
    "ministral": {"head_dim": 8},
    "mpt": {"attn_config": {"attn_pdrop": 0}},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "phi3": LONG_ROPE,
    "qwen4_exp": {"text_config": SPARSE},
    "qwen4_exp_text": SPARSE,
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"axial_pos_embds_dim": [8, 24], "axial_pos_shape": [16, 32]},
    "roc_bert": {
        "pronunciation_embed_dim": 16,
        "pronunciation_vocab_size": 96,
        "shape_embed_dim": 16,
        "shape_vocab_size": 96,
    },
    "xmod": {"default_language": "en_XX"},
    "xlstm": {"chunk_size": 64},
    "youtu": LATENT,
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zamba2": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zaya": {"num_experts_per_tok": 1},
}
"""What else an architecture needs."""


AUDIO = "its config is that of a model of sounds, and its tokens are those of a sound, not of a text"
DRAFT = "drafts for another model, whose states it reads"
NOT_BUILT = {
    "gemma3n": "its eyes need the library timm; gemma3n_text is its language model",
    "gemma4_assistant": DRAFT,
    "gemma4_unified_assistant": DRAFT,
    "musicgen": AUDIO,
    "musicgen_melody": AUDIO,
}


class NotBuiltError(Exception):
    """A small model of an architecture cannot be built; the text says why."""


def small_model(kind: str) -> Any:
    """A random model whose attention is sharp, always the same.

    Raises:
        NotBuiltError: transformers cannot build or run it at this size.
    """
    if kind in NOT_BUILT:
        raise NotBuiltError(NOT_BUILT[kind])
    try:
        config = small_config(kind)
        with torch.device("meta"):
            size = sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config).parameters())
        if size > MOST_PARAMETERS:
            raise ValueError(f"{size} parameters")
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).float().eval()
        _sharpen(model)
        with torch.inference_mode():
            if not model(input_ids=torch.arange(3, 63)[None]).logits.isfinite().all():
                raise ValueError("its numbers are not finite")
    except Exception as error:
        raise NotBuiltError(" ".join(f"{type(error).__name__}: {error}".split())[:160]) from error
    return model


def _sharpen(model: Any) -> None:
    for name, weight in model.named_parameters():
        kept = re.search("norm|conv|A_log|dt_|time_|decay|slope", name)
        if weight.ndim > 1 and not kept:
            torch.nn.init.normal_(weight, std=1.7 / weight.shape[-1] ** 0.5)
        elif "sink" in name or (name.endswith("bias") and not kept):
            torch.nn.init.normal_(weight, std=0.1)


def small_config(kind: str) -> PretrainedConfig:
    """The small config of an architecture, by its name in transformers' mapping of causal language models."""
    return _small(CONFIG_MAPPING[kind], OVER.get(kind, {}))


def _small(kind: type[PretrainedConfig], over: Mapping[str, Any]) -> PretrainedConfig:
    default = kind()
    named = default.to_dict()
    layers = _layers_of(named)
    changes: dict[str, Any] = {}
    for name, value in named.items():
        if name in DEPTHS and isinstance(value, int):
            changes[name] = len(layers)
        elif isinstance(value, list) and len(value) == _depth(named) > len(layers):
            changes[name] = [SIZES.get(name, value[number]) for number in layers]
        elif name in SIZES and isinstance(value, (int, float)):
            changes[name] = SIZES[name]
        elif name in SIZES and isinstance(value, list):
            changes[name] = [SIZES[name]] * len(value)
        elif name == "rope_parameters" and value:
            changes[name] = _rotary(value)
    for name in kind.sub_configs:
        if named.get(name) is not None:
            changes[name] = _small(type(getattr(default, name)), over.get(name, {}))
    changes |= {name: value for name, value in over.items() if name not in kind.sub_configs}
    return kind(**changes)


def _depth(named: Mapping[str, Any]) -> int:
    return next((value for name in DEPTHS if isinstance(value := named.get(name), int)), 0)


def _layers_of(named: Mapping[str, Any]) -> list[int]:
    """Which of the default's layers are kept: one of each kind, and two at least."""
    depth = _depth(named)
    kinds = [named[name] for name in KINDS_OF_LAYER if isinstance(named.get(name), list) and len(named[name]) == depth]
    rows = list(zip(*kinds, strict=True)) if kinds else [()] * depth
    firsts = [rows.index(row) for row in dict.fromkeys(rows)][:MOST_LAYERS]
    return [*firsts, *(number for number in range(depth) if number not in firsts)][: max(2, len(firsts))]


def _rotary(value: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary positions with what a small window needs."""
    small = {name: _rotary(part) if isinstance(part, dict) else part for name, part in value.items()}
    if "original_max_position_embeddings" in small:
        small["original_max_position_embeddings"] = WINDOW // 4
    return small
