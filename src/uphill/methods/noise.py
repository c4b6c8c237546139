"""Training labels of which a share is drawn at random (Hase et al. 2024, section 5 and code release)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.randomness import Key, keyed_rng


def noised(items: pd.DataFrame, draws: NDArray[np.float64], noise_p: float, key: Sequence[Key]) -> pd.DataFrame:
    """Items of which each has a random label with probability `noise_p`.

    An item keeps its label unless its draw exceeds 1 - noise_p, so that what a low probability spoils, a higher one
    spoils too. A new label is any of the item's choices, the right one included, so a share of noise_p (1 - 1/M) of M
    choices is wrong. A written answer is that of any of the items. Reasoning is another item's in both cases, for one
    that ends in another answer would give the right one away.

    Args:
        items: N items in the order of their ranks, indexed by item_id.
        draws: [N] uniform draws.
        noise_p: the probability.
        key: of the generator that draws labels.
    """
    struck = np.flatnonzero(draws > 1 - noise_p)
    if not len(struck):
        return items
    uniform = keyed_rng("noise label", *key).random(len(items))
    changed = items.copy()
    for place in struck:
        other = items.iloc[int(uniform[place] * len(items))]
        choices = items["choices"].iloc[place]
        answer = other["answer_text"]
        if len(choices):
            index = int(uniform[place] * len(choices))
            answer = choices[index]
            changed.iloc[place, changed.columns.get_loc("answer_idx")] = index
        changed.iloc[place, changed.columns.get_loc("answer_text")] = answer
        changed.iloc[place, changed.columns.get_loc("reasoning")] = other["reasoning"]
        if "soft" in changed:
            # A label that is drawn is certain.
            soft = np.eye(len(choices))[changed["answer_idx"].iloc[place]].tolist()
            changed.iat[place, changed.columns.get_loc("soft")] = soft
    return changed
