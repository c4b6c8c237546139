"""LoRA adapters: fits that learn, leave the base model as it was, and know nothing of each other."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes.optim.adam import Adam8bit
from covering import covering
from engine_models import (
    met_before,
    naive_scores,
    ragged_prompts,
    tiny,
    write_model,
)
from lora_sets import QUICK, flat, loss_and_accuracy, naive_loss, toy, weights
from numpy.typing import NDArray

from uphill.engine.adapters import Adapters
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError


@pytest.mark.parametrize("kind", ["llama", "gpt_neox", "gpt2"])
def test_a_fit_learns_its_training_set(kind: str) -> None:
    loaded = tiny(kind)
    prompts, gold = toy()
    loss_before, accuracy_before = loss_and_accuracy(loaded, prompts, gold)
    with Adapters(loaded, QUICK).fitted(prompts, gold, ("toy",)) as fitted:
        loss, accuracy = loss_and_accuracy(fitted, prompts, gold)
    assert loss < 0.5 * loss_before
    assert accuracy > accuracy_before
    # Chance is 1/3; two of three words told apart would be 2/3.
    assert accuracy > 0.7


def test_the_base_model_is_bit_for_bit_the_same_afterwards() -> None:
    loaded = tiny("llama")
    prompts, gold = toy(8)
    scores, before = flat(loaded, prompts), weights(loaded)
    with Adapters(loaded, QUICK).fitted(prompts, gold, ("one",)) as fitted:
        assert not fitted.model.training
        assert (flat(fitted, prompts) != scores).any()
    assert np.array_equal(flat(loaded, prompts), scores)
    assert not loaded.model.training
    after = weights(loaded)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_base_model_comes_back_after_an_error() -> None:
    loaded = tiny("llama")
    prompts, gold = toy(4)
    scores = flat(loaded, prompts)
    adapters = Adapters(loaded, QUICK)
    with pytest.raises(RuntimeError, match="stop"), adapters.fitted(prompts, gold, ("one",)):
        raise RuntimeError("stop")
    with pytest.raises(IndexError), adapters.fitted(prompts, [7] * 4, ("one",)):
        pass
    assert np.array_equal(flat(loaded, prompts), scores)


def test_fits_do_not_influence_each_other() -> None:
    loaded = tiny("llama")
    prompts, gold = toy(12)
    others, other_gold = toy(12, seed=5)
    recipe = QUICK.model_copy(update={"dropout": 0.2})

    def fit(adapters: Adapters, key: str, items: list[Prompt], right: list[int]) -> NDArray[np.float64]:
        with adapters.fitted(items, right, (key, 1)) as fitted:
            return flat(fitted, prompts)

    adapters = Adapters(loaded, recipe)
    first = fit(adapters, "a", prompts, gold)
    other = fit(adapters, "b", others, other_gold)
    again = fit(adapters, "a", prompts, gold)
    fresh = fit(Adapters(loaded, recipe), "a", prompts, gold)
    assert np.array_equal(first, again)
    assert np.array_equal(first, fresh)
    assert not np.array_equal(first, other)
    # The key decides the weights and the order, whatever the global generator stands at.
    torch.manual_seed(99)
    assert np.array_equal(first, fit(adapters, "a", prompts, gold))
    assert not np.array_equal(first, fit(adapters, "c", prompts, gold))


def one_text(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The same questions, each with one gold text behind it."""
    return [dataclasses.replace(prompt, choices=prompt.choices[-1:]) for prompt in prompts]


def nats_of_gold(loaded: Loaded, prompts: Sequence[Prompt]) -> float:
    """Mean summed log-probability of the first choice."""
    return float(np.mean([scores.logprob[0] for scores in score(loaded, prompts)]))


@pytest.mark.parametrize("kind", ["llama", "mpt"])
def test_a_fit_to_single_texts_makes_them_likely(kind: str) -> None:
    loaded = tiny(kind)
    prompts, gold = toy(12)
    # Fit to tell apart what no choice tells apart: the text that follows each question.
    texts = [
        Prompt(prompt.item_id, prompt.text, [f"w{20 + right} w5 {prompt.choices[right]}"])
        for prompt, right in zip(prompts, gold, strict=True)
    ]
    ended = [dataclasses.replace(text, choices=[f"{text.choices[0]}</s>"]) for text in texts]
    before, ended_before = nats_of_gold(loaded, texts), nats_of_gold(loaded, ended)
    with Adapters(loaded, QUICK).fitted(texts, [0] * len(texts), ("texts",)) as fitted:
        after, ended_after = nats_of_gold(fitted, texts), nats_of_gold(fitted, ended)
    assert after > before / 2
    # Having said the text, the model stops more readily: half the nats of EOS behind it.
    assert ended_after - after > (ended_before - before) / 2


