"""Packing: what each token of a pack may see, where it stands, and which rows score which answer."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from uphill.engine.attention import visible
from uphill.engine.packing import Answer, Branched, lay_out, packs_of, shared_prefix

TOKENS = st.integers(0, 9)
TEXTS = st.lists(TOKENS, min_size=1, max_size=5)
# Two token values, so that choices begin alike, end within another, or are the same.
TAILS = st.lists(st.integers(0, 1), min_size=1, max_size=5).flatmap(
    lambda ids: st.integers(0, len(ids) - 1).map(lambda unscored: Answer(ids, unscored))
)
ITEMS = st.lists(
    st.builds(Branched, question=TEXTS, choices=st.lists(TEXTS, min_size=1, max_size=4))
    | st.builds(Branched.of, TEXTS, st.lists(TAILS, min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)
PREFIXES = st.lists(TOKENS, max_size=4)
STARTS = st.integers(0, 50)

Name = tuple[int | str, ...]


def named_tokens(items: Sequence[Branched], prefix: Sequence[int]) -> list[Name]:
    """A name for each token of the pack, in the documented order: what it belongs to, and its place in there."""
    names: list[Name] = [("prefix", place) for place in range(len(prefix))]
    for number, item in enumerate(items):
        names += [("question", number, place) for place in range(len(item.question))]
        for branch, choice in enumerate(item.choices):
            names += [("choice", number, branch, place) for place in range(len(choice))]
    return names


def standalone(items: Sequence[Branched], prefix: Sequence[int], number: int, branch: int) -> list[Name]:
    """Names of the tokens of one prefix + question + choice, as they would stand in a sequence of their own."""
    return [
        *(("prefix", place) for place in range(len(prefix))),
        *(("question", number, place) for place in range(len(items[number].question))),
        *(("choice", number, branch, place) for place in range(len(items[number].choices[branch]))),
    ]


def branches(items: Sequence[Branched]) -> list[tuple[int, int]]:
    return [(number, branch) for number, item in enumerate(items) for branch in range(len(item.choices))]


@given(ITEMS, PREFIXES, STARTS)
def test_a_token_sees_what_stands_before_it_in_its_own_sequence(
    items: list[Branched], prefix: list[int], start: int
) -> None:
    layout = lay_out(items, start, prefix)
    names = named_tokens(items, prefix)
    expected: dict[Name, set[Name]] = {}
    for number, branch in branches(items):
        sequence = standalone(items, prefix, number, branch)
        for place, name in enumerate(sequence):
            # A question's tokens are in the sequence of every choice, and see the same in each.
            assert expected.setdefault(name, set(sequence[: place + 1])) == set(sequence[: place + 1])
    seen = visible(torch.from_numpy(layout.until)).numpy()
    assert seen.shape == (len(names), len(names))
    for row, name in enumerate(names):
        assert {names[column] for column in np.flatnonzero(seen[row])} == expected[name]


@given(ITEMS, PREFIXES, STARTS)
def test_ids_and_positions_are_those_of_the_standalone_sequences(
    items: list[Branched], prefix: list[int], start: int
) -> None:
    layout = lay_out(items, start, prefix)
    row = {name: row for row, name in enumerate(named_tokens(items, prefix))}
    assert len(layout.input_ids) == len(prefix) + sum(item.n_tokens for item in items) == len(row)
    for number, branch in branches(items):
        rows = [row[name] for name in standalone(items, prefix, number, branch)]
        ids = [*prefix, *items[number].question, *items[number].choices[branch]]
        assert layout.input_ids[rows].tolist() == ids
        assert layout.position_ids[rows].tolist() == list(range(start, start + len(ids)))


@given(ITEMS, PREFIXES, STARTS)
def test_each_answer_token_is_scored_once_by_the_token_before_it(
    items: list[Branched], prefix: list[int], start: int
) -> None:
    layout = lay_out(items, start, prefix)
    row = {name: row for row, name in enumerate(named_tokens(items, prefix))}
    scored, lasts = [], []
    for owner, (number, branch) in enumerate(branches(items)):
        sequence = standalone(items, prefix, number, branch)
        item = items[number]
        ids = [*prefix, *item.question, *item.choices[branch]]
        # Tokens of the question that all choices share may be of the answers.
        first = len(prefix) + item.starts[branch]
        scored += [(row[sequence[place - 1]], ids[place], owner) for place in range(first, len(ids))]
        lasts.append(row[sequence[-1]])
    rows, targets, owners = (part.tolist() for part in (layout.score_rows, layout.score_targets, layout.score_choice))
    assert list(zip(rows, targets, owners, strict=True)) == scored
    assert layout.last_rows.tolist() == lasts


@given(TEXTS, st.lists(TAILS, min_size=1, max_size=4), PREFIXES)
def test_choices_branch_where_they_part(head: list[int], tails: list[Answer], prefix: list[int]) -> None:
    item = Branched.of(head, tails)
    assert [[*item.question, *choice] for choice in item.choices] == [[*head, *tail] for tail in tails]
    assert len(tails) == 1 or not all(item.choices) or len({choice[0] for choice in item.choices}) > 1
    for tail, (before, scored) in zip(tails, item.sequences(prefix), strict=True):
        assert scored == tail[tail.unscored :]
        assert before + scored == [*prefix, *head, *tail]


@given(st.lists(st.integers(1, 30)), st.integers(1, 40))
def test_plan_keeps_every_item_in_order_and_the_budget(sizes: list[int], budget: int) -> None:
    packs = list(packs_of(sizes, budget))
    assert [index for pack in packs for index in pack] == list(range(len(sizes)))
    assert all(packs)
    for pack in packs:
        assert len(pack) == 1 or sum(sizes[index] for index in pack) <= budget
    # No pack ends early: the next item would not have fitted.
    for pack, following in pairwise(packs):
        assert sum(sizes[index] for index in pack) + sizes[following[0]] > budget


# Two token values and a common beginning, so that long shared prefixes come up.
@given(
    st.lists(st.integers(0, 1), max_size=6),
    st.lists(st.lists(st.integers(0, 1), max_size=6), min_size=1, max_size=6),
    st.integers(0, 1),
)
def test_shared_prefix_is_the_longest_that_leaves_a_token(
    common: list[int], endings: list[list[int]], last: int
) -> None:
    prompts = [[*common, *ending, last] for ending in endings]
    lengths = [
        length
        for length in range(min(map(len, prompts)))
        if all(prompt[:length] == prompts[0][:length] for prompt in prompts)
    ]
    assert shared_prefix(prompts) == max(lengths)


def test_shared_prefix_of_one_prompt_leaves_its_last_token() -> None:
    assert shared_prefix([[5, 6, 7]]) == 2
    assert shared_prefix([[5, 6, 7], [5, 6, 7]]) == 2
    assert shared_prefix([[5, 6, 7], [5]]) == 0
