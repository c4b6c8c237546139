"""Attention in two parts, and draws of tokens, against slow obvious implementations."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_decoding import own_part_slowly
from scipy.stats import chisquare
from transformers import DynamicCache, TemperatureLogitsWarper, TopPLogitsWarper

from uphill.engine import prefix_attention
from uphill.engine.prefix_attention import Slots, Step, attend
from uphill.engine.sampling import Sampling, next_tokens, probabilities


def naive(
    query: Any, keys: Any, values: Any, scaling: float, softcap: float | None, window: int | None, sink: float | None
) -> Any:
    """One query [D], at the last of T places, over keys and values [T, D], in float64."""
    scores = keys @ query * scaling
    if softcap is not None:
        scores = softcap * np.tanh(scores / softcap)
    weights = np.exp(scores)
    if window is not None:
        weights[: max(0, len(weights) - window)] = 0
    return weights / (weights.sum() + (0 if sink is None else np.exp(sink))) @ values


@given(
    rows=st.integers(1, 4),
    groups=st.integers(1, 3),
    shared=st.integers(1, 3),
    prefix=st.integers(0, 6),
    held=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    count=st.integers(1, 4),
    first=st.integers(0, 2),
    softcap=st.sampled_from([None, 1.5]),
    window=st.sampled_from([None, 1, 3, 8]),
    sinks=st.booleans(),
    own_lengths=st.booleans(),
    seed=st.integers(0, 9),
)
def test_two_parts_are_one_attention(
    rows: int,
    groups: int,
    shared: int,
    prefix: int,
    held: list[int],
    count: int,
    first: int,
    softcap: float | None,
    window: int | None,
    sinks: bool,
    own_lengths: bool,
    seed: int,
) -> None:
    """Rows of ragged lengths get a few tokens, then a few more; each sees the prefix and its own, up to itself."""
    size, width = 8, 12
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    cache = None
    before = draw(2, groups, prefix, size)
    if prefix:
        cache = DynamicCache()
        cache.update(torch.tensor(before[:1]), torch.tensor(before[1:]), 0)
    slots = Slots(cache, first + rows, width, own_lengths)
    own = draw(2, rows, groups, width, size)
    module = SimpleNamespace(layer_idx=0)
    sink = draw(groups * shared) if sinks else None
    said = {"softcap": softcap, "sliding_window": window, "s_aux": None if sink is None else torch.tensor(sink)}
    # Row r holds `held[r]` tokens of the 5 that all get, padding beyond; then `count` more.
    lengths = held[:rows]
    for start, more in (([0] * rows, 5), (lengths, count)):
        slots.hold(max(start) + more)
        places = torch.tensor(start)[:, None] + torch.arange(more)
        step = Step(slots, first, places, max(start) + more)
        query = draw(rows, groups * shared, more, size)
        key, value = (
            torch.stack([torch.tensor(part[row][:, start[row] : start[row] + more]) for row in range(rows)])
            for part in own
        )
        with patch.object(prefix_attention, "own_part", own_part_slowly):
            found, _ = attend(module, torch.tensor(query), key, value, None, step=step, scaling=0.7, **said)
        assert found.shape == (rows, more, groups * shared, size)
        for row in range(rows):
            for place in range(more):
                end = start[row] + place + 1
                assert int(step.positions[row, place]) == prefix + end - 1
                for head in range(groups * shared):
                    keys, values = (
                        np.concatenate([before[part][head // shared], own[part][row][head // shared][:end]]).astype(
                            float
                        )
                        for part in (0, 1)
                    )
                    expected = naive(
                        query[row, head, place].astype(float),
                        keys,
                        values,
                        0.7,
                        softcap,
                        window,
                        None if sink is None else sink[head],
                    )
                    # A few sums of products of float32 numbers of about 1.
                    np.testing.assert_allclose(found[row, place, head].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"position_bias": torch.zeros(1)}, "attention with position_bias"),
        ({"alibi": torch.zeros(1), "head_mask": torch.zeros(1)}, "attention with alibi, head_mask"),
        ({"whatever_comes_next": 1.0}, "attention with whatever_comes_next"),
        ({"dropout": 0.1}, "attention with dropout"),
    ],
)
def test_what_the_kernel_does_not_do_is_refused(said: dict[str, Any], message: str) -> None:
    states = torch.zeros(1, 1, 1, 4)
    slots = Slots(None, 1, 4)
    slots.hold(4)
    step = Step(slots, 0, torch.zeros(1, 1, dtype=torch.long), 4)
    attend(SimpleNamespace(layer_idx=0), states, states, states, None, step=step, position_bias=None, dropout=0.0)
    with pytest.raises(ValueError, match=message):
        attend(SimpleNamespace(layer_idx=0), states, states, states, None, step=step, **said)


def test_rows_are_copied_all_at_once() -> None:
    """The last two rows swap places."""
    slots = Slots(None, 3, 2)
    slots.hold(2)
    keys, _ = slots.layer(0, torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    keys[:, 0, :, 0] = torch.tensor([[1.0, 2], [3, 4], [5, 6]])
    slots.copy([2, 1], [1, 2])
    assert keys[:, 0, :, 0].tolist() == [[1, 2], [5, 6], [3, 4]]


@given(widths=st.lists(st.integers(1, 60), min_size=1, max_size=12), limit=st.integers(60, 90))
def test_room_follows_what_rows_hold(widths: list[int], limit: int) -> None:
    """What was held stays; room is never less than asked for, the limit at most, and little more than was needed."""
    before = prefix_attention.FIRST_ROOM
    prefix_attention.FIRST_ROOM = 4
    try:
        slots = Slots(None, 2, limit)
        kept = torch.zeros(2, 1, 0, 1)
        for width in widths:
            had = slots.room
            moved = slots.hold(width)
            assert moved == (slots.room > had > 0)
            assert max(width, had) <= slots.room <= min(limit, max(4, width, had + had // 2))
            keys, values = slots.layer(0, torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
            assert keys.shape == values.shape == (2, 1, slots.room, 1)
            assert torch.equal(keys[:, :, : kept.shape[2]], kept)
            keys[:, :, kept.shape[2] : width] = torch.rand(2, 1, max(0, width - kept.shape[2]), 1)
            kept = keys[:, :, : max(width, kept.shape[2])].clone()
    finally:
        prefix_attention.FIRST_ROOM = before


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [0.1, 0.6, 0.95, 1.0])
def test_probabilities_are_those_of_transformers(temperature: float, top_p: float) -> None:
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(0)) * 3
    warped = TopPLogitsWarper(top_p)(None, TemperatureLogitsWarper(temperature)(None, logits)).softmax(-1)
    found = probabilities(logits, Sampling(temperature, top_p))
    torch.testing.assert_close(found / found.sum(-1, keepdim=True), warped)


def test_tokens_come_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([[1.0, 0.0, -torch.inf, 2.0, -1.0, 1.5]])
    sampling = Sampling(temperature=1.0, top_p=0.95, key=("often",))
    count = 4000
    generators = [sampling.generator("item", answer) for answer in range(count)]
    drawn = next_tokens(logits.expand(count, -1), sampling, generators)
    seen = np.bincount(drawn.numpy(), minlength=6)
    expected = probabilities(logits, sampling)[0].double().numpy()
    assert (expected > 0).tolist() == [True, True, False, True, False, True]
    assert seen[expected == 0].sum() == 0
    kept = expected > 0
    assert chisquare(seen[kept], expected[kept] / expected.sum() * count).pvalue > 0.01


def test_the_likeliest_token_is_taken_and_no_number_is_told() -> None:
    logits = torch.tensor([[0.0, 2.0, -torch.inf], [0.0, torch.nan, 1.0], [torch.inf, 0.0, 1.0]])
    for sampling in (Sampling(temperature=0), Sampling(top_p=0.01)):
        generators = [sampling.generator("item", number) for number in range(3)]
        assert next_tokens(logits, sampling, generators).tolist() == [1, -1, -1]
