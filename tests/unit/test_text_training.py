"""Fine-tuning on text: what is learned, by which steps, and that fits know nothing of each other or of a kill."""

import dataclasses
import math
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from covering import covering
from engine_models import VOCABULARY, tiny, words, write_model
from peft import LoraConfig, get_peft_model
from pydantic import ValidationError

from uphill.engine import text_training, trainer
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.text_examples import Example, ending, examples, order
from uphill.engine.text_recipe import TextRecipe
from uphill.engine.text_training import TextFits
from uphill.engine.tokens import Prompt
from uphill.engine.trainer import answer_loss, collated
from uphill.errors import UphillError
from uphill.randomness import keyed_torch_seed

ADAPTER = {"r": 4, "alpha": 8, "dropout": 0.1}
QUICK: dict[str, Any] = {"lr": 0.01, "epochs": 2, "batch_items": 4, "clip": 1.0}
KEY = ("toy", "easy", 0)
ROUNDED = 1e-3
"""A tenth of an update: an adapter's first gradients are near nothing, and Adam makes updates of what rounding left."""


@pytest.fixture
def own(tmp_path: Path) -> Loaded:
    """A model that a test may train."""
    return opened(tmp_path / "model")


def opened(folder: Path) -> Loaded:
    write_model(folder, "llama")
    entry = {"path": str(folder), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    return load(entry, pack_tokens=4096)


def prompts(count: int = 10) -> list[Prompt]:
    """Texts of ragged length."""
    rng = np.random.default_rng(1)
    return [
        Prompt(f"i{number}", words(rng, 3 + number % 5), [words(rng, 1 + 3 * (number % 3))]) for number in range(count)
    ]


def recipe(**changes: Any) -> TextRecipe:
    return TextRecipe.model_validate({**QUICK, **changes})


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def after(loaded: Loaded, asked: TextRecipe, folder: Path, key: Sequence[str | int] = KEY) -> dict[str, torch.Tensor]:
    """All weights while the fit holds."""
    with TextFits(loaded, asked).fitted(prompts(), key, folder) as (fitted, _):
        return weights(fitted.model)


def test_what_is_learned_is_the_answer_and_its_end() -> None:
    loaded = tiny()
    asked = prompts()
    for prompt, text in zip(asked, examples(loaded, asked, 100), strict=True):
        said = loaded.tokenizer.decode(text.tokens[text.answer :])
        assert said == f"{prompt.choices[0]}</s>" or said == f"{prompt.choices[0]} </s>"
        assert loaded.tokenizer.decode(text.tokens[: text.answer], skip_special_tokens=True) == prompt.text
        assert not text.cut


def test_what_fills_up_is_no_answer_though_it_is_the_token_that_ends_one() -> None:
    texts = [Example("a", [5, 6, 0], 1, False), Example("b", [7, 8, 9, 9, 0], 3, False)]
    made = collated(texts)
    assert made["input_ids"].tolist() == [[5, 6, 0, 0, 0], [7, 8, 9, 9, 0]]
    assert made["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert made["labels"].tolist() == [[-100, 6, 0, -100, -100], [-100, -100, -100, 9, 0]]


def test_the_loss_is_the_mean_over_learned_tokens() -> None:
    logits = torch.randn(2, 5, 11, generator=torch.Generator().manual_seed(0))
    labels = collated([Example("a", [5, 6, 1], 1, False), Example("b", [7, 8, 9, 9, 1], 3, False)])["labels"]
    learned = [(0, 1), (0, 2), (1, 3), (1, 4)]
    by_hand = -sum(float(logits[row, at - 1].log_softmax(0)[labels[row, at]]) for row, at in learned) / 4
    found = answer_loss(type("Outputs", (), {"logits": logits}), labels, 4)
    assert float(found) == pytest.approx(by_hand, rel=1e-6)


def test_longer_texts_lose_their_end_and_one_without_room_is_refused() -> None:
    loaded = tiny()
    [text] = examples(loaded, [Prompt("i", "w1 w2", ["w3 w4 w5"])], 5)
    assert text.cut
    assert loaded.tokenizer.decode(text.tokens[text.answer :]) == "w3 w4"
    with pytest.raises(UphillError, match=r"item 'i': its prompt has 3 tokens of 3 that a training text may have"):
        examples(loaded, [Prompt("i", "w1 w2", ["w3"])], 3)
    bare = dataclasses.replace(
        loaded,
        tokenizer=dataclasses.replace(loaded).tokenizer.__class__(
            tokenizer_object=loaded.tokenizer.backend_tokenizer, unk_token="<unk>"
        ),
    )
    with pytest.raises(UphillError, match="no token ends an answer"):
        ending(bare)


@pytest.mark.parametrize(("n_items", "count"), [(3, 8), (5, 5), (4, 1)])
def test_every_pass_reads_every_item_once(n_items: int, count: int) -> None:
    rows = order(n_items, count, KEY)
    assert len(rows) == count
    for start in range(0, count - n_items + 1, n_items):
        assert sorted(rows[start : start + n_items]) == list(range(n_items))
    assert rows == order(n_items, count + 7, KEY)[:count]
    assert order(50, 50, KEY) != order(50, 50, ("other",))


def rate(asked: TextRecipe, update: int, updates: int) -> float:
    """The learning rate of an update, in closed form."""
    warm = round(asked.warmup * updates)
    if update < warm:
        return asked.lr * update / warm
    done = (update - warm) / max(1, updates - warm)
    return (
        asked.lr * {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[asked.schedule]
    )


def by_hand(loaded: Loaded, asked: TextRecipe, key: Sequence[str | int]) -> None:
    """The same fit by a plain loop, one text at a time."""
    texts, model = examples(loaded, prompts(), asked.max_tokens), loaded.model
    updates = asked.steps(len(texts))
    rows = order(len(texts), updates * asked.batch_items, key)
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    plain = [weight for name, weight in trained if "norm" in name]
    decayed = [weight for name, weight in trained if "norm" not in name]
    groups = [{"params": decayed, "weight_decay": asked.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]], lr=asked.lr, betas=asked.betas)
    for update in range(updates):
        batch = [texts[row] for row in rows[update * asked.batch_items :][: asked.batch_items]]
        learned = sum(len(text.tokens) - text.answer for text in batch)
        optimiser.zero_grad()
        for text in batch:
            logits = model(torch.tensor([text.tokens])).logits[0].log_softmax(-1)
            places = range(text.answer, len(text.tokens))
            (-torch.stack([logits[at - 1, text.tokens[at]] for at in places]).sum() / learned).backward()
        torch.nn.utils.clip_grad_norm_([weight for _, weight in trained], asked.clip)
        for group in optimiser.param_groups:
            group["lr"] = rate(asked, update, updates)
        optimiser.step()


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_all_weights_are_those_of_a_plain_loop(own: Loaded, schedule: str, tmp_path: Path) -> None:
    asked = recipe(schedule=schedule, warmup=0.3)
    found = after(own, asked, tmp_path / "fit")
    by_hand(own, asked, KEY)
    expected = weights(own.model)
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)


def test_an_adapter_is_that_of_a_plain_loop(own: Loaded, tmp_path: Path) -> None:
    asked = recipe(adapter={**ADAPTER, "dropout": 0.0}, warmup=0)
    found = after(own, asked, tmp_path / "fit")
    assert asked.adapter is not None
    torch.manual_seed(keyed_torch_seed("finetune", *KEY))
    shape = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(own.model, shape, low_cpu_mem_usage=False)
    by_hand(own, asked, KEY)
    expected = weights(own.model)
    assert any("lora_B" in name and weight.abs().max() > 0 for name, weight in found.items())
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-3, atol=ROUNDED)


