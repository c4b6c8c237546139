"""A classifier's head: fits against a plain loop, its start, and that kills and memory move nothing."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from engine_models import tiny, token_ids, words, write_model
from graded import graded
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from test_lora_method import task
from test_text_training import KEY, ROUNDED, Killed, rate, weights

from uphill.engine import text_training
from uphill.engine.classifier import HeadFits
from uphill.engine.head_recipe import HeadRecipe
from uphill.engine.head_trainer import SoftTrainer
from uphill.engine.loading import Loaded, load
from uphill.engine.sizes import body
from uphill.engine.soft_losses import target
from uphill.engine.text_examples import order
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.methods import classifier
from uphill.randomness import keyed_torch_seed

QUICK: dict[str, Any] = {"lr": 0.01, "epochs": 2, "batch_items": 4}
ADAPTER = {"r": 4, "alpha": 8, "dropout": 0.0}


@pytest.fixture
def own(tmp_path: Path) -> Loaded:
    """A model that a test may train."""
    write_model(tmp_path / "model", "llama")
    entry = {"path": str(tmp_path / "model"), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    return load(entry, pack_tokens=64)


def recipe(**changes: Any) -> HeadRecipe:
    return HeadRecipe.model_validate({**QUICK, **changes})


def prompts(reads: str, count: int = 10) -> list[Prompt]:
    """Items of ragged length, of two and three choices where each is read."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(count):
        choices = [words(rng, 1 + number % 3), words(rng, 2), words(rng, 1)][: 2 + number % 2]
        text = words(rng, 3 + number % 5)
        found.append(Prompt(f"i{number}", text, ["w1", "w2"] if reads == "question" else choices))
    return found


def shares(asked: Sequence[Prompt]) -> list[list[float]]:
    rng = np.random.default_rng(2)
    return [rng.dirichlet(np.ones(len(prompt.choices))).tolist() for prompt in asked]


def logits(model: Any, head: torch.Tensor, prompt: Prompt, reads: str) -> torch.Tensor:
    """Of one item, one unpadded sequence at a time."""

    def last(text: str) -> torch.Tensor:
        state: torch.Tensor = body(model)(torch.tensor([token_ids(text, bos=True)])).last_hidden_state[0, -1]
        return state

    if reads == "question":
        return head @ last(prompt.text)
    return torch.stack([head[0] @ last(f"{prompt.text} {choice}") for choice in prompt.choices])


def by_hand(loaded: Loaded, asked: HeadRecipe, key: Sequence[str | int]) -> torch.Tensor:
    """The same fit by a plain loop; the model is left as it was fitted, and the head is given."""
    shown, model = prompts(asked.reads), loaded.model
    labels, width = shares(shown), max(len(prompt.choices) for prompt in shown)
    head = torch.zeros(1 if asked.reads == "choices" else 2, model.config.hidden_size, requires_grad=True)
    trained = [weight for name, weight in model.named_parameters() if weight.requires_grad and "lm_head" not in name]
    optimiser = torch.optim.AdamW([head, *trained], lr=asked.lr, betas=asked.betas, weight_decay=0)
    updates = asked.steps(len(shown))
    rows = order(len(shown), updates * asked.batch_items, key)
    for update in range(updates):
        batch = rows[update * asked.batch_items :][: asked.batch_items]
        found = [logits(model, head, shown[row], asked.reads) for row in batch]
        student, weak = torch.zeros(len(batch), width), torch.zeros(len(batch), width)
        for place, (row, one) in enumerate(zip(batch, found, strict=True)):
            student[place, : len(one)] = one.detach().softmax(0)
            weak[place, : len(one)] = torch.tensor(labels[row])
        aims = target(asked.loss, student, weak, update / updates)
        losses = [-(aim[: len(one)] * one.log_softmax(0)).sum() for aim, one in zip(aims, found, strict=True)]
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()
        for group in optimiser.param_groups:
            group["lr"] = rate(asked, update, updates)
        optimiser.step()
    return head.detach()


def fitted(
    fits: HeadFits, folder: Path, key: Sequence[str | int] = KEY
) -> tuple[NDArray[np.float64], dict[str, torch.Tensor]]:
    """What a fit says of its own items, and all weights while it holds."""
    shown = prompts(fits.recipe.reads)
    with fits.with_head(shown, shares(shown), key, folder) as (log_probabilities, _):
        assert fits._made is not None
        return log_probabilities(shown), {**weights(fits.loaded.model), "head": fits._made.head.weight.detach().clone()}


