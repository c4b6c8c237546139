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
    log_p_gold: NDArray[np.float64],
    sizes: Sequence[int],
    pool: int,
    uniform: NDArray[np.float64],
    places: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """[B, N] expected bits that an item's answer costs at a random place of the message, or at its own.

    The answers before `sizes[0]` are sent with the uniform code, those from `sizes[k]` up to `sizes[k + 1]` with the
    model trained on `sizes[k]`, the rest of the pool with the last one. So no answer of the pool is sent with a model
    that was trained on it.

    Args:
        log_p_gold: [B, K, N] log-probability (nats) of the gold answer, by boot, training size and item.
        sizes: K training sizes, growing.
        pool: how many answers the message holds.
        uniform: [N] bits of the uniform code, such as log2 of the number of choices.
        places: [B, N] where in the message an item of the pool stands, from 0; -1 for other items.
    """
    blocks, bits = np.diff([*sizes, pool]).astype(np.float64), to_bits(log_p_gold)
    length = (sizes[0] * uniform + np.einsum("k,bkn->bn", blocks, bits)) / pool
    if places is None:
        return length
    # The last size that an item's place is not below: 0 of them sends it with the uniform code.
    known = np.searchsorted(np.asarray(sizes), places, side="right")
    codes = np.concatenate([np.broadcast_to(uniform, (len(bits), 1, len(uniform))), bits], axis=1)
    own = np.take_along_axis(codes, known[:, None, :], axis=1)[:, 0]
    return np.where(places < 0, length, own)


def training_items(data: HardnessData, size: int, boot: int) -> list[str]:
    """The first `size` items of the hardness pool in the boot's order, so that smaller sizes are nested in larger ones.

    Raises:
        UphillError: the pool holds fewer.
    """
    order = _order(data, boot)
    if size > len(order):
        raise UphillError(
            f"dataset {data.dataset.name!r}: MDL trains on {size} items, expected at most the {len(order)} of the "
            "hardness pool"
        )
    return order[:size]


def places(data: HardnessData, boots: int, item_ids: Sequence[str]) -> NDArray[np.int64]:
    """[B, N] the place of each of N items in each boot's order of the hardness pool, from 0; -1 for items not of it."""
    ids = pd.Index(item_ids)
    found = np.full((boots, len(ids)), -1, dtype=np.int64)
    for boot in range(boots):
        order = _order(data, boot)
        found[boot, ids.get_indexer(order)] = np.arange(len(order))
    return found


def _order(data: HardnessData, boot: int) -> list[str]:
    pool = sorted(data.items.index[data.items["pool"] == HARDNESS_POOL])
    order = keyed_rng("mdl order", data.dataset.name, boot, data.seed).permutation(len(pool))
    return [pool[index] for index in order]


def fit_key(data: HardnessData, size: int, boot: int) -> tuple[Key, ...]:
    """The key of one fit's own randomness."""
    return ("mdl", data.dataset.name, size, boot, data.seed)
