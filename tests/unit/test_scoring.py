"""Scoring: a packed pass gives what one plain sequence for each choice gives, and says so when it cannot."""

import logging
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from covering import covering, few
from engine_models import (
    BLOCKS,
    PACKABLE,
    VOCABULARY,
    WINDOW,
    WORDS,
    assert_same_states,
    met_before,
    naive_scores,
    ragged_prompts,
    tiny,
    words,
    write_model,
)
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm
from transformers import AttentionInterface, AutoModelForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.gemma2.modeling_gemma2 import Gemma2PreTrainedModel
from transformers.quantizers import quantizer_bnb_4bit, quantizer_bnb_8bit

from uphill.engine import scoring
from uphill.engine.hidden import KeptLayers, default_layers
from uphill.engine.loading import Loaded, load
from uphill.engine.padded import padded
from uphill.engine.scoring import Scores, score
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError

# Summed log-probabilities here are some tens of nats; float32 sums of them in another order differ by some 1e-5, a
# wrong mask or position by whole nats.
NATS = 1e-4
SHARED = {"few-shot": 40, "BOS only": 0}


def assert_as_naive(loaded: Loaded, prompts: list[Prompt], found: list[Scores], bos: bool = True) -> None:
    assert [scores.item_id for scores in found] == [prompt.item_id for prompt in prompts]
    for prompt, scores in zip(prompts, found, strict=True):
        expected, _ = naive_scores(loaded, prompt, bos=bos)
        assert np.abs(scores.logprob - expected).max() <= NATS
        assert scores.n_tokens.tolist() == [len(choice.split()) for choice in prompt.choices]


@covering(kind=PACKABLE, shared=[*SHARED.values()], budget=[1, 60, 4096])
def test_packed_scores_equal_one_sequence_per_choice(kind: str, shared: int, budget: int) -> None:
    loaded = met_before(tiny(kind, pack_tokens=budget), "packed")
    prompts = ragged_prompts(9, shared_words=shared)
    found = list(score(loaded, prompts))
    assert loaded.packed is True
    assert_as_naive(loaded, prompts, found)
    assert all(scores.states is None for scores in found)


PROPERTY_MODELS = ("llama", pytest.param("mistral", marks=pytest.mark.nightly), "gemma2", "gpt2", "mpt")
"""Rotary and learned positions, ALiBi, windows beside whole attention; at night windows alone."""


@few()
@given(data=st.data(), shared=st.integers(0, 30), budget=st.integers(1, 300))
@pytest.mark.parametrize("kind", PROPERTY_MODELS)
def test_any_items_give_what_one_sequence_per_choice_gives(
    kind: str, data: st.DataObject, shared: int, budget: int
) -> None:
    word, lengths = st.sampled_from(WORDS[:5]), st.integers(1, 60)
    text = st.builds(lambda start, count: " ".join([*start, *(WORDS[:5] * 12)][:count]), st.lists(word), lengths)
    short = st.lists(word, min_size=1, max_size=8).map(" ".join)
    asked = data.draw(st.lists(st.tuples(text, st.lists(short, min_size=1, max_size=6)), min_size=1, max_size=5))
    before = " ".join(WORDS[-1:] * shared)
    prompts = [Prompt(f"item-{i}", f"{before} {question}", choices) for i, (question, choices) in enumerate(asked)]
    loaded = met_before(tiny(kind, pack_tokens=budget), "any items")
    found = list(score(loaded, prompts, [1, BLOCKS]))
    assert loaded.packed is (kind != "mpt")
    assert_as_naive(loaded, prompts, found)
    for prompt, scores in zip(prompts, found, strict=True):
        assert scores.states is not None
        assert_same_states(scores.states, naive_scores(loaded, prompt, [1, BLOCKS])[1])


@pytest.mark.parametrize("kind", PACKABLE)
def test_states_are_those_that_transformers_gives(kind: str) -> None:
    loaded = met_before(tiny(kind), "states")
    layers = [1, *default_layers(BLOCKS)]
    prompts = ragged_prompts(5, seed=1, shared_words=10)
    for prompt, scores in zip(prompts, score(loaded, prompts, layers), strict=True):
        _, expected = naive_scores(loaded, prompt, layers)
        assert scores.states is not None
        assert scores.states.dtype == np.float16
        assert_same_states(scores.states, expected)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mpt"])