# One pack for the whole step, and gradients summed over many packs; MPT and a sliding window are not packed at all.
@covering(
    strength=1,
    kind=["llama", "mistral", "qwen2", "gpt_neox", "gpt2", "mpt", "mistral, sliding", "llama, 4bit"],
    budget=[4096, 50, 1],
    texts=[False, True],
)
def test_gradients_are_those_of_one_sequence_per_choice(
    kind: str, budget: int, texts: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "4bit" in kind:
        loaded = dataclasses.replace(quantized(tmp_path, "4bit"), pack_tokens=budget)
    else:
        loaded = tiny("mistral", budget, sliding_window=8) if "sliding" in kind else tiny(kind, budget)
        loaded = met_before(loaded, "gradients")
    # Among those with choices are some with one text.
    prompts = ragged_prompts(6, seed=20, shared_words=10)
    prompts = one_text(prompts) if texts else prompts
    assert texts or {1} < {len(prompt.choices) for prompt in prompts}
    gold = [len(prompt.choices) - 1 for prompt in prompts]
    clip, apart = torch.nn.utils.clip_grad_norm_, []

    def compare(trained: list[torch.Tensor], largest: float) -> Any:
        """Called where the step's gradient is complete, with the weights it was computed at."""
        expected = torch.autograd.grad(naive_loss(loaded, prompts, gold), trained)
        scale = max(float(gradient.abs().max()) for gradient in expected)
        for weight, gradient in zip(trained, expected, strict=True):
            assert weight.grad is not None
            apart.append(float((weight.grad - gradient).abs().max()) / scale)
        return clip(trained, largest)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", compare)
    # Steps of the whole set; from the second on, both halves of each adapter have a gradient.
    recipe = QUICK.model_copy(update={"epochs": 3, "min_updates": 1, "target_modules": "all-linear"})
    with Adapters(loaded, recipe).fitted(prompts, gold, ("gradient",)):
        pass
    # Three blocks of at least one adapted map, two matrices each. float32 sums in another order: some 1e-6 apart.
    assert len(apart) >= 3 * 3 * 2
    assert max(apart) < 1e-4


def test_an_adapted_model_scores_as_one_sequence_per_choice() -> None:
    loaded = tiny("llama", pack_tokens=60)
    prompts, gold = toy(8)
    with Adapters(loaded, QUICK).fitted(prompts, gold, ("toy",)) as fitted:
        for prompt, scores in zip(prompts, score(fitted, prompts), strict=True):
            # As in test_scoring: rounding moves a score by some 1e-5 nats.
            assert np.abs(scores.logprob - naive_scores(fitted, prompt)[0]).max() <= 1e-4


def test_the_rate_falls_linearly_to_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        assert self.param_groups[0]["weight_decay"] == QUICK.weight_decay
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    prompts, gold = toy(10)
    recipe = QUICK.model_copy(update={"batch_items": 5, "epochs": 3, "min_updates": 1})
    with Adapters(tiny("llama"), recipe).fitted(prompts, gold, ("rate",)):
        pass
    np.testing.assert_allclose(rates, np.linspace(QUICK.lr, QUICK.lr / 10, 6), rtol=1e-9)


def quantized(folder: Path, quantization: str, dtype: str = "float32") -> Loaded:
    """A Llama of 8-bit or 4-bit maps, whose input has no outliers that LLM.int8 would set apart."""
    write_model(folder, "llama", hidden_size=64, intermediate_size=128, initializer_range=0.15)
    return load({"path": str(folder), "dtype": dtype, "quantization": quantization, "trust_remote_code": False}, 4096)


# bitsandbytes runs both on a CPU. LLM.int8 computes in float16 whatever the type: in float32 it is scored padded.
@covering(strength=1, base=[("8bit", "float32"), ("8bit", "bfloat16"), ("4bit", "float32")], by=["items", "published"])
def test_fits_on_a_quantized_base(base: tuple[str, str], by: str, tmp_path: Path) -> None:
    loaded = quantized(tmp_path, *base)
    prompts, gold = toy()
    adapters = Adapters(loaded, QUICK.model_copy(update={"schedule": by}))
    scores, before = flat(loaded, prompts), weights(loaded)
    assert {weight.dtype for weight in before.values()} & {torch.int8, torch.uint8}
    loss_before, _ = loss_and_accuracy(loaded, prompts, gold)
    for _ in range(2):
        with adapters.fitted(prompts, gold, ("toy",)) as fitted:
            loss, accuracy = loss_and_accuracy(fitted, prompts, gold)
        assert loss < 0.7 * loss_before
        assert accuracy > 0.5
    after = weights(loaded)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert np.array_equal(flat(loaded, prompts), scores)


def test_4_bit_weights_that_gradients_cannot_pass_are_refused(tmp_path: Path) -> None:
    loaded = quantized(tmp_path, "4bit")
    prompts, _ = toy(4)
    flat(loaded, prompts)
    if not any(getattr(module, "support_avx512bf16_for_cpu", False) for module in loaded.model.modules()):
        pytest.skip("bitsandbytes rearranges 4-bit weights on CPUs with AVX512-BF16 only")
    with pytest.raises(UphillError, match="expected one just loaded"):
        Adapters(loaded, QUICK)


@pytest.mark.parametrize(
    ("quantization", "schedule_name", "expected"),
    [("8bit", "published", "Adam8bit"), ("8bit", "items", "AdamW"), ("4bit", "published", "AdamW")],
)
def test_an_8_bit_base_is_published_with_8_bit_adam(
    quantization: str, schedule_name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    for optimiser in (torch.optim.AdamW, Adam8bit):
        step = optimiser.step

        def spy(self: Any, *args: Any, step: Any = step, **kwargs: Any) -> Any:
            assert self.param_groups[0]["weight_decay"] == QUICK.weight_decay
            taken.append(type(self).__name__)
            return step(self, *args, **kwargs)

        monkeypatch.setattr(optimiser, "step", spy)
    prompts, gold = toy(4)
    loaded = quantized(tmp_path, quantization)
    with Adapters(loaded, QUICK.model_copy(update={"schedule": schedule_name})).fitted(prompts, gold, ("k",)):
        pass
    assert set(taken) == {expected}


def test_a_loss_that_is_no_number_names_the_fit() -> None:
    loaded = tiny("llama")
    prompts, gold = toy(4)
    recipe = QUICK.model_copy(update={"lr": 1e30})
    with (
        pytest.raises(UphillError, match=r"LoRA fit dial/num_steps/easy/0/7: the loss is (nan|inf) at step \d+ of \d+"),
        Adapters(loaded, recipe).fitted(prompts, gold, ("dial", "num_steps", "easy", 0, 7)),
    ):
        pass
