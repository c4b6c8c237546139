"""The next token: the likeliest, or drawn by a row's own generator, so that its batch has no say in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from uphill.engine.launching import upload
from uphill.errors import UphillError
from uphill.randomness import Key, keyed_rng


@dataclass(frozen=True)
class Sampling:
    """How the tokens of answers are chosen.

    Attributes:
        temperature: logits are divided by it; with 0 the likeliest token is taken.
        top_p: only the likeliest tokens that together have this probability can be drawn.
        n: answers for each item.
        key: what the draws are for; the item's id and the answer's number join it.

    Raises:
        UphillError: a value out of range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    n: int = 1
    key: tuple[Key, ...] = ("samples",)

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise UphillError(f"temperature is {self.temperature}, expected 0 or more")
        if not 0 < self.top_p <= 1:
            raise UphillError(f"top_p is {self.top_p}, expected a number above 0 and at most 1")
        if self.n < 1 or (self.n > 1 and not self.temperature):
            raise UphillError(f"n is {self.n}, expected at least 1 answer for each item, and 1 at temperature 0")

    def generator(self, item_id: str, answer: int) -> np.random.Generator:
        """The generator of an item's answer, by its number."""
        return keyed_rng(*self.key, item_id, answer)


GREEDY = Sampling(temperature=0)


def next_tokens(logits: torch.Tensor, sampling: Sampling, generators: Sequence[np.random.Generator]) -> torch.Tensor:
    """[R] next token of each row, from logits [R, V]; -1 where the largest logit is no finite number."""
    highest, tokens = logits.max(-1)
    if sampling.temperature:
        draws = upload([generator.random() for generator in generators], logits.device, torch.float64)
        tokens = _drawn(probabilities(logits, sampling), draws)
    return torch.where(highest.isfinite(), tokens, -1)


def probabilities(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """[R, V] what can be drawn with which weight; rows add up to the probability that top_p leaves."""
    chances = (logits.float() / sampling.temperature).softmax(-1)
    if sampling.top_p < 1:
        ordered, tokens = chances.sort(dim=-1, descending=True, stable=True)
        likelier = ordered.cumsum(-1) - ordered
        chances = chances.scatter(-1, tokens, ordered.masked_fill(likelier >= sampling.top_p, 0))
    return chances


def _drawn(weights: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """The token whose share of the total, in order of ids, the draw falls in: near-equal weights can swap nothing."""
    reached = weights.double().cumsum(-1)
    found = torch.searchsorted(reached, draws[:, None] * reached[:, -1:], right=True)[:, 0]
    return found.clamp(max=weights.shape[-1] - 1)