def test_layer_zero_is_what_the_first_block_reads(kind: str) -> None:
    loaded = met_before(tiny(kind), "states")
    prompts = ragged_prompts(3, seed=2)
    for prompt, scores in zip(prompts, score(loaded, prompts, [0]), strict=True):
        assert scores.states is not None
        assert_same_states(scores.states, naive_scores(loaded, prompt, [0])[1])


def test_default_layers_are_the_published_two() -> None:
    assert [default_layers(blocks) for blocks in (32, 40, 80)] == [[17, 32], [21, 40], [41, 80]]


def test_layers_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match=f"from 0 to {BLOCKS}"):
        KeptLayers(tiny().model, [BLOCKS + 1])


@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED.keys())
def test_no_bos(shared: int) -> None:
    loaded = tiny("qwen2", pack_tokens=60, bos=False)
    prompts = ragged_prompts(6, seed=3, shared_words=shared)
    found = list(score(loaded, prompts))
    assert loaded.packed is True
    assert_as_naive(loaded, prompts, found, bos=False)


def test_one_item_and_no_item() -> None:
    loaded = tiny()
    assert list(score(loaded, [])) == []
    prompts = ragged_prompts(1)
    assert_as_naive(loaded, prompts, list(score(loaded, prompts)))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_padded_scores_and_states_equal_one_sequence_per_choice(kind: str) -> None:
    loaded = tiny(kind)
    prompts = ragged_prompts(5, seed=4, shared_words=8)
    layers = default_layers(BLOCKS)
    with torch.inference_mode(), KeptLayers(loaded.model, layers) as kept:
        found = list(padded(loaded, *encode_items(loaded, prompts), kept))
    for prompt, (logprob, states, *_) in zip(prompts, found, strict=True):
        expected, expected_states = naive_scores(loaded, prompt, layers)
        assert np.abs(logprob - expected).max() <= NATS
        assert states is not None
        assert_same_states(states, expected_states)


