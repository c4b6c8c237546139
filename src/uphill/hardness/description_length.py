"""Minimum description length: how little a model gives for the gold answer, before or after it has learned.

Two values, named apart:

* the published score, 1 - mean p(gold) over training sizes and boots (Hase et al. 2024, section 3.2 and code release);
* `..._bits`, the prequential code length of the gold answer, in bits: what it costs to send it when the answers of a
  whole hardness pool are sent one after the other, each with a model trained on those before (Voita and Titov 2020).

p(gold) is the gold choice's share among an item's choices. Of a written answer it is the mean probability (geometric)
of a token of the gold solution, since that of a whole solution is as good as 0; its bits are those of all tokens. The
mean forgets the length: a long solution whose every token is easy scores low, where its bits are many.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form
from uphill.randomness import Key, keyed_rng
from uphill.schemas.names import HARDNESS_POOL
from uphill.schemas.spelling import distinct

Sizes = Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], AfterValidator(distinct)]
"""Numbers of training items, none twice."""


def names(name: str) -> list[str]:
    """The variables of a measure called `name`."""
    return [name, f"{name}_bits"]


def trainable(dataset: Graded) -> bool:
    """Whether there is a pool to learn from, with right answers."""
    return dataset.hardness_pool > 0 and dataset.answered


def described(
    name: str, item_ids: Sequence[str], log_p_gold: NDArray[np.float64], bits: NDArray[np.float64]
) -> pd.DataFrame:
    """Both values of N items, as rows of a measure.

    Args:
        name: of the measure.
        item_ids: N ids.
        log_p_gold: [..., N] log p(gold), by whatever p is averaged over.
        bits: [..., N] code lengths, likewise.
    """
    over = tuple(range(log_p_gold.ndim - 1)), tuple(range(bits.ndim - 1))
    score = 1 - np.exp(log_p_gold).mean(over[0])
    values = dict(zip(names(name), (score, bits.mean(over[1])), strict=True))
    return long_form(pd.DataFrame(values, index=list(item_ids)), kind="model")


def to_bits(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nats to bits."""
    return -log_p / np.log(2)


def code_length(
    log_p_gold: NDArray[np.float64], sizes: Sequence[int], pool: int, uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[B, N] expected bits that an item's answer costs at a random place of the message.

    The answers before `sizes[0]` are sent with the uniform code, those from `sizes[k]` up to `sizes[k + 1]` with the
    model trained on `sizes[k]`, the rest of the pool with the last one.

    Args:
        log_p_gold: [B, K, N] log-probability (nats) of the gold answer, by boot, training size and item.
        sizes: K training sizes, growing.
        pool: how many answers the message holds.
        uniform: [N] bits of the uniform code, such as log2 of the number of choices.
    """
    blocks = np.diff([*sizes, pool]).astype(np.float64)
    learned = np.einsum("k,bkn->bn", blocks, to_bits(log_p_gold))
    return (sizes[0] * uniform + learned) / pool


def training_items(data: HardnessData, size: int, boot: int) -> list[str]:
    """The first `size` items of the hardness pool in the boot's order, so that smaller sizes are nested in larger ones.

    Raises:
        UphillError: the pool holds fewer.
    """
    pool = sorted(data.items.index[data.items["pool"] == HARDNESS_POOL])
    if size > len(pool):
        raise UphillError(
            f"dataset {data.dataset.name!r}: MDL trains on {size} items, expected at most the {len(pool)} of the "
            "hardness pool"
        )
    order = keyed_rng("mdl order", data.dataset.name, boot, data.seed).permutation(len(pool))[:size]
    return [pool[index] for index in order]


def fit_key(data: HardnessData, size: int, boot: int) -> tuple[Key, ...]:
    """The key of one fit's own randomness."""
    return ("mdl", data.dataset.name, size, boot, data.seed)
