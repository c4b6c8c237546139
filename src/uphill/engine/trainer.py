"""A fit by transformers' Trainer, in one process or several: its arguments, the texts of an update, and the loss."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, TrainerCallback

from uphill.engine.text_examples import Example
from uphill.engine.text_recipe import TextRecipe

IGNORED = -100
"""The label of a token that is not learned."""
KEPT_EVERY = 60.0
"""Seconds from one time that a fit is kept to the next, or more; what is lost by a kill is at most that."""
KEEPING = 0.1
"""The part of a fit's time that keeping it may take: all weights and the optimiser's state are some gigabytes."""


def arguments(
    recipe: TextRecipe, updates: int, rows: int, accumulated: int, seed: int, scratch: Path
) -> dict[str, Any]:
    """What transformers' TrainingArguments are made of, whatever the fit runs on.

    Args:
        recipe: of the fit.
        updates: optimiser steps.
        rows: texts side by side on a device.
        accumulated: passes that make an update.
        seed: of what the library draws.
        scratch: where the fit is kept.
    """
    return {
        "output_dir": str(scratch),
        "max_steps": updates,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": accumulated,
        "learning_rate": recipe.lr,
        "lr_scheduler_type": {"constant": "constant_with_warmup"}.get(recipe.schedule, recipe.schedule),
        "warmup_steps": recipe.warm(updates),
        "optim": {"adamw": "adamw_torch"}.get(recipe.optimiser, recipe.optimiser),
        "adam_beta1": recipe.betas[0],
        "adam_beta2": recipe.betas[1],
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "seed": seed,
        "save_strategy": "no",  # `Keeper` says when
        "save_total_limit": 1,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": [],
        "disable_tqdm": not sys.stderr.isatty(),
        "remove_unused_columns": False,
    }


class Keeper(TrainerCallback):  # type: ignore[misc] # the library is untyped
    """Keeps a fit as it is, from time to time; several processes go by the clock of the first."""

    def __init__(self, every: float) -> None:
        self.every = every
        self.last = time.monotonic()
        self.wait = every

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the Trainer's call
        """Say whether the fit is kept after this update."""
        due = torch.tensor(time.monotonic() - self.last >= self.wait, dtype=torch.int, device=args.device)
        if args.world_size > 1:
            torch.distributed.broadcast(due, 0)
        if due:
            control.should_save = True
            self.last = time.monotonic()

    def on_save(self, *_: Any, **__: Any) -> None:
        """Note what keeping took."""
        now = time.monotonic()
        self.wait = max(self.every, (now - self.last) / KEEPING if self.every else 0)
        self.last = now


class InOrder(Trainer):  # type: ignore[misc] # the library is untyped
    """Transformers' Trainer, which reads its data as it stands; its loss is of a whole update."""

    loss_is_scaled_for_ga = True

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:  # noqa: ARG002 - the Trainer's call
        """Keep what an update says of itself in the history, where checkpoints find it; nothing is printed."""
        self.state.log_history.append({**logs, "step": self.state.global_step})


def collated(texts: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Texts side by side, filled up on the right: input_ids, attention_mask and labels, each [R, T]."""
    longest = max(len(text.tokens) for text in texts)
    ids, mask, labels = [], [], []
    for text in texts:
        room = longest - len(text.tokens)
        ids.append(text.tokens + [0] * room)
        mask.append([1] * len(text.tokens) + [0] * room)
        # By place and not by token: what fills up may be what ends an answer.
        labels.append([IGNORED] * text.answer + text.tokens[text.answer :] + [IGNORED] * room)
    return {
        name: torch.tensor(rows) for name, rows in (("input_ids", ids), ("attention_mask", mask), ("labels", labels))
    }


def answer_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int) -> torch.Tensor:
    """Mean NLL over the learned tokens of an update, of which these texts are a part.

    Args:
        outputs: with logits [R, T, V], the last of which are for no label; or [1, S, V], of S learned labels.
        labels: [R, T], or [1, 1 + S], token ids, `IGNORED` where nothing is learned.
        num_items_in_batch: learned tokens of the whole update.
    """
    targets = labels[:, 1:]
    logits, targets = outputs.logits[:, : targets.shape[1]].flatten(0, 1).float(), targets.flatten()
    return cross_entropy(logits, targets.to(logits.device), ignore_index=IGNORED, reduction="sum") / num_items_in_batch


def losses(trainer: Trainer) -> list[float]:
    """The loss of each update, those before a kill included."""
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
