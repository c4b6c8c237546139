"""Schedules of LoRA fits: ours by epochs, and the published one with its micro-batches and clipping."""

from typing import Any

import pytest
import torch
from engine_models import (
    ragged_prompts,
    tiny,
)
from lora_sets import QUICK, naive_loss

from uphill.engine.adapters import Adapters
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.lora_schedule import Schedule, schedule


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
