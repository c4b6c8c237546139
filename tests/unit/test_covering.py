"""Parts of cross products: every pair is in the part, and a part is smaller than the whole."""

from itertools import combinations

import pytest
from covering import chosen, covering


@pytest.mark.parametrize(
    ("strength", "sizes", "most"),
    [(1, (6, 2), 6), (2, (8, 3, 2), 26), (2, (9, 2, 3), 29), (2, (4, 3), 12), (1, (5,), 5)],
)
def test_every_choice_of_values_is_seen(strength: int, sizes: tuple[int, ...], most: int) -> None:
    found = chosen(strength, sizes)
    assert len(found) <= most
    for places in combinations(range(len(sizes)), strength):
        seen = {tuple(case[place] for place in places) for case in found}
        expected = 1
        for place in places:
            expected *= sizes[place]
        assert len(seen) == expected


def test_what_is_left_out_is_tried_at_night() -> None:
    cases = covering(strength=1, kind=["a", "b", "c"], often=[True, False]).args[1]
    assert {case.values for case in cases} == {(kind, often) for kind in "abc" for often in (True, False)}
    kept = [case.values for case in cases if not case.marks]
    assert {kind for kind, _ in kept} == {"a", "b", "c"}
    assert {often for _, often in kept} == {True, False}
    assert len(kept) == 3
    assert {mark.name for case in cases for mark in case.marks} == {"nightly"}
