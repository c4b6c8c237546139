"""FlexAttention over packs: the block mask is the dense one, and scores and states are those of plain sequences."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from covering import covering
from engine_models import BLOCKS, BLOCKWISE, assert_same_states, met_before, naive_scores, ragged_prompts, tiny
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from uphill.engine import attention
from uphill.engine.attention import BLOCK, Attention, attend, pack_mask, visible
from uphill.engine.hidden import default_layers
from uphill.engine.packing import Branched, lay_out
from uphill.engine.scoring import score

NATS = 1e-4


def seen_by_blocks(until: torch.Tensor, cache: DynamicCache | None, ahead: int) -> torch.Tensor:
    """[T, ahead + T] bool: what a kernel computes that reads the lists of blocks, and the mask in partial ones only."""
    mask = pack_mask(until, cache, joined=bool(ahead))
    rows, columns = torch.arange(len(until)), torch.arange(ahead + len(until))
    none = torch.zeros(1, dtype=torch.long)
    inside = torch.vmap(torch.vmap(mask.mask_mod, (None, None, None, 0)), (None, None, 0, None))(
        none[0], none[0], rows, torch.cat([columns, columns.new_zeros(-len(columns) % BLOCK)])
    )[:, : len(columns)]
    seen = torch.zeros(len(rows), len(columns), dtype=torch.bool)
    for row in range(len(until) // BLOCK):
        here = slice(row * BLOCK, (row + 1) * BLOCK)
        for count, listed, full in (
            (mask.kv_num_blocks, mask.kv_indices, False),
            (mask.full_kv_num_blocks, mask.full_kv_indices, True),
        ):
            for block in listed[0, 0, row, : int(count[0, 0, row])].tolist():
                there = slice(block * BLOCK, (block + 1) * BLOCK)
                seen[here, there] = True if full else inside[here, there]
    return seen


@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.lists(st.integers(1, 40), min_size=1, max_size=4)), min_size=1, max_size=5
    ),
    st.sampled_from([0, 1, 127, 128, 200, 300]),
)
def test_the_block_mask_shows_what_the_dense_one_shows(items: list[tuple[int, list[int]]], ahead: int) -> None:
    branched = [Branched([0] * question, [[0] * choice for choice in choices]) for question, choices in items]
    until = torch.from_numpy(lay_out(branched, 0).until)
    until = torch.cat([until, torch.arange(len(until), len(until) + -len(until) % BLOCK)])
    cache = None
    if ahead:
        cache = DynamicCache()
        cache.update(torch.zeros(1, 1, ahead, 2), torch.zeros(1, 1, ahead, 2), 0)
    expected = torch.cat([torch.ones(len(until), ahead, dtype=torch.bool), visible(until)], 1)
    assert torch.equal(seen_by_blocks(until, cache, ahead), expected)


@covering(strength=1, kind=BLOCKWISE, shared=[0, 40], attention=["blocks", "joined"])
def test_scores_and_states_are_those_of_plain_sequences(kind: str, shared: int, attention: Attention) -> None:
    loaded = met_before(dataclasses.replace(tiny(kind, pack_tokens=150), attention=attention), attention)
    layers = default_layers(BLOCKS)
    prompts = ragged_prompts(7, seed=8, shared_words=shared)
    found = list(score(loaded, prompts, layers))
    assert (loaded.packed, loaded.attention) == (True, attention)
    for prompt, scores in zip(prompts, found, strict=True):
        logprob, states = naive_scores(loaded, prompt, layers)
        assert np.abs(scores.logprob - logprob).max() <= NATS
        assert scores.states is not None
        assert_same_states(scores.states, states)


def called(**asked: Any) -> torch.Tensor:
    """Attention over a pack of two sequences of at most 6 tokens behind a prefix of 2."""
    until = torch.arange(2 * BLOCK)
    until[:4] = 3
    mask = pack_mask(until, None)
    mask.reach = 6
    drawn = torch.randn(3, 1, 2, 2 * BLOCK, 16, generator=torch.Generator().manual_seed(0))
    return attend(torch.nn.Module(), *drawn, mask, **asked)[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"dropout": 0.0},
        {"is_causal": True, "sliding_window": None, "s_aux": None, "position_bias": None},
        {"sliding_window": 6},
        {"sliding_window": 4096, "position_ids": torch.arange(4), "cache_position": torch.arange(4)},
        {"use_cache": True, "output_attentions": False, "cu_seq_lens_q": None},
    ],
)
def test_what_changes_nothing_may_be_asked_of_the_attention(asked: dict[str, Any]) -> None:
    assert torch.equal(called(**asked), called())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sliding_window", 5),
        ("sliding_window", (2, 2)),
        ("sliding_window", torch.tensor(3)),
        ("dropout", 0.1),
        ("is_causal", False),
        ("s_aux", torch.zeros(2)),
        ("sinks", torch.zeros(2)),
        ("position_bias", torch.zeros(1)),
        ("output_attentions", True),
        ("block_indices", torch.zeros(1)),
        ("attention_chunk_size", 4),
        ("cu_seq_lens_q", torch.arange(2)),
        ("a_word_of_tomorrow", "so"),
    ],
)
def test_what_the_attention_does_not_know_is_refused(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"attention over a pack knows of no {name}"):
        called(**{name: value})


@pytest.mark.parametrize("window", [20, 4096])
def test_a_window_within_reach_steps_down_and_a_wider_one_does_not(window: int) -> None:
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    loaded = dataclasses.replace(tiny("gemma3", sliding_window=window), attention="blocks")
    prompts = ragged_prompts(7, seed=8, shared_words=25)
    assert list(loaded.model.config.layer_types) == kinds
    for prompt, scores in zip(prompts, score(loaded, prompts), strict=True):
        assert np.abs(scores.logprob - naive_scores(loaded, prompt)[0]).max() <= NATS
    assert (loaded.packed, loaded.attention) == ((True, "blocks") if window == 4096 else (False, "dense"))


def test_a_process_may_compile_more_kernels_than_torch_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past torch's own limit every pass would go on without a kernel."""
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 8)
    attention._compiled_flex.cache_clear()
    attention._compiled_flex()
    assert torch._dynamo.config.recompile_limit == attention.VARIANTS
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 1000)
    attention._compiled_flex.cache_clear()
    attention._compiled_flex()
    assert torch._dynamo.config.recompile_limit == 1000
