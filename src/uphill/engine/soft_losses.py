"""What a student aims at when its labels are a weaker model's (Burns et al. 2023, section 4.3 and appendix A.4).

Each loss is the cross-entropy of the student's probabilities against a target through which no gradient flows: the weak
labels themselves (`xent`), or these mixed with the student's own hardened opinion (`logconf`), or multiplied by it
(`product`). So the gradient on the student's logits is its probabilities less the target, whatever the loss.
"""

from dataclasses import dataclass
from typing import Literal

import torch

Loss = Literal["xent", "logconf", "product"]


@dataclass(frozen=True)
class Confidence:
    """Constants of the losses (defaults: Burns et al. 2023, code release).

    Attributes:
        most: share of the student's own opinion in `logconf` after the warm-up.
        warmup: share of the training over which it grows to that, in a line; the release let it jump at the end.
        alpha, beta: powers of the weak labels and of the student's probabilities in `product`.
    """

    most: float = 0.5
    warmup: float = 0.1
    alpha: float = 1.0
    beta: float = 1.0


def cross_entropy(log_student: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """[...] cross-entropy (nats) of [..., M] log-probabilities against [..., M] probabilities."""
    # A choice that does not exist has probability 0 on both sides.
    return -(target * log_student.masked_fill(target == 0, 0)).sum(-1)


def target(
    loss: Loss, student: torch.Tensor, weak: torch.Tensor, done: float, confidence: Confidence | None = None
) -> torch.Tensor:
    """What a loss draws the student to, [..., n, M] probabilities.

    Args:
        loss: its name.
        student: [..., n, M] the student's probabilities, of all items of an update.
        weak: [..., n, M] labels; hard ones are 0 or 1.
        done: share of the training that is over, 0 to 1.
        confidence: constants.
    """
    own = confidence or Confidence()
    if loss == "logconf":
        return mixed(student, weak, share_at(done, own))
    return multiplied(student, weak, own) if loss == "product" else weak


def share_at(done: float, confidence: Confidence) -> float:
    """The student's share in `logconf` at a share of the training: from 0 in a line to `most`, and so on."""
    return confidence.most * (min(1.0, done / confidence.warmup) if confidence.warmup else 1.0)


def mixed(student: torch.Tensor, weak: torch.Tensor, share: float) -> torch.Tensor:
    """[..., n, M] (1 - share) of the weak labels and `share` of the student's hardened opinion."""
    return (1 - share) * weak + share * hardened(student, weak)


def hardened(student: torch.Tensor, weak: torch.Tensor) -> torch.Tensor:
    """[..., n, M] the student's opinion as one choice an item, 0 or 1.

    Of two choices, so many items are of the second as the weak labels say on average: those that the student gives it
    most (the published threshold, the quantile of its probabilities at that share); of those that are level, the first,
    for the order of a cell's items is drawn. Of more choices, whose places mean nothing, the likeliest each.
    """
    n, choices = student.shape[-2:]
    if choices != 2:
        return torch.nn.functional.one_hot(student.argmax(-1), choices).to(weak.dtype)
    # As many as lie below a linearly interpolated quantile; rounded first, as a mean of thirds may be a hair off.
    count = torch.ceil((weak[..., 1].double().mean(-1) * (n - 1)).round(decimals=9))
    order = student[..., 1].argsort(dim=-1, descending=True, stable=True)
    second = (order.argsort(dim=-1) < count[..., None]).long()
    return torch.nn.functional.one_hot(second, 2).to(weak.dtype)


def multiplied(student: torch.Tensor, weak: torch.Tensor, confidence: Confidence) -> torch.Tensor:
    """[..., n, M] student^beta * weak^alpha, divided by its sum; the weak labels where that is 0."""
    product = student.pow(confidence.beta) * weak.pow(confidence.alpha)
    whole = product.sum(-1, keepdim=True)
    return torch.where(whole > 0, product / whole.clamp_min(torch.finfo(whole.dtype).tiny), weak.to(product.dtype))
