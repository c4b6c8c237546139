"""Whether a way to score gives what one whole sequence a choice gives, but for rounding.

In 16 bits two right computations differ by the model's own sensitivity, so this is measured: the plain way goes again,
with the last bit of what each block gives set at random. On small random models that moves scores 1 to 3 times as far
as rounding itself does, and a wrong mask or position moves them 4 to 50 times as far again where attention is sharp,
which is where it matters. Made-up items are of few distinct tokens, so that a token that sees what it should not finds
much to copy from.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.hidden import blocks_of
from uphill.engine.loading import Loaded
from uphill.engine.sizes import vocabulary
from uphill.errors import UphillError

FLOAT32_NATS = 1e-3
ROUNDINGS = 3
Made = tuple[list[list[int]], list[list[list[int]]]]
"""Token ids of prompts, and of their choices."""


def made_up_items(loaded: Loaded, items: int = 6, letters: int = 8, seed: int = 0) -> Made:
    """Items with a common prefix and ragged questions and choices, within the model's window and span."""
    rng = np.random.default_rng(seed)
    size = min(len(loaded.tokenizer), vocabulary(loaded.model))
    alphabet = rng.choice(sorted(set(range(size)) - set(loaded.tokenizer.all_special_ids)), letters)
    room = min(loaded.window, loaded.span)

    def text(most: int, least: int = 1) -> list[int]:
        return [int(token) for token in rng.choice(alphabet, int(rng.integers(least, most + 1)))]

    prefix = text(min(16, room // 2), min(16, room // 2))
    heads = [prefix + text(min(12, room // 4)) for _ in range(items)]
    # One of a single token, and more.
    tails = [[text(1), *(text(min(8, room // 4)) for _ in range(int(rng.integers(2, 6))))] for _ in range(items)]
    return heads, tails


Scoring = Callable[[], NDArray[np.float64]]


def disagreement(
    loaded: Loaded, plain: Scoring, again: Scoring, fast: Scoring, roundings: float = ROUNDINGS
) -> str | None:
    """What is wrong with the fast way, in a few words; None if nothing is.

    Args:
        loaded: the model.
        plain: scores by the plain way, one sequence at a time.
        again: the same, to be computed with other rounding; of a model whose rows of a batch move each other (the
            outlier columns of LLM.int8) in batches, since that is no fault of the fast way.
        fast: by the way to check.
        roundings: how many times as far apart as rounding moves scores is too far.

    Raises:
        UphillError: the plain way fails: this machine cannot run the model.
    """
    try:
        right = plain()
    except Exception as error:
        raise cannot_run(loaded, error) from error
    try:
        found = fast()
    except Exception as error:
        return f"it fails: {one_line(error)}"
    finite = np.isfinite(right)
    if not finite.any() or not np.array_equal(finite, np.isfinite(found)):
        return f"{np.isfinite(found).sum()} of its scores are finite, {finite.sum()} of plain ones"
    with _last_bits_at_random(loaded.model):
        honest = rms(again()[finite] - right[finite])
    limit = max(roundings * honest, least_nats(loaded.model.dtype))
    apart = rms(found[finite] - right[finite])
    # Written so that no number is no agreement.
    return None if apart <= limit else f"its scores are {apart:.2g} nats off plain ones, expected at most {limit:.2g}"


def cannot_run(loaded: Loaded, error: Exception) -> UphillError:
    """The refusal of a model whose plain way fails."""
    return UphillError(f"{loaded.model.config.name_or_path}: this machine cannot run the model: {one_line(error)}")


def least_nats(dtype: torch.dtype) -> float:
    """The least difference that counts: what sums of some tens of nats may differ by."""
    return FLOAT32_NATS if dtype == torch.float32 else 2 * torch.finfo(dtype).eps


def rms(difference: NDArray[np.float64]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(difference**2)))


def one_line(error: Exception) -> str:
    """An error's kind and the beginning of its text."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@contextmanager
def _last_bits_at_random(model: Any) -> Iterator[None]:
    """Multiply what the embedding and each block give by 1 + eps/2 or 1 - eps/2, always the same."""
    signs = torch.Generator().manual_seed(0)

    def jittered(state: torch.Tensor) -> torch.Tensor:
        sign = torch.randint(0, 2, state.shape, generator=signs).to(state.device) * 2 - 1
        return (state.float() * (1 + sign * torch.finfo(state.dtype).eps / 2)).to(state.dtype)

    def hook(module: Any, inputs: Any, output: Any) -> Any:  # noqa: ARG001 - torch's hook signature
        return jittered(output) if isinstance(output, torch.Tensor) else (jittered(output[0]), *output[1:])

    hooks = [module.register_forward_hook(hook) for module in (model.get_input_embeddings(), *blocks_of(model))]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()
