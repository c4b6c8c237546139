"""Dropout by token: masks against splitmix64 in plain integers, their statistics, and who shares them."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from uphill.engine.packing import Branched, lay_out
from uphill.engine.token_dropout import TokenDropout, dropped, mixed, packed_seeds, padded_seeds
from uphill.errors import UphillError

ITEMS = [Branched([5, 6, 7], [[1], [2, 3]]), Branched([8], [[4, 4, 4], [9], [1, 2]])]
PREFIX = [30, 31]


def splitmix64(state: int, steps: int = 0) -> int:
    """The published output function in unsigned arithmetic, `steps` steps of the counter on."""
    state = (state + steps * 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def unsigned(numbers: torch.Tensor) -> list[int]:
    return [int(number) % 2**64 for number in numbers.flatten()]


def test_the_hash_is_splitmix64() -> None:
    # First outputs of the generator seeded with 1234567, from its public test vectors.
    assert [splitmix64(1234567, step) for step in (1, 2, 3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    numbers = np.random.default_rng(0).integers(-(2**63), 2**63, 1000)
    assert unsigned(mixed(torch.tensor(numbers))) == [splitmix64(int(number) % 2**64) for number in numbers]


@pytest.mark.parametrize("width", [1, 4, 7, 64])
def test_a_mask_takes_sixteen_bits_an_entry(width: int) -> None:
    seeds, level = torch.tensor([3, -5, 2**62]), 20_000
    expected = []
    for seed in seeds.tolist():
        words = [splitmix64(seed % 2**64, step) for step in range(1, -(-width // 4) + 1)]
        bits = [word >> shift & 0xFFFF for word in words for shift in (0, 16, 32, 48)][:width]
        # Signed 16-bit numbers below the level's own.
        expected.append([(bit + 2**15) % 2**16 < level for bit in bits])
    assert dropped(seeds, width, level).tolist() == expected


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_entries_are_dropped_at_the_rate_and_independently(rate: float) -> None:
    dropout, width, prefix = TokenDropout(rate), 256, 40
    assert dropout.level / 2**16 == pytest.approx(rate, abs=2**-17)
    items = [Branched([0] * 30, [[0] * 20, [0] * 10])] * 8
    seeds = packed_seeds(77, prefix, range(8), items)
    masks = dropped(seeds, width, dropout.level).double()
    five_sigma = 5 * np.sqrt(rate * (1 - rate))
    assert abs(masks.mean() - rate) < five_sigma / np.sqrt(masks.numel())
    # Each token and each entry by itself, and any two neighbours of either kind or of two maps.
    assert (masks.mean(1) - rate).abs().max() < five_sigma / np.sqrt(width)
    assert (masks.mean(0) - rate).abs().max() < five_sigma / np.sqrt(len(seeds))
    other_map = dropped(mixed(seeds + 1), width, dropout.level).double()
    pairs = [
        (masks[1:], masks[:-1]),
        (masks[:, 1:], masks[:, :-1]),
        (masks, other_map),
        (masks[40:100], masks[100:160]),
    ]
    for left, right in pairs:
        covariance = ((left - rate) * (right - rate)).mean()
        assert abs(covariance) < 5 * rate * (1 - rate) / np.sqrt(left.numel())


def test_a_token_has_one_seed_however_it_is_read() -> None:
    whole = packed_seeds(9, len(PREFIX), [3, 0], ITEMS)
    assert len(whole) == len(lay_out(ITEMS, 0, PREFIX).input_ids)
    assert len(set(whole.tolist())) == len(whole)
    first, second = (packed_seeds(9, len(PREFIX), [row], [item]) for row, item in zip([3, 0], ITEMS, strict=True))
    assert whole.tolist() == [*first.tolist(), *second[len(PREFIX) :].tolist()]
    assert not set(whole.tolist()) & set(packed_seeds(10, len(PREFIX), [3, 0], ITEMS).tolist())
    # One sequence a choice: prefix and question are shared, the choices are not, and 0 pads.
    padded = padded_seeds(second, len(PREFIX), ITEMS[1]).tolist()
    head, tail = second[:3].tolist(), second[3:].tolist()
    assert padded == [[*head, *tail[:3]], [*head, tail[3], 0, 0], [*head, *tail[4:], 0]]


def test_masks_are_of_the_map_and_gradients_pass_them() -> None:
    base = torch.nn.Sequential(torch.nn.Linear(64, 64, bias=False), torch.nn.Linear(64, 64, bias=False))
    model = get_peft_model(base, LoraConfig(r=2, lora_dropout=0.25, target_modules=["0", "1"]))
    dropout = TokenDropout(0.25)
    dropout.install(model)
    first, second = (layer.lora_dropout["default"] for layer in model.base_model.model)
    given = torch.ones(1, 4, 64, requires_grad=True)
    assert first(given) is given
    with dropout.drawn(torch.arange(4)):
        kept, other = first(given), second(given)
        kept.sum().backward()
        assert torch.equal(first(given), kept)
        assert not torch.equal(other, kept)
        # The same rows one after another, as some maps read them.
        assert torch.equal(first(given[0]), kept[0])
        with pytest.raises(UphillError, match="reads 3 rows for 4 tokens"):
            first(given[:, :3])
    assert kept.detach().unique().tolist() == [0, pytest.approx(4 / 3)]
    assert torch.equal(given.grad, kept.detach())
    assert first(given) is given


def test_a_rate_just_below_one_leaves_something() -> None:
    assert [TokenDropout(rate).level for rate in (0, 0.5, 1 - 1e-9)] == [0, 2**15, 2**16 - 1]
