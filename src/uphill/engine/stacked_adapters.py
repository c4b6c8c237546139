"""LoRA fits one after the other, or several side by side in one pass: the caller sees no difference but the time.

A stacked fit is the fit alone but for rounding: it starts from the same weights, reads the same items in the same
order, draws the same dropout, and its gradient is clipped by its own norm. Fits are stacked that take as many steps at
the same rates, as many as fit into one pass. What cannot be stacked, or turns out not to fit the device, is fitted
alone.
"""

import logging
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tqdm import tqdm

from uphill.engine.adapters import Adapters, Examples, token_seeds
from uphill.engine.agreement import made_up_items, one_line
from uphill.engine.checks import NOTHING
from uphill.engine.loading import Loaded
from uphill.engine.lora_schedule import MicroBatch, Schedule, schedule
from uphill.engine.packing import Branched, shared_prefix
from uphill.engine.stacked_pass import Stack, adapted_maps, joined_halves, put_weights, read_weights
from uphill.engine.structure import cut_down
from uphill.engine.tokens import Prompt
from uphill.randomness import Key
from uphill.running import spending
from uphill.running.noting import note

log = logging.getLogger(__name__)
MOST_TOKENS = 2**62
"""Of what fits into no stack."""
APART = 1e-3
"""How far a stacked gradient of a cut-down copy may lie from the one alone, relative to its length."""


@dataclass(frozen=True)
class Fit:
    """What an adapter is fitted to, as `Adapters.fitted` takes it."""

    prompts: Sequence[Prompt]
    gold: Sequence[int]
    key: Sequence[Key]


@dataclass(frozen=True)
class _Planned:
    """A fit and its steps; `shape` is alike for fits that can be stacked, `tokens` its largest micro-batch."""

    examples: Examples
    plan: Schedule
    shape: tuple[int, ...]
    tokens: int


def fitted_in_turn(adapters: Adapters, fits: Iterable[Fit], most: int | None = None) -> Generator[Loaded]:
    """The model with the adapter of each fit, in order; each is gone when the next is asked for.

    Args:
        adapters: the base model and the recipe.
        fits: what is fitted; of those that are stacked, all are read before the first comes out.
        most: fits of one stack; unless given, as many as the budget of a pack holds on a GPU, and 1 on a CPU, which
            launches nothing.

    Raises:
        UphillError: see `Adapters.fitted`.
    """
    yield from _InTurn(adapters, most).fitted(fits)


def side_by_side(sizes: Sequence[tuple[Any, int]], budget: int, most: int) -> list[list[int]]:
    """Cut fits into stacks, in order: of one shape, at most `most`, padded within the budget where there are two.

    Args:
        sizes: shape and tokens of each fit.
        budget: tokens of a stacked pass.
        most: fits of a stack.
    """
    stacks: list[list[int]] = []
    for number, (shape, _) in enumerate(sizes):
        if stacks:
            own = [*stacks[-1], number]
            widest = max(sizes[fit][1] for fit in own)
            if shape == sizes[own[0]][0] and len(own) <= most and len(own) * widest <= budget:
                stacks[-1] = own
                continue
        stacks.append([number])
    return stacks


class _InTurn:
    """Fits of one base model. `_most` shrinks by what is learned about the device and the model."""

    def __init__(self, adapters: Adapters, most: int | None) -> None:
        self._adapters, self._loaded = adapters, adapters.loaded
        asked = (2**31 if self._loaded.device.type == "cuda" else 1) if most is None else most
        self._most = asked if asked > 1 and _can_stack(adapters) else 1

    def fitted(self, fits: Iterable[Fit]) -> Iterator[Loaded]:
        """See `fitted_in_turn`."""
        held: list[_Planned] = []
        for fit in fits:
            held.append(self._planned(fit))
            stacks = self._cut(held)
            # A stack is ready when the next fit is not of it, or when it is full.
            if len(stacks) > 1 or len(held) >= self._most:
                yield from self._of_stack([held[number] for number in stacks[0]])
                held = held[len(stacks[0]) :]
        for stack in self._cut(held):
            yield from self._of_stack([held[number] for number in stack])

    def _cut(self, held: Sequence[_Planned]) -> list[list[int]]:
        return side_by_side([(fit.shape, fit.tokens) for fit in held], self._loaded.pack_tokens, self._most)

    def _planned(self, fit: Fit) -> _Planned:
        examples = self._adapters.examples(fit.prompts, fit.gold, fit.key)
        plan = schedule(self._adapters.recipe, [len(item.choices) for item in examples.items], fit.key)
        sizes = [sum(examples.items[row].n_tokens for row in batch.rows) for step in plan.steps for batch in step]
        fits_no_stack = self._adapters.checkpointing or not examples.packed
        tokens = MOST_TOKENS if fits_no_stack else len(examples.prefix) + max(sizes)
        return _Planned(examples, plan, (plan.horizon, *map(len, plan.steps)), tokens)

    def _of_stack(self, stack: Sequence[_Planned]) -> Iterator[Loaded]:
        if len(stack) == 1:
            with self._adapters.fit(stack[0].examples) as loaded:
                yield loaded
            return
        found = self._trained(stack)
        if isinstance(found, int):
            for first in range(0, len(stack), found):
                yield from self._of_stack(stack[first : first + found])
            return
        with self._adapters.added(stack[0].examples.key) as model:
            for row in found:
                put_weights(model, row)
                yield self._loaded

    def _trained(self, stack: Sequence[_Planned]) -> torch.Tensor | int:
        """[G, N] the weights that G fits end with; or where they cannot be fitted together, how many to try."""
        try:
            return _fit_together(self._adapters, stack)
        except torch.OutOfMemoryError:
            self._most = len(stack) // 2
            log.warning("out of memory with %d LoRA fits side by side: at most %d from here on", len(stack), self._most)
            return self._most
        except FloatingPointError as error:
            # Alone, those that are right come out, and the one that is not says so.
            log.warning("%s among %d LoRA fits side by side: fitting each of them alone", error, len(stack))
        except Exception as error:  # whatever a model's code makes of a batch, or its maps of their inputs
            _give_up(self._loaded, f"they fail: {one_line(error)}")
            self._most = 1
        return 1