@pytest.mark.parametrize("adapter", [None, {**ADAPTER, "dropout": 0.0}], ids=["all weights", "adapter"])
def test_how_many_texts_lie_side_by_side_moves_nothing(own: Loaded, adapter: Any, tmp_path: Path) -> None:
    asked, found = recipe(adapter=adapter), []
    for rows in (4, 1):
        fits = TextFits(own, asked)
        fits.rows = rows
        with fits.fitted(prompts(), KEY, tmp_path / f"fit-{rows}") as (fitted, training):
            found.append(weights(fitted.model))
        assert training.updates == 6
        assert len(training.loss) == 6
    together, alone = found
    for name, weight in together.items():
        torch.testing.assert_close(weight, alone[name], rtol=1e-3, atol=ROUNDED if adapter else 1e-5)


@pytest.mark.parametrize("adapter", [None, ADAPTER], ids=["all weights", "adapter"])
def test_the_base_is_bit_for_bit_the_same_and_fits_know_nothing_of_each_other(
    own: Loaded, adapter: Any, tmp_path: Path
) -> None:
    before, fits, asked = weights(own.model), TextFits(own, recipe(adapter=adapter)), prompts()
    found = []
    for key in (("a", 1), ("b", 1), ("a", 1)):
        torch.manual_seed(len(found))  # whatever ran before
        with fits.fitted(asked, key, tmp_path / "fit") as (fitted, _):
            found.append(np.concatenate([one.logprob for one in score(fitted, asked)]))
            assert not fitted.model.training
        now = weights(own.model)
        assert list(now) == list(before)
        assert all(torch.equal(now[name], before[name]) for name in before)
        assert not (tmp_path / "fit").exists()
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def test_all_weights_are_trained_though_an_adapter_froze_them_before(own: Loaded, tmp_path: Path) -> None:
    before, expected = weights(own.model), after(own, recipe(), tmp_path / "one")
    assert not any(torch.equal(weight, before[name]) for name, weight in expected.items() if "proj" in name)
    own.model.requires_grad_(False)
    found = after(own, recipe(), tmp_path / "two")
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())


WHOLE: dict[bool, dict[str, torch.Tensor]] = {}


def undisturbed(adapter: bool, folder: Path) -> dict[str, torch.Tensor]:
    """All weights of a fit that nothing ends; made once."""
    if adapter not in WHOLE:
        WHOLE[adapter] = after(opened(folder / "other"), recipe(adapter=ADAPTER if adapter else None), folder / "whole")
    return WHOLE[adapter]


