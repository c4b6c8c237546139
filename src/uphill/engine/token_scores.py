"""Log-probabilities of single tokens, one text at a time: what is kept of a text is for its measure to say."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from uphill.engine.loading import Loaded
from uphill.engine.packing import unscored
from uphill.engine.sizes import logits_from
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError
from uphill.running import spending


@torch.inference_mode()
def token_scores(
    loaded: Loaded, prompts: Sequence[Prompt], desc: str = "scoring tokens"
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Of each prompt's one choice, in order: the item and [T] log-probabilities (nats) of its tokens.

    Each is one whole sequence, alone, unpadded, without a cache (see `alone`), so that there is no faster way to hold
    to it. Their sum is what `score` gives.

    Raises:
        UphillError: a prompt does not fit, a choice has no token, or a log-probability is no number.
    """
    if not prompts:
        return
    heads, tails = encode_items(loaded, prompts)
    read = 0
    with tqdm(total=len(prompts), desc=desc, unit="item", leave=None, disable=None) as bar:
        for prompt, head, (tail,) in zip(prompts, heads, tails, strict=True):
            found = _of_sequence(loaded, [*head, *tail], len(head) + unscored(tail))
            if not np.isfinite(found).all():
                raise UphillError(f"item {prompt.item_id!r}: a token's log-probability is no number, expected one")
            read += len(head) + len(tail)
            bar.update()
            yield prompt.item_id, found
    spending.count("read", read)


def _of_sequence(loaded: Loaded, ids: list[int], start: int) -> NDArray[np.float64]:
    """[T] log-probabilities of the tokens from `start` on."""
    scored = len(ids) - start
    logits = loaded.model(
        input_ids=torch.tensor([ids], device=loaded.device), use_cache=False, **logits_from(loaded.model, scored + 1)
    ).logits
    rows = logits[0, -(scored + 1) : -1].float()
    targets = torch.tensor(ids[start:], device=rows.device)
    found: NDArray[np.float64] = (
        -torch.nn.functional.cross_entropy(rows, targets, reduction="none").double().cpu().numpy()
    )
    return found
