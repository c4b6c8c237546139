"""LoRA adapters: fits that learn, leave the base model as it was, and know nothing of each other."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import VOCABULARY, naive_scores, ragged_prompts, sequence_logprobs, tiny, token_ids, words
from numpy.typing import NDArray

from uphill.engine.adapters import Adapters, _batches
from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt

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
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "gpt_neox", "gpt2", "mpt", "mistral, sliding"])
@pytest.mark.parametrize("texts", [False, True], ids=["choices", "texts"])
def test_gradients_are_those_of_one_sequence_per_choice(
    kind: str, budget: int, texts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize(
    ("n_items", "batch", "epochs", "least", "steps"),
    [(160, 16, 3, 10, 30), (5, 16, 3, 10, 10), (20, 16, 3, 10, 10), (33, 16, 3, 10, 12), (16, 16, 1, 1, 1)],
)
def test_epochs_see_each_item_once_in_an_order_of_their_own(
    n_items: int, batch: int, epochs: int, least: int, steps: int
) -> None:
    recipe = LoraRecipe(batch_items=batch, epochs=epochs, min_updates=least)
    batches = list(_batches(n_items, recipe, ("key",)))
    assert len(batches) == steps
    assert max(map(len, batches)) <= batch
    per_epoch = -(-n_items // batch)
    epochs_seen = [batches[first : first + per_epoch] for first in range(0, steps, per_epoch)]
    seen = [[row for rows in epoch for row in rows] for epoch in epochs_seen]
    assert all(sorted(order) == list(range(n_items)) for order in seen)
    assert len({tuple(order) for order in seen}) == len(seen)
    assert batches == list(_batches(n_items, recipe, ("key",)))
    assert batches != list(_batches(n_items, recipe, ("other key",)))