CASES = [
    ("choices", "xent", None, 4),
    ("choices", "logconf", None, 1),
    ("question", "logconf", None, 4),
    ("question", "product", None, 2),
    ("question", "xent", ADAPTER, 4),
]
"""What is read, the loss, the adapter, and how many items lie side by side of four."""


@pytest.mark.parametrize(("reads", "loss", "adapter", "rows"), CASES)
def test_a_fit_is_that_of_a_plain_loop(
    own: Loaded, reads: Any, loss: Any, adapter: Any, rows: int, tmp_path: Path
) -> None:
    asked = recipe(reads=reads, loss=loss, adapter=adapter)
    fits = HeadFits(own, asked)
    fits.rows = rows
    said, found = fitted(fits, tmp_path / "fit")
    if asked.adapter is not None:
        torch.manual_seed(keyed_torch_seed("finetune", *KEY))
        shape = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        get_peft_model(own.model, shape, low_cpu_mem_usage=False)
    head = by_hand(own, asked, KEY)
    near = {"rtol": 1e-3, "atol": ROUNDED if adapter else ROUNDED / 4}
    assert head.abs().max() > 0
    for name, weight in {**weights(own.model), "head": head}.items():
        torch.testing.assert_close(found[name], weight, **near)
    with torch.no_grad():
        for prompt, row in zip(prompts(reads), said, strict=True):
            one = logits(own.model, head, prompt, reads).log_softmax(0).numpy()
            np.testing.assert_allclose(row[: len(one)], one, atol=5e-2 if adapter else 2e-3)
            assert np.isneginf(row[len(one) :]).all()


def test_a_head_starts_at_zero_and_all_choices_are_as_likely(own: Loaded, tmp_path: Path) -> None:
    said, found = fitted(HeadFits(own, recipe(reads="question", updates=1, lr=1e-30)), tmp_path / "fit")
    np.testing.assert_allclose(np.exp(said), 0.5, atol=1e-9)
    assert found["head"].abs().max() < 1e-25


