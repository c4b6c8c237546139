"""A head's fit by transformers' Trainer: its items side by side, and losses whose targets are of a whole update."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from uphill.engine import soft_losses
from uphill.engine.soft_losses import Loss
from uphill.engine.text_examples import Example
from uphill.engine.trainer import InOrder

READ = ("input_ids", "attention_mask", "ends")


@dataclass(frozen=True)
class Labelled(Example):
    """An item and what its choices are said to be.

    Attributes:
        tokens: of all its sequences.
        sequences: what is read of it, one for each choice or one for all.
        label: probabilities of its choices.
    """

    sequences: list[list[int]]
    label: list[float]


def collated(items: Sequence[Labelled], width: int) -> dict[str, torch.Tensor]:
    """R items side by side: S sequences, filled up on the right, and labels.

    Args:
        items: R items.
        width: M, the most choices of any item of the fit: a loss must not see which items lie side by side.

    Returns:
        input_ids and attention_mask [S, T], ends [S] (the place of each one's last token), label [R, M] probabilities,
        0 where there is no choice, and exists [R, M].
    """
    sequences = [one for item in items for one in item.sequences]
    pad = torch.nn.utils.rnn.pad_sequence
    counts = torch.tensor([len(item.label) for item in items])
    labels = torch.zeros(len(items), width)
    for row, item in enumerate(items):
        labels[row, : len(item.label)] = torch.tensor(item.label)
    return {
        "input_ids": pad([torch.tensor(one) for one in sequences], batch_first=True),
        "attention_mask": pad([torch.ones(len(one), dtype=torch.long) for one in sequences], batch_first=True),
        "ends": torch.tensor([len(one) - 1 for one in sequences]),
        "label": labels,
        "exists": torch.arange(width) < counts[:, None],
    }


def logits_of(values: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """[R, M] logits, -inf where there is no choice, of what a head gives: for each choice in turn, or all at once.

    Args:
        values: [R, M], or [S, 1] with S choices.
        exists: [R, M].
    """
    if values.shape == exists.shape and values.shape[1] > 1:
        return values
    return values.new_full(exists.shape, -torch.inf).masked_scatter(exists, values[:, 0])


class SoftTrainer(InOrder):
    """The Trainer of a head: the loss of an update is the mean over its items, however many lie side by side.

    The targets of `logconf` and `product` are of the student's own probabilities of all items of an update. Where these
    go through the model one after the other, they go through it first without a gradient, with the same dropout.

    Args:
        loss: what the student is drawn to.
        batch_items: items of an update.
    """

    def __init__(self, *, loss: Loss, batch_items: int, **given: Any) -> None:
        super().__init__(**given)
        self._loss, self._batch_items = loss, batch_items
        self._update: list[dict[str, torch.Tensor]] = []
        self._targets: list[torch.Tensor] = []

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], None]:
        """Keep in mind what an update is made of."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._update = batches if len(batches) > 1 and self._loss != "xent" else []
        return batches, None

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """One part of an update, before the first of which its targets are found."""
        if self._update:
            self._targets = self._aims(model, self._update)
            self._update = []
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,  # noqa: ARG002 - the Trainer's call
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> torch.Tensor:
        """Summed cross-entropy against the targets, divided by the update's items."""
        logits = self._logits(model, inputs)
        aim = self._targets.pop(0) if self._targets else self._aim(logits.detach().softmax(-1), inputs["label"])
        return soft_losses.cross_entropy(logits.log_softmax(-1), aim).sum() / self._batch_items

    def _logits(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        values = model(*(inputs[name] for name in READ))
        return logits_of(values, inputs["exists"].to(values.device))

    def _aim(self, student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        done = self.state.global_step / self.state.max_steps
        return soft_losses.target(self._loss, student, labels.to(student), done)

    @torch.no_grad()
    def _aims(self, model: Any, batches: list[dict[str, torch.Tensor]]) -> list[torch.Tensor]:
        """Targets of each part of an update."""
        model.train()
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        said, labels = [], []
        with torch.random.fork_rng(devices), self.compute_loss_context_manager():
            for batch in batches:
                inputs = self._prepare_inputs(batch)
                said.append(self._logits(model, inputs).softmax(-1))
                labels.append(inputs["label"])
        return list(self._aim(torch.cat(said), torch.cat(labels)).split([len(own) for own in labels]))
