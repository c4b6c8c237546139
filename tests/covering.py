"""Cross products of which a push tries a part that sees every pair, or every value, and the night all of it.

And so of the examples of a property that takes long.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import settings

PUSHED = 8
"""Examples of such a property on a push, where others have the thirty of their profile."""


def covering(strength: int = 2, indirect: Sequence[str] = (), **values: Sequence[Any]) -> pytest.MarkDecorator:
    """A parametrization by the product of some arguments' values; what a push leaves out is marked `nightly`.

    Args:
        strength: each choice of values of so many arguments is tried on a push: 1 is each value, 2 each pair.
        indirect: arguments that are fixtures.
        values: those of each argument.
    """
    kept = chosen(strength, [len(own) for own in values.values()])
    cases = [
        pytest.param(
            *(own[number] for own, number in zip(values.values(), case, strict=True)),
            marks=[] if case in kept else pytest.mark.nightly,
        )
        for case in product(*(range(len(own)) for own in values.values()))
    ]
    return pytest.mark.parametrize(list(values), cases, indirect=list(indirect))


def few(most: int = PUSHED) -> settings:
    """So many examples on a push; at night as many as the profile has."""
    asked = settings()
    return settings(max_examples=most) if asked.derandomize else asked


def chosen(strength: int, sizes: Sequence[int]) -> set[tuple[int, ...]]:
    """Few cases that see every choice of values of `strength` arguments: greedily, those that see most first."""
    cases = list(product(*map(range, sizes)))

    def seen(case: tuple[int, ...]) -> set[tuple[tuple[int, int], ...]]:
        return set(combinations(enumerate(case), strength))

    left, found, used = set().union(*map(seen, cases)), set(), Counter[tuple[int, int]]()
    while left:
        # Of cases that see as much, the one whose values were taken least: each value comes about as often.
        best = max(cases, key=lambda case: (len(seen(case) & left), -sum(used[value] for value in enumerate(case))))
        found.add(best)
        left -= seen(best)
        used.update(enumerate(best))
    return found
