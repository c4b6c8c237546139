"""LoRA adapters: fits that learn, leave the base model as it was, and know nothing of each other."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes.optim.adam import Adam8bit
from engine_models import (
    VOCABULARY,
    naive_scores,
    ragged_prompts,
    sequence_logprobs,
    tiny,
    token_ids,
    words,
    write_model,
)
from numpy.typing import NDArray

from uphill.engine import adapters as adapters_module
from uphill.engine.adapters import Adapters
from uphill.engine.loading import Loaded, load
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.lora_schedule import Schedule, schedule
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError

# Fast and without dropout, so that a toy set is learned in seconds.
QUICK = LoraRecipe(r=4, dropout=0, lr=0.02, epochs=6, batch_items=8)
GOLD_OF = {"w1": 0, "w2": 1, "w3": 2}


def toy(n_items: int = 24, seed: int = 0) -> tuple[list[Prompt], list[int]]:
    """Items whose right choice follows from the last word of the question."""
    rng = np.random.default_rng(seed)
    last = [str(word) for word in rng.choice(list(GOLD_OF), n_items)]
    prompts = [
        Prompt(f"item-{i}", f"w9 w8 {words(rng, 3)} {word}", ["w30", "w31 w32", "w33"]) for i, word in enumerate(last)
    ]
    return prompts, [GOLD_OF[word] for word in last]


def flat(loaded: Loaded, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
    return np.concatenate([scores.logprob for scores in score(loaded, prompts)])


def loss_and_accuracy(loaded: Loaded, prompts: Sequence[Prompt], gold: Sequence[int]) -> tuple[float, float]:
    logprob = [torch.tensor(scores.logprob).log_softmax(0) for scores in score(loaded, prompts)]
    loss = float(np.mean([-float(found[right]) for found, right in zip(logprob, gold, strict=True)]))
    return loss, float(np.mean([int(found.argmax()) == right for found, right in zip(logprob, gold, strict=True)]))


def weights(loaded: Loaded) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in loaded.model.named_parameters()}


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


def naive_loss(loaded: Loaded, prompts: Sequence[Prompt], gold: Sequence[int]) -> torch.Tensor:
    """Mean NLL of the gold choices or of the one text, one plain sequence for each."""
    losses = []
    for prompt, right in zip(prompts, gold, strict=True):
        head = token_ids(prompt.text, bos=True)
        if len(prompt.choices) == 1:
            answer = [*token_ids(prompt.choices[0]), VOCABULARY["</s>"]]
            ids = torch.tensor([[*head, *answer]])
            # transformers' own loss, a mean over the labelled tokens.
            labels = torch.tensor([[-100] * len(head) + answer])
            losses.append(loaded.model(input_ids=ids, labels=labels, use_cache=False).loss * len(answer))
            continue
        choices = [sequence_logprobs(loaded.model, head, token_ids(choice))[0].sum() for choice in prompt.choices]
        losses.append(torch.stack(choices).logsumexp(0) - choices[right])
    return torch.stack(losses).mean()


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
@pytest.mark.parametrize("budget", [4096, 50, 1])
@pytest.mark.parametrize(
    "kind", ["llama", "mistral", "qwen2", "gpt_neox", "gpt2", "mpt", "mistral, sliding", "llama, 4bit"]
)
@pytest.mark.parametrize("texts", [False, True], ids=["choices", "texts"])
def test_gradients_are_those_of_one_sequence_per_choice(
    kind: str, budget: int, texts: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "4bit" in kind:
        loaded = dataclasses.replace(quantized(tmp_path, "4bit"), pack_tokens=budget)
    else:
        loaded = tiny("mistral", budget, sliding_window=8) if "sliding" in kind else tiny(kind, budget)
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
@pytest.mark.parametrize(("quantization", "dtype"), [("8bit", "float32"), ("8bit", "bfloat16"), ("4bit", "float32")])
@pytest.mark.parametrize("schedule_name", ["items", "published"])
def test_fits_on_a_quantized_base(quantization: str, dtype: str, schedule_name: str, tmp_path: Path) -> None:
    loaded = quantized(tmp_path, quantization, dtype)
    prompts, gold = toy()
    adapters = Adapters(loaded, QUICK.model_copy(update={"schedule": schedule_name}))
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


def fitted_weights(loaded: Loaded, recipe: LoraRecipe, adapters: Adapters | None = None) -> dict[str, torch.Tensor]:
    prompts, gold = toy(12)
    with (adapters or Adapters(loaded, recipe)).fitted(prompts, gold, ("memory",)) as fitted:
        return {name: weight for name, weight in weights(fitted).items() if "lora" in name}


def fails(monkeypatch: pytest.MonkeyPatch, times: int, first: int = 3, error: Exception | None = None) -> list[int]:
    """Let the training's forward fail from its call number `first` on, so many times; returns the packs' lengths."""
    forward, lengths = adapters_module.forward, []

    def failing(loaded: Loaded, layout: Any, *rest: Any) -> torch.Tensor:
        lengths.append(len(layout.last_rows))
        if first <= len(lengths) < first + times:
            raise error or torch.OutOfMemoryError("no room")
        return forward(loaded, layout, *rest)

    monkeypatch.setattr(adapters_module, "forward", failing)
    return lengths


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_dropout_is_the_same_in_packs_of_any_size(kind: str) -> None:
    prompts, gold = toy(12)
    # A base model's own dropout would be drawn by pack.
    own = {"resid_pdrop": 0.1, "attn_pdrop": 0.1} if kind == "gpt2" else {}

    def fit(budget: int, dropout: float = 0.2, packed: bool | None = None) -> NDArray[np.float64]:
        loaded = dataclasses.replace(tiny(kind, budget, **own), packed=packed)
        recipe = QUICK.model_copy(update={"dropout": dropout, "target_modules": "all-linear", "lr": 2e-3})
        with Adapters(loaded, recipe).fitted(prompts, gold, ("packs",)) as fitted:
            return flat(fitted, prompts)

    whole = fit(4096)
    without = np.abs(fit(4096, dropout=0.0) - whole).max()
    for other in (fit(50), fit(1), fit(4096, packed=False)):
        # float32 sums in another order: some 1e-5 nats apart.
        assert np.abs(other - whole).max() <= 1e-4
    assert without > 0.1


@pytest.mark.parametrize(("dropout", "schedule_name"), [(0.0, "items"), (0.2, "items"), (0.2, "published")])
def test_a_fit_survives_the_end_of_memory(
    dropout: float, schedule_name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = tiny("llama")
    recipe = QUICK.model_copy(update={"dropout": dropout, "schedule": schedule_name, "batch_sequences": 12, "lr": 1e-3})
    undisturbed = fitted_weights(loaded, recipe)
    adapters = Adapters(loaded, recipe)
    with monkeypatch.context() as patch:
        lengths = fails(patch, times=2)
        found = fitted_weights(loaded, recipe, adapters)
    assert len(caplog.records) == 2
    # A quarter of what was in a pack, from then on.
    assert max(lengths[5:]) <= max(lengths[:2]) // 2
    assert loaded.pack_tokens == 4096
    # Sums in another order: some 3e-8 apart, after steps of up to the learning rate, 1e-3.
    for name, weight in undisturbed.items():
        assert (found[name] - weight).abs().max() <= 1e-6
    assert any((weight != found[name]).any() for name, weight in undisturbed.items())


def test_the_last_resort_is_checkpointing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny("llama", pack_tokens=1)
    recipe = QUICK.model_copy(update={"dropout": 0.2})
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1

    fitted_weights(loaded, recipe)  # with it the check of packing, which is made once
    hook = loaded.model.model.layers[0].self_attn.register_forward_hook(count)
    undisturbed = fitted_weights(loaded, recipe)
    once = passes
    adapters = Adapters(loaded, recipe)
    with monkeypatch.context() as patch:
        fails(patch, times=1)
        found = fitted_weights(loaded, recipe, adapters)
    hook.remove()
    assert "checkpointing" in caplog.text
    # From then on, each layer runs once more for its gradient.
    assert passes - once > 1.8 * once
    assert not loaded.model.is_gradient_checkpointing
    # The same operations on the same numbers.
    assert all(torch.equal(weight, found[name]) for name, weight in undisturbed.items())
    # What was learned about the device holds for the next fit; what does not fit even so is said in one line.
    with monkeypatch.context() as patch:
        fails(patch, times=1)
        with pytest.raises(UphillError, match=r"item of \d+ tokens alone does not fit"):
            fitted_weights(loaded, recipe, adapters)
    assert not any("lora" in name for name in weights(loaded))


def test_a_loss_that_is_no_number_names_the_fit() -> None:
    loaded = tiny("llama")
    prompts, gold = toy(4)
    recipe = QUICK.model_copy(update={"lr": 1e30})
    with (
        pytest.raises(UphillError, match=r"LoRA fit dial/num_steps/easy/0/7: the loss is (nan|inf) at step \d+ of \d+"),
        Adapters(loaded, recipe).fitted(prompts, gold, ("dial", "num_steps", "easy", 0, 7)),
    ):
        pass


@pytest.mark.parametrize(
    ("n_items", "batch", "epochs", "least", "steps"),
    [(160, 16, 3, 10, 30), (5, 16, 3, 10, 10), (20, 16, 3, 10, 10), (33, 16, 3, 10, 12), (16, 16, 1, 1, 1)],
)
def test_epochs_see_each_item_once_in_an_order_of_their_own(
    n_items: int, batch: int, epochs: int, least: int, steps: int
) -> None:
    recipe = LoraRecipe(batch_items=batch, epochs=epochs, min_updates=least)
    planned = schedule(recipe, [4] * n_items, ("key",))
    assert all(len(step) == 1 and step[0].weight == 1 / len(step[0].rows) for step in planned.steps)
    batches = [step[0].rows for step in planned.steps]
    assert len(batches) == steps
    assert max(map(len, batches)) <= batch
    per_epoch = -(-n_items // batch)
    epochs_seen = [batches[first : first + per_epoch] for first in range(0, steps, per_epoch)]
    seen = [[row for rows in epoch for row in rows] for epoch in epochs_seen]
    assert all(sorted(order) == list(range(n_items)) for order in seen)
    assert len({tuple(order) for order in seen}) == len(seen)
    assert planned == schedule(recipe, [4] * n_items, ("key",))
    assert planned != schedule(recipe, [4] * n_items, ("other key",))


# Spec 6.4, the schedules that the code release arrives at:
# items, choices, sequences of a micro-batch, least steps; items of a micro-batch, micro-batches of a step, epochs,
# steps, horizon.
PUBLISHED = [
    *[(160, 4, 36, 10, 9, 5, 3, 10, 12), (160, 4, 12, 10, 3, 16, 3, 10, 12)],
    *[(160, 4, 4, 10, 1, 50, 3, 9, 12), (160, 4, 8, 10, 2, 25, 3, 9, 12)],
    *[(160, 2, 36, 10, 18, 2, 3, 13, 15), (160, 2, 12, 10, 6, 8, 3, 10, 12), (160, 2, 4, 10, 2, 25, 3, 9, 12)],
    *[(160, 1, 36, 150, 36, 1, 38, 190, 190), (160, 1, 12, 150, 12, 4, 38, 133, 152)],
    *[(160, 1, 4, 150, 4, 12, 38, 126, 152)],
    *[(5, 4, 36, 10, 5, 1, 10, 10, 10), (20, 4, 36, 10, 9, 2, 10, 15, 20), (80, 4, 36, 10, 9, 5, 5, 9, 10)],
    *[(340, 4, 36, 10, 9, 5, 3, 22, 24), (900, 4, 36, 10, 9, 5, 3, 60, 60)],
    *[(5, 4, 18, 10, 4, 1, 10, 20, 20), (20, 4, 18, 10, 4, 5, 10, 10, 10), (80, 4, 18, 10, 4, 12, 5, 8, 10)],
    *[(340, 4, 18, 10, 4, 12, 3, 21, 24), (900, 4, 18, 10, 4, 12, 3, 56, 57)],
]


@pytest.mark.parametrize(
    ("n_items", "choices", "room", "least", "micro", "gathered", "epochs", "steps", "horizon"), PUBLISHED
)
def test_the_published_schedule(
    n_items: int,
    choices: int,
    room: int,
    least: int,
    micro: int,
    gathered: int,
    epochs: int,
    steps: int,
    horizon: int,
) -> None:
    recipe = LoraRecipe(schedule="published", batch_sequences=room, min_updates=least)
    planned = schedule(recipe, [choices] * n_items, ("key",))
    assert (len(planned.steps), planned.horizon) == (steps, horizon)
    assert {len(step) for step in planned.steps} == {gathered}
    batches = [batch for step in planned.steps for batch in step]
    # The last batch of an epoch holds what is left; no item comes back before its epoch is over.
    sizes = [min(micro, n_items - first) for first in range(0, n_items, micro)]
    assert [len(batch.rows) for batch in batches] == (sizes * epochs)[: len(batches)]
    assert len(sizes) * epochs - len(batches) < gathered
    flat_rows = [row for batch in batches for row in batch.rows]
    assert all(
        len(set(flat_rows[first : first + n_items])) == len(flat_rows[first : first + n_items])
        for first in range(0, len(flat_rows), n_items)
    )
    # The loss is a mean over items, times the share of the micro-batch's room in use, over the micro-batches of a step.
    for batch in batches:
        used = len(batch.rows) * choices
        assert batch.weight == pytest.approx(used / room / gathered / len(batch.rows), rel=1e-12)


@pytest.mark.parametrize(
    ("taken", "horizon", "fraction"),
    [(10, 12, 0.25), (9, 12, 0.33), (13, 15, 0.22), (190, 190, 0.10), (133, 152, 0.21), (126, 152, 0.25)],
)
def test_the_published_rate_ends_above_a_tenth(taken: int, horizon: int, fraction: float) -> None:
    # Spec 6.4, to its two digits (.325 is given as .33).
    assert Schedule([], horizon).rate(taken) == pytest.approx(fraction, abs=0.0051)


def test_ragged_items_fill_a_published_batch_as_the_longest_would() -> None:
    recipe = LoraRecipe(schedule="published", batch_sequences=12)
    choices = [3, 4, 5, 4] * 10
    planned = schedule(recipe, choices, ("key",))
    for batch in (batch for step in planned.steps for batch in step):
        assert len(batch.rows) == 2
        assert batch.weight == pytest.approx(sum(choices[row] for row in batch.rows) / 12 / len(planned.steps[0]) / 2)


def test_a_published_step_clips_after_each_micro_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of every step, against plain passes, each micro-batch added to what was clipped before."""
    loaded = tiny("llama")
    prompts = ragged_prompts(6, seed=20, shared_words=10)
    gold = [len(prompt.choices) - 1 for prompt in prompts]
    recipe = QUICK.model_copy(
        update={
            "schedule": "published",
            "batch_sequences": 10,
            "clip": 0.3,
            "epochs": 2,
            "target_modules": "all-linear",
        }
    )
    planned = schedule(recipe, [len(prompt.choices) for prompt in prompts], ("clip",))
    assert len(planned.steps[0]) == 3
    step, apart, number = torch.optim.AdamW.step, [], 0

    def compare(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        nonlocal number
        trained = self.param_groups[0]["params"]
        total = [torch.zeros_like(weight) for weight in trained]
        for batch in planned.steps[number]:
            rows = batch.rows
            loss = naive_loss(loaded, [prompts[row] for row in rows], [gold[row] for row in rows])
            added = torch.autograd.grad(loss * len(rows) * batch.weight, trained)
            total = [old + new for old, new in zip(total, added, strict=True)]
            norm = torch.stack([gradient.norm() for gradient in total]).norm()
            total = [gradient * min(1.0, recipe.clip / (float(norm) + 1e-6)) for gradient in total]
        number += 1
        apart.append(max(float((w.grad - g).abs().max()) for w, g in zip(trained, total, strict=True)))
        apart[-1] /= max(float(gradient.abs().max()) for gradient in total)
        assert self.param_groups[0]["lr"] == pytest.approx(recipe.lr * (1 - 0.9 * (number - 1) / planned.horizon))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", compare)
    with Adapters(loaded, recipe).fitted(prompts, gold, ("clip",)):
        pass
    assert number == len(planned.steps) > 1
    # As above: float32 sums in another order.
    assert max(apart) < 1e-4