def test_the_base_is_bit_for_bit_the_same_and_fits_know_nothing_of_each_other(own: Loaded, tmp_path: Path) -> None:
    before, fits = weights(own.model), HeadFits(own, recipe(adapter={**ADAPTER, "dropout": 0.1}))
    found = []
    for key in (("a", 1), ("b", 1), ("a", 1)):
        torch.manual_seed(len(found))  # whatever ran before
        found.append(fitted(fits, tmp_path / "fit", key)[0])
        now = weights(own.model)
        assert list(now) == list(before)
        assert all(torch.equal(now[name], before[name]) for name in before)
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize(
    "adapter",
    [pytest.param(None, marks=pytest.mark.nightly), {**ADAPTER, "dropout": 0.1}],
    ids=["all weights", "adapter"],
)
def test_a_fit_that_was_killed_ends_with_the_same_bytes(
    own: Loaded, adapter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items one by one, so that an update's targets are found anew behind the checkpoint."""
    asked = recipe(adapter=adapter, loss="logconf", reads="question")

    def fit(folder: Path) -> dict[str, torch.Tensor]:
        fits = HeadFits(own, asked)
        fits.rows = 1
        return fitted(fits, folder)[1]

    whole, step = fit(tmp_path / "whole"), SoftTrainer.training_step

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        if self.state.global_step == 3:
            raise Killed
        return step(self, *args, **more)

    monkeypatch.setattr(text_training, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(SoftTrainer, "training_step", dying)
    with pytest.raises(Killed):
        fit(tmp_path / "fit")
    began: list[int] = []

    def watched(self: Any, *args: Any, **more: Any) -> Any:
        began.append(self.state.global_step)
        return step(self, *args, **more)

    monkeypatch.setattr(SoftTrainer, "training_step", watched)
    found = fit(tmp_path / "fit")
    assert min(began) == 3
    assert all(torch.equal(whole[name], found[name]) for name in whole)


def test_what_no_head_can_read_is_refused_by_item(own: Loaded, tmp_path: Path) -> None:
    shown = prompts("question")
    other = [dataclasses.replace(shown[0], item_id="odd", choices=["w1", "w3"])]
    fits = HeadFits(own, recipe(reads="question", updates=1))
    with pytest.raises(UphillError, match=r"item 'odd' has the choices \['w1', 'w3'\], and item 'i0' .*reads: choices"):
        fits.with_head([*shown, *other], shares([*shown, *other]), KEY, tmp_path / "fit").__enter__()
    with (
        fits.with_head(shown, shares(shown), KEY, tmp_path / "fit") as (log_probabilities, _),
        pytest.raises(UphillError, match=r"item 'odd' has the choices \['w1', 'w3'\], expected \['w1', 'w2'\]"),
    ):
        log_probabilities(other)
    long = dataclasses.replace(shown[0], item_id="long", text="w1 " * 300)
    with (
        fits.with_head(shown, shares(shown), KEY, tmp_path / "fit") as (log_probabilities, _),
        pytest.raises(UphillError, match=r"item 'long' has 301 tokens, expected at most 256 .* the model's window"),
    ):
        log_probabilities([long])
    short = HeadFits(own, recipe(max_tokens=6))
    with pytest.raises(UphillError, match=r"item 'i\d' has \d+ tokens, expected at most 6 .* max_tokens"):
        short.with_head(prompts("choices"), shares(prompts("choices")), KEY, tmp_path / "fit").__enter__()


def test_memory_that_ends_while_items_are_asked_costs_smaller_batches(
    own: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits, shown = HeadFits(own, recipe(updates=2)), prompts("choices")
    with fits.with_head(shown, shares(shown), KEY, tmp_path / "fit") as (log_probabilities, _):
        whole, made = log_probabilities(shown), fits._made
        assert made is not None
        forward = type(made).forward

        def tight(self: Any, ids: torch.Tensor, *rest: Any) -> torch.Tensor:
            if len(ids) > 2:
                raise torch.OutOfMemoryError("full")
            return forward(self, ids, *rest)

        monkeypatch.setattr(type(made), "forward", tight)
        np.testing.assert_allclose(log_probabilities(shown), whole, atol=1e-5)


def test_all_weights_of_a_quantized_model_are_not_trained() -> None:
    quantized = dataclasses.replace(tiny(), model=type("Model", (), {"quantization_method": "bitsandbytes"})())
    with pytest.raises(UphillError, match="the model is quantized, expected an adapter"):
        HeadFits(quantized, recipe())


def predicted(folder: Path, soft: list[list[float]] | None = None) -> pd.DataFrame:
    """What the method says of the toy task's first cell; its labels are right ones, or these."""
    context = dataclasses.replace(task(chosen=True), scratch=folder / "unfinished")
    own = context.target
    if soft is not None:
        made = {"answer_text": "unseen", "reasoning": "", "text": None, "origin": "weak"}
        labels = own.items[["answer_idx"]].assign(**made, soft=soft)
        own = dataclasses.replace(own, labels=labels, label_name="mine")
        context = dataclasses.replace(context, target=own, sources=[own])
    settings = classifier.Settings(n_train=30, lr=0.01, batch_items=10, updates=15)
    [(_, frame)] = classifier.predict(context, settings, classifier.cells(context, settings)[:1])
    assert not context.scratch.exists()
    return frame


def test_it_learns_what_labels_say_and_certain_soft_ones_say_what_hard_ones_do(tmp_path: Path) -> None:
    items = task(chosen=True).target.items
    hard = predicted(tmp_path)
    # The model knows nothing of the task; of 40 guesses a third would be right, give or take .075.
    assert graded(hard, items)["correct"].mean() > 0.6
    assert all(np.exp(row).sum() == pytest.approx(1) for row in hard["scores"])
    sure = np.eye(3)[items["answer_idx"].astype(int)]
    pd.testing.assert_frame_equal(predicted(tmp_path, sure.tolist()), hard)
    turned = predicted(tmp_path, np.roll(sure, 1, axis=1).tolist())
    assert graded(turned, items)["correct"].mean() < 0.2


def test_it_needs_choices() -> None:
    assert classifier.misfit(classifier.Settings(), generative=True) == "it needs choices"
    assert classifier.misfit(classifier.Settings(), generative=False) is None
