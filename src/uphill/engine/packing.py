"""Packing many items into one sequence: each question is read once, its choices branch off it, nothing is padded.

Pure arithmetic on token ids. A pack is laid out as

    question 1 | choice 1a | choice 1b | question 2 | choice 2a | ...

where a token sees the shared prefix, its own item's question, and its own branch up to itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Branched:
    """Token ids of one item: what is asked, and each possible answer."""

    question: Sequence[int]
    choices: Sequence[Sequence[int]]

    @property
    def n_tokens(self) -> int:
        """Tokens of the question and of all choices."""
        return len(self.question) + sum(map(len, self.choices))


@dataclass(frozen=True)
class Layout:
    """One packed sequence of T tokens, S of whose rows score an answer token, for C choices in all.

    Attributes:
        input_ids: [T] token ids.
        position_ids: [T] positions, as if each choice stood alone behind prefix and question.
        until: [T] the last row that sees the token; from its own row up to this one, all do.
        score_rows: [S] the row whose output predicts the token in `score_targets`.
        score_targets: [S] token ids of answers.
        score_choice: [S] which of the C choices the row belongs to, in order of items and choices.
        last_rows: [C] row of the last token of each choice that stands in the pack, its question's where none does.
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    until: NDArray[np.int64]
    score_rows: NDArray[np.int64]
    score_targets: NDArray[np.int64]
    score_choice: NDArray[np.int64]
    last_rows: NDArray[np.int64]


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Length of the longest common beginning that leaves every prompt at least one token of its own."""
    # What the first and the last in alphabetical order share, all share.
    first, last = min(map(list, prompts)), max(map(list, prompts))
    limit = min(map(len, prompts)) - 1
    same = 0
    while same < limit and first[same] == last[same]:
        same += 1
    return same


def plan(sizes: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Cut items, in order, into packs of at most `budget` tokens; an item over the budget gets a pack of its own."""
    pack: list[int] = []
    held = 0
    for index, size in enumerate(sizes):
        if pack and held + size > budget:
            yield pack
            pack, held = [], 0
        pack.append(index)
        held += size
    if pack:
        yield pack


def lay_out(items: Sequence[Branched], start: int, prefix: Sequence[int] = (), ends: bool = True) -> Layout:
    """Lay items out in one sequence.

    Args:
        items: at least one, each with a non-empty question and non-empty choices.
        start: position of the first token, the length of a prefix that the model has in its cache.
        prefix: a prefix to put into the pack itself, for a pass without a cache (training).
        ends: whether the last token of each choice stands in the pack. It scores nothing; its state may be of use.
    """
    ids, positions, until = list(prefix), list(range(start, start + len(prefix))), [0] * len(prefix)
    start += len(prefix)
    rows: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    lasts: list[int] = []
    for item in items:
        asked = len(item.question)
        question = len(ids)
        _append(ids, positions, item.question, start)
        until += [0] * asked
        for choice in item.choices:
            read = choice if ends else choice[:-1]
            first = len(ids)
            _append(ids, positions, read, start + asked)
            until += [len(ids) - 1] * len(read)
            rows += [question + asked - 1, *range(first, first + len(choice) - 1)]
            targets += choice
            owners += [len(lasts)] * len(choice)
            lasts.append(len(ids) - 1 if read else question + asked - 1)
        until[question : question + asked] = [len(ids) - 1] * asked
    until[: len(prefix)] = [len(ids) - 1] * len(prefix)
    return Layout(
        *(np.array(values, dtype=np.int64) for values in (ids, positions, until, rows, targets, owners, lasts))
    )


def _append(ids: list[int], positions: list[int], tokens: Sequence[int], start: int) -> None:
    ids += tokens
    positions += range(start, start + len(tokens))
