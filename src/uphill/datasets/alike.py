"""Items that ask nearly the same: groups of them, and pools that are drawn a group at a time.

Two questions are alike where they share a run of n words, or have the same words in all. A run that many items share is
the set's boilerplate and joins none. What is alike by way of a third is of one group.
Sources: Brown et al. 2020 (GPT-3, appendix C: 13 words, frequent runs left out); `words` says what a word is.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.datasets.words import grams, words

MOST_ITEMS = 10
"""A run of words that more items share joins none of them."""


def groups_of(questions: Sequence[str], n: int | None) -> NDArray[np.int64]:
    """[N] the group of each of N questions, from 0 on.

    Args:
        questions: texts.
        n: words of a run that makes two alike; None joins those alone that have the same words.
    """
    said = [words(text) for text in questions]
    same = [places for places in _sharing([[tuple(own)] for own in said]) if len(places) > 1]
    if n is not None:
        runs = _sharing([list(dict.fromkeys(grams(own, n))) for own in said])
        same += [places for places in runs if 1 < len(places) <= MOST_ITEMS]
    pairs = [(places[0], other) for places in same for other in places[1:]]
    if not pairs:
        return np.arange(len(questions), dtype=np.int64)
    # A third of a second, which each dry run would wait for: the config's check imports this module.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    size = len(questions)
    _, found = connected_components(coo_array((np.ones(len(pairs)), (first, second)), shape=(size, size)), False)
    return np.asarray(found, dtype=np.int64)


def _sharing(keys: Sequence[Sequence[Hashable]]) -> Iterator[list[int]]:
    """Places of the items that have each key."""
    having: dict[Hashable, list[int]] = defaultdict(list)
    for place, own in enumerate(keys):
        for key in own:
            having[key].append(place)
    yield from having.values()


def whole_groups(order: pd.Index, size: int, groups: pd.Series) -> list[int]:
    """The first items of an order with all of their groups, as many as a size has room for.

    A group that has no room left is passed over. Where each item is a group of its own, these are the first `size`.

    Args:
        order: index of items that may be taken, all of a group or none.
        size: how many.
        groups: the group of each item, by the same index.
    """
    of = groups.loc[order]
    members = {group: list(own) for group, own in of.groupby(of, sort=False).groups.items()}
    taken: list[int] = []
    for group in dict.fromkeys(of):
        own = members[group]
        if len(taken) + len(own) <= size:
            taken += own
    return taken
