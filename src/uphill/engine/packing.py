"""Packing many items into one sequence: each question is read once, its choices branch off it, nothing is padded.

Pure arithmetic on token ids. A pack is laid out as

    question 1 | choice 1a | choice 1b | question 2 | choice 2a | ...

where a token sees the shared prefix, its own item's question, and its own branch up to itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUESTION = -1
"""Branch number of a question's tokens; choices count from 0."""
PREFIX = -1
"""Item number of prefix tokens that stand in the pack itself."""


@dataclass(frozen=True)
class Branched:
    """Token ids of one item: what is asked, and each possible answer."""

    question: Sequence[int]
    choices: Sequence[Sequence[int]]

    @property
    def n_tokens(self) -> int:
        """Tokens that a packed pass reads."""
        return len(self.question) + sum(map(len, self.choices))


@dataclass(frozen=True)
class Layout:
    """One packed sequence of T tokens, S of whose rows score an answer token, for C choices in all.

    Attributes:
        input_ids: [T] token ids.
        position_ids: [T] positions, as if each choice stood alone behind prefix and question.
        visible: [T, T] bool, whether token i sees token j of the pack.
        score_rows: [S] the row whose output predicts the token in `score_targets`.
        score_targets: [S] token ids of answers.
        score_choice: [S] which of the C choices the row belongs to, in order of items and choices.
        last_rows: [C] row of each choice's last token.
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    visible: NDArray[np.bool_]
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


def lay_out(items: Sequence[Branched], start: int, prefix: Sequence[int] = ()) -> Layout:
    """Lay items out in one sequence.

    Args:
        items: at least one, each with a non-empty question and non-empty choices.
        start: position of the first token, the length of a prefix that the model has in its cache.
        prefix: a prefix to put into the pack itself, for a pass without a cache (training).
    """
    ids, positions, item_of, branch_of = list(prefix), list(range(start, start + len(prefix))), [], []
    item_of += [PREFIX] * len(prefix)
    branch_of += [QUESTION] * len(prefix)
    start += len(prefix)
    rows: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    lasts: list[int] = []
    for number, item in enumerate(items):
        asked = len(item.question)
        question_end = len(ids) + asked - 1
        _append(ids, positions, item.question, start)
        item_of += [number] * asked
        branch_of += [QUESTION] * asked
        for branch, choice in enumerate(item.choices):
            first = len(ids)
            _append(ids, positions, choice, start + asked)
            item_of += [number] * len(choice)
            branch_of += [branch] * len(choice)
            rows += [question_end, *range(first, first + len(choice) - 1)]
            targets += choice
            owners += [len(lasts)] * len(choice)
            lasts.append(len(ids) - 1)
    return Layout(
        np.array(ids, dtype=np.int64),
        np.array(positions, dtype=np.int64),
        _visible(np.array(item_of), np.array(branch_of)),
        *(np.array(values, dtype=np.int64) for values in (rows, targets, owners, lasts)),
    )


def _append(ids: list[int], positions: list[int], tokens: Sequence[int], start: int) -> None:
    ids += tokens
    positions += range(start, start + len(tokens))


def _visible(item: NDArray[np.int64], branch: NDArray[np.int64]) -> NDArray[np.bool_]:
    same_item = item[:, None] == item[None, :]
    same_branch = (branch[None, :] == QUESTION) | (branch[:, None] == branch[None, :])
    earlier = np.tri(len(item), dtype=bool)
    seen: NDArray[np.bool_] = earlier & (same_item & same_branch | (item[None, :] == PREFIX))
    return seen