def test_a_pack_whose_mask_would_be_too_large_is_read_without_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a prompt of many thousand tokens on a CPU: its mask grows with the square, a plain pass has none."""
    prompts = ragged_prompts(5, shared_words=8)
    monkeypatch.setattr("uphill.engine.choosing.MOST_MASK", 1000)
    loaded = tiny()
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, prompts))
    assert loaded.packed is False
    assert "a pack's mask would take" in caplog.text
    assert_as_naive(loaded, prompts, found)


def test_alibi_takes_the_padded_path(caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny("mpt")
    prompts = ragged_prompts(5, seed=5, shared_words=8)
    layers = default_layers(BLOCKS)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, prompts, layers))
    assert loaded.packed is False
    assert "padded path" in caplog.text
    assert_as_naive(loaded, prompts, found)
    for prompt, scores in zip(prompts, found, strict=True):
        assert scores.states is not None
        assert_same_states(scores.states, naive_scores(loaded, prompt, layers)[1])


def test_no_sliding_window() -> None:
    loaded = tiny("mistral", sliding_window=None)
    prompts = ragged_prompts(4, seed=6, shared_words=30)
    assert_as_naive(loaded, prompts, list(score(loaded, prompts)))
    assert loaded.packed is True


@pytest.mark.parametrize("first", ["short", "long"])
def test_prompts_longer_than_a_sliding_window_take_the_padded_path(
    first: str, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = tiny("mistral", sliding_window=24)
    short, long = ragged_prompts(4, seed=6), ragged_prompts(4, seed=6, shared_words=30)
    # A model that was seen to pack short prompts is still right on long ones, and the other way round.
    for prompts in (short, long) if first == "short" else (long, short):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="uphill"):
            assert_as_naive(loaded, prompts, list(score(loaded, prompts)))
        assert ("sliding window of 24" in caplog.text) == (prompts is long)
        assert loaded.packed is (prompts is short)


def raising_once(forward: Callable[..., Any], error: Exception, when: Callable[[torch.Tensor], bool]) -> Any:
    """`forward` that raises `error` at the first input that `when` picks; `raised` counts."""

    def patched(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if args else next(value for value in kwargs.values() if isinstance(value, torch.Tensor))
        if not patched.raised and when(given):  # type: ignore[attr-defined]
            patched.raised += 1  # type: ignore[attr-defined]
            raise error
        return forward(*args, **kwargs)

    patched.raised = 0  # type: ignore[attr-defined]
    return patched


# In the whole model, before anything is cached, and in the first block, which alone has cached the pack.
@pytest.mark.parametrize("place", ["model", "first block"])
@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED.keys())
def test_out_of_memory_halves_the_pack(
    place: str, shared: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = tiny("llama")
    loaded.packed = True
    prompts = ragged_prompts(8, seed=7, shared_words=shared)
    module = loaded.model.model if place == "model" else loaded.model.model.layers[0].mlp
    # Longer than the prefix, which is read first.
    forward = raising_once(module.forward, torch.OutOfMemoryError("full"), lambda given: given.shape[1] > shared + 1)
    monkeypatch.setattr(module, "forward", forward)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, prompts))
    assert forward.raised == 1
    assert loaded.pack_tokens <= 2048
    assert "halving" in caplog.text
    assert_as_naive(loaded, prompts, found)


def test_the_budget_settles_at_what_the_device_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    loaded.packed = True
    prompts = [
        Prompt(f"item-{i}", words(np.random.default_rng(i), 10), ["w1 w3 w4 w5 w6", "w2 w3 w4 w5 w6"])
        for i in range(40)
    ]
    # 18 tokens of each item are read (the BOS is in the prefix, no choice's last token scores); the device holds 110.
    loaded.pack_tokens = 400
    forward = loaded.model.model.forward
    failures: list[int] = []
    passes: list[int] = []

    def limited(*args: Any, **kwargs: Any) -> Any:
        tokens = kwargs["input_ids"].shape[1]
        (failures if tokens > 110 else passes).append(tokens)
        if tokens > 110:
            raise torch.OutOfMemoryError("full")
        return forward(*args, **kwargs)

    monkeypatch.setattr(loaded.model.model, "forward", limited)
    found = list(score(loaded, prompts))
    monkeypatch.undo()
    assert_as_naive(loaded, prompts, found)
    # 22 items and the half of them fail; 5 fit, and the budget stays for this call and the next.
    assert loaded.pack_tokens == 99
    assert failures == [22 * 18, 11 * 18]
    assert passes == [1] + [5 * 18] * 8


def test_an_item_too_large_alone_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    loaded.packed = True

    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(loaded.model.model.layers[0].mlp, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        list(score(loaded, ragged_prompts(3)))


def test_logits_that_are_no_numbers_name_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    head = loaded.model.lm_head.forward
    monkeypatch.setattr(loaded.model.lm_head, "forward", lambda rows: head(rows) * torch.nan)
    with pytest.raises(UphillError, match=r"'item-0'.*finite"):
        list(score(loaded, ragged_prompts(3)))


@pytest.mark.parametrize("kind", ["llama", "mpt"])
def test_an_impossible_answer_names_its_item(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny(kind)
    prompts = [Prompt("fine", "w1 w2", ["w3", "w4"]), Prompt("also fine", "w3", ["w6"]), Prompt("odd", "w2", ["w5 w7"])]
    head = loaded.model.lm_head.forward

    def without_w7(rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = head(rows)
        return logits.index_fill(-1, torch.tensor([VOCABULARY["w7"]]), -torch.inf)

    monkeypatch.setattr(loaded.model.lm_head, "forward", without_w7)
    scores = score(loaded, prompts)
    assert [next(scores).item_id, next(scores).item_id] == ["fine", "also fine"]
    with pytest.raises(UphillError, match=r"'odd'.*finite"):
        next(scores)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mpt"])
def test_a_prompt_over_the_window_names_its_item(kind: str) -> None:
    loaded = tiny(kind)
    # BOS, text and the longest choice: exactly the window, then one more.
    text = words(np.random.default_rng(0), WINDOW - 3)
    fits = Prompt("fits", text, ["w1 w2", "w3"])
    (scores,) = score(loaded, [fits])
    assert np.isfinite(scores.logprob).all()
    with pytest.raises(UphillError, match=rf"'long'.*{WINDOW + 1} tokens.*{WINDOW}"):
        list(score(loaded, [fits, Prompt("long", text, ["w3", "w1 w2 w4"])]))


def test_a_choice_without_a_token_names_its_item() -> None:
    with pytest.raises(UphillError, match=r"'blank'.*no token"):
        list(score(tiny(), [Prompt("fine", "w1", ["w2"]), Prompt("blank", "w1", ["w2", "  "])]))


@pytest.mark.parametrize("kind", ["llama", "mpt"])
def test_a_pass_ends_with_what_it_read(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny(kind, pack_tokens=60)
    prompts = [Prompt(f"item-{i}", f"w1 w2 w3 w4 {word}", ["w5 w6", "w7 w8 w9"]) for i, word in enumerate(WORDS[:10])]
    with caplog.at_level(logging.INFO, logger="uphill"):
        list(score(loaded, prompts, desc="shard"))
    # BOS and four words once; the last word, and of each choice what comes before its last token.
    read = {"llama": 5 + 10 * (1 + 1 + 2), "mpt": 10 * (8 + 9)}[kind]
    counts = f"{read} tokens read; one sequence for each choice has 170, {170 / read:.1f} times as many"
    assert re.fullmatch(rf"shard: 10 items, {counts}; peak memory \d\.\d GiB", caplog.records[-1].getMessage())


def test_the_bar_shows_items_and_tokens_a_second(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(scoring, "tqdm", partial(tqdm, file=sys.stderr, mininterval=0))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(score(tiny(), ragged_prompts(4), desc="asking"))
    shown = capsys.readouterr().err
    assert re.search(r"asking: 100%.*4/4 .*item/s, \d+ tokens/s\]", shown)


def test_a_tokenizer_without_pad_is_no_matter() -> None:
    loaded = tiny("mpt")
    assert loaded.tokenizer.pad_token_id is None
    prompts = ragged_prompts(3)
    assert_as_naive(loaded, prompts, list(score(loaded, prompts)))


def test_attention_scores_are_capped_where_transformers_would_leave_the_cap_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, "gemma2")
    entry = {"path": str(tmp_path), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    ids = torch.arange(4, 24)[None]
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")(ids).logits
        # As transformers 5.17 had it.
        monkeypatch.setattr(Gemma2PreTrainedModel, "_supports_sdpa", True)
        monkeypatch.setitem(
            AttentionInterface._global_mapping,
            "sdpa",
            lambda *args, softcap=None, **kwargs: sdpa_attention_forward(*args, **kwargs),
        )
        uncapped = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="sdpa")(ids).logits
        loaded = load(entry, 1).model(ids).logits
    assert (uncapped - plain).abs().max() > 0.1
    assert (loaded - plain).abs().max() < 1e-4


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_a_quantization_without_its_library_is_refused(
    quantization: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, "llama")
    for module in (quantizer_bnb_8bit, quantizer_bnb_4bit):
        monkeypatch.setattr(module, "is_bitsandbytes_available", lambda: False)
    entry = {"path": str(tmp_path), "dtype": "float32", "quantization": quantization, "trust_remote_code": False}
    with pytest.raises(UphillError, match=rf"cannot be loaded in {quantization}: .*bitsandbytes"):
        load(entry, 1)


def test_a_quantization_without_a_kernel_is_refused_before_the_first_item(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")

    def no_kernel(rows: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("int8 on this device")

    monkeypatch.setattr(loaded.model.lm_head, "forward", no_kernel)
    with pytest.raises(UphillError, match="this machine cannot run the model: NotImplementedError: int8 on this"):
        next(score(loaded, ragged_prompts(3)))


def test_a_folder_without_a_model_is_refused(tmp_path: Any) -> None:
    entry = {"path": str(tmp_path), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    with pytest.raises(UphillError, match=r"config\.json"):
        load(entry, 1)


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Any) -> None:
    write_model(tmp_path, "llama")
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    entry = {"path": str(tmp_path), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    with pytest.raises(UphillError, match="cannot be loaded"):
        load(entry, 1)