def _fit_together(adapters: Adapters, stack: Sequence[_Planned]) -> torch.Tensor:
    """[G, N] the weights that G fits end with.

    Raises:
        FloatingPointError: the loss of one is no finite number.
    """
    first, recipe, plans = [], adapters.recipe, [fit.plan for fit in stack]
    for fit in stack[1:]:
        with adapters.added(fit.examples.key) as model:
            first.append(read_weights(model))
    with adapters.added(stack[0].examples.key) as model:
        together = Stack(adapters, [fit.examples for fit in stack], torch.stack([read_weights(model), *first]))
        optimiser = torch.optim.AdamW([together.weights], lr=recipe.lr, weight_decay=recipe.weight_decay)
        label = f"fitting LoRA, {len(stack)} side by side"
        steps = tqdm(zip(*(plan.steps for plan in plans), strict=True), label, len(plans[0].steps), False, disable=None)
        with together.on(model):
            for number, step in enumerate(steps):
                optimiser.param_groups[0]["lr"] = recipe.lr * plans[0].rate(number)
                # The one wait for the device in a step.
                losses = together.gradient(step).tolist()
                if not all(map(math.isfinite, losses)):
                    raise FloatingPointError(f"a loss of {losses} at step {number + 1} of {len(plans[0].steps)}")
                optimiser.step()
                spending.count(
                    "trained", sum(_read(fit.examples, batches) for fit, batches in zip(stack, step, strict=True))
                )
    return together.weights.detach()


def _read(examples: Examples, batches: Sequence[MicroBatch]) -> int:
    """Tokens of the items of some micro-batches."""
    return sum(examples.items[row].n_tokens for batch in batches for row in batch.rows)


def _can_stack(adapters: Adapters) -> bool:
    """Whether a model's adapters can be stacked: as they are made, and by a check on a cut-down copy of the model."""
    loaded = adapters.loaded
    weights = list(loaded.model.parameters())
    if not all(weight.is_floating_point() for weight in weights) or len({weight.device for weight in weights}) > 1:
        log.info("LoRA fits one at a time: the base model is quantized, or lies on several devices")
        return False
    what = f"copy: adapters side by side on {adapters.recipe.target_modules}"
    known = loaded.checks.find(what, NOTHING)
    if known is None:
        try:
            wrong = _apart_on_copy(adapters)
            loaded.checks.add(what, NOTHING, wrong)
        except Exception as error:  # no copy, maps of another kind, whatever a model's code makes of a batch
            wrong = f"they cannot be checked on a small copy of the model: {one_line(error)}"
            loaded.checks.add(what, NOTHING, wrong, lasting=False)
    else:
        wrong = known.wrong
    if wrong:
        _give_up(loaded, wrong)
    return not wrong


def _give_up(loaded: Loaded, wrong: str) -> None:
    line = f"LoRA fits side by side: {wrong}; fitting one at a time"
    log.warning("%s", line)
    note(f"{loaded.model.config.name_or_path}: {line}")


def _apart_on_copy(adapters: Adapters) -> str | None:
    """How far gradients of two ragged fits, stacked and alone, lie apart on a copy in float32, if too far."""
    copy = cut_down(adapters.loaded.model).requires_grad_(False)
    small = Adapters(replace(adapters.loaded, model=copy, packed=True, attention="dense"), adapters.recipe)
    heads, tails = made_up_items(small.loaded)
    prefix = shared_prefix(heads)
    items = [Branched.of(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
    some = (items[:4], items[3:])
    fits = [Examples(("copy", number), heads[0][:prefix], own, [0] * len(own), True) for number, own in enumerate(some)]
    steps = [[MicroBatch(list(range(len(fit.items))), 1 / len(fit.items), 0)] for fit in fits]
    starts, alone = zip(*(_alone(small, fit, step[0]) for fit, step in zip(fits, steps, strict=True)), strict=True)
    with small.added(fits[0].key) as model, Stack(small, fits, torch.stack(starts)).on(model) as stack:
        stack.gradient(steps)
        right, found = torch.stack(alone), stack.gradients
    worst = float(((found - right).norm(dim=1) / right.norm(dim=1)).max())
    # Written so that no number is no agreement.
    return None if worst <= APART else f"their gradients are {worst:.2g} of their length off those of fits alone"


def _alone(small: Adapters, fit: Examples, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [N] that are 0 nowhere, so that all have a gradient, and that gradient, by a pass of the fit alone."""
    with small.added(fit.key) as model:
        start = read_weights(model)
        draws = torch.Generator().manual_seed(0)
        start += (torch.randn(start.shape, generator=draws) / 10).to(start.device)
        put_weights(model, start)
        weights = joined_halves(adapted_maps(model))
        with small.dropout.drawn(token_seeds(fit, batch, batch.rows).to(small.loaded.device)):
            (small.loss(fit, batch.rows) * batch.weight).backward()
        torch.nn.utils.clip_grad_norm_(weights, small.recipe.clip)
        return start, torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])