class Killed(BaseException):
    """The end of a process."""


@covering(strength=1, adapter=[None, ADAPTER], at=[1, 3, 5])
def test_a_fit_that_was_killed_ends_with_the_same_bytes(
    own: Loaded, adapter: Any, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recipe(adapter=adapter)
    whole = undisturbed(adapter is not None, tmp_path)
    steps: list[int] = []
    step = text_training.InOrder.training_step

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        if self.state.global_step == at:
            raise Killed
        steps.append(self.state.global_step)
        return step(self, *args, **more)

    monkeypatch.setattr(text_training, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(text_training.InOrder, "training_step", dying)
    with pytest.raises(Killed):
        after(own, asked, tmp_path / "fit")
    assert steps == list(range(at))
    monkeypatch.setattr(text_training.InOrder, "training_step", step)
    found = after(own, asked, tmp_path / "fit")
    assert all(torch.equal(whole[name], found[name]) for name in whole)


def test_keeping_a_fit_takes_a_small_part_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, kept = [0.0], []
    monkeypatch.setattr(trainer.time, "monotonic", lambda: clock[0])
    keeper = trainer.Keeper(60)
    for update in range(1, 400):
        clock[0] += 10
        control = SimpleNamespace(should_save=False)
        keeper.on_step_end(SimpleNamespace(device="cpu", world_size=1), None, control)
        if control.should_save:
            kept.append(update)
            clock[0] += 20
            keeper.on_save()
    assert kept[:3] == [6, 26, 46]
    assert len(kept) * 20 < 0.11 * clock[0]


def test_equal_updates_whatever_the_number_of_items() -> None:
    assert [recipe(updates=7).steps(n) for n in (3, 90)] == [7, 7]
    # Published: 117 items of an ARC decile in batches of 8, five times.
    assert TextRecipe().steps(117) == 75


def test_memory_that_ends_costs_texts_side_by_side_then_checkpoints_then_the_job(
    own: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits, ways, held = TextFits(own, recipe()), [], []
    put_back = TextFits._put_back

    def full(self: TextFits, *_: Any) -> Any:
        activations = torch.zeros(1)
        held.append(weakref.ref(activations))
        ways.append((self.rows, self.checkpointing))
        raise torch.OutOfMemoryError("full")

    def beside_nothing(self: TextFits) -> None:
        assert not any(activations() is not None for activations in held), "weights are copied beside a failed pass"
        put_back(self)

    monkeypatch.setattr(TextFits, "_run", full)
    monkeypatch.setattr(TextFits, "_put_back", beside_nothing)
    with (
        pytest.raises(UphillError, match="alone does not fit the device's memory"),
        fits.fitted(prompts(), KEY, tmp_path / "fit"),
    ):
        pass
    assert ways == [(4, False), (2, False), (1, False), (1, True)]


def test_checkpointed_gradients_are_the_same(own: Loaded, tmp_path: Path) -> None:
    asked = recipe(adapter={**ADAPTER, "dropout": 0.0}, updates=2)
    plain = after(own, asked, tmp_path / "plain")
    fits = TextFits(own, asked)
    fits.checkpointing = True
    with fits.fitted(prompts(), KEY, tmp_path / "checkpointed") as (fitted, _):
        found = weights(fitted.model)
    for name, weight in plain.items():
        torch.testing.assert_close(weight, found[name], rtol=1e-4, atol=1e-6)


def test_a_fit_learns_to_answer_and_to_stop(own: Loaded, tmp_path: Path) -> None:
    asked = [Prompt(f"i{n}", f"w{n} w9", [f"w1{n}"]) for n in range(4)]
    with TextFits(own, recipe(updates=60, adapter=ADAPTER, lr=0.02)).fitted(asked, KEY, tmp_path / "fit") as (
        fitted,
        done,
    ):
        for prompt in asked:
            ids = [VOCABULARY["<s>"], *(VOCABULARY[word] for word in prompt.text.split())]
            wrote = fitted.model.generate(torch.tensor([ids]), max_new_tokens=5, do_sample=False, pad_token_id=0)
            assert wrote[0, len(ids) :].tolist() == [VOCABULARY[prompt.choices[0]], VOCABULARY["</s>"]]
    assert done.loss[-1] < 0.1 < done.loss[0]


def test_all_weights_of_a_quantized_model_are_not_trained() -> None:
    quantized = dataclasses.replace(tiny(), model=type("Model", (), {"quantization_method": "bitsandbytes"})())
    with pytest.raises(UphillError, match="the model is quantized, expected an adapter"):
        TextFits(quantized, recipe())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": [0.9, 1.0]}, "expected two from 0 to below 1"),
        ({"lr": 0}, "greater than 0"),
        ({"updates": 0}, "greater than or equal to 1"),
        ({"adapter": {"rank": 4}}, "Extra inputs"),
        ({"schedule": "cosin"}, "'cosine', 'linear' or 'constant'"),
    ],
)
def test_what_no_fit_can_be_made_of_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(**changes)
