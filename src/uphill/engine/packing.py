"""Packing many items into one sequence: each question is read once, its choices branch off it, nothing is padded.

Pure arithmetic on token ids. A pack is laid out as

    question 1 | choice 1a | choice 1b | question 2 | choice 2a | ...

where a token sees the shared prefix, its own item's question, and its own branch up to itself. Choices that begin alike
branch where they part.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


class Answer(list[int]):
    """Token ids behind what an item's choices are all read after; the first `unscored` are still the prompt's."""

    def __init__(self, ids: Iterable[int] = (), unscored: int = 0) -> None:
        super().__init__(ids)
        self.unscored = unscored


def unscored(tail: Sequence[int]) -> int:
    """How many tokens of a tail are not scored; none of a plain list's."""
    return tail.unscored if isinstance(tail, Answer) else 0


@dataclass(frozen=True)
class Branched:
    """Token ids of one item: what is read once, and what each possible answer goes on with.

    Attributes:
        question: what all choices share, the beginning of the answers included.
        choices: the rest of each choice; empty where the question ends with it.
        starts: of each choice, which of its tokens, counted from the question's first, is the first that scores; the
            one behind the question unless given.
    """

    question: Sequence[int]
    choices: Sequence[Sequence[int]]
    starts: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not self.starts:
            object.__setattr__(self, "starts", [len(self.question)] * len(self.choices))

    @classmethod
    def of(cls, head: Sequence[int], tails: Sequence[Sequence[int]]) -> Self:
        """An item that branches where its choices part.

        Args:
            head: at least one token that comes before all answers.
            tails: what follows it for each choice.
        """
        shared = common(tails, min(map(len, tails))) if len(tails) > 1 else 0
        starts = [len(head) + unscored(tail) for tail in tails]
        return cls([*head, *tails[0][:shared]], [list(tail[shared:]) for tail in tails], starts)

    @property
    def n_tokens(self) -> int:
        """Tokens of the question and of all choices."""
        return len(self.question) + sum(map(len, self.choices))

    @property
    def n_ends(self) -> int:
        """Choices whose last token is read for its state alone."""
        return sum(map(bool, self.choices))

    @property
    def scored(self) -> list[int]:
        """How many tokens of each choice score."""
        return [
            len(self.question) + len(choice) - start for choice, start in zip(self.choices, self.starts, strict=True)
        ]

    def sequences(self, prefix: Sequence[int]) -> list[tuple[list[int], list[int]]]:
        """Of each choice, what comes before the first token that scores, and the tokens that do."""
        return [
            cut([*prefix, *self.question, *choice], len(prefix) + start)
            for choice, start in zip(self.choices, self.starts, strict=True)
        ]


def cut(ids: list[int], place: int) -> tuple[list[int], list[int]]:
    """What comes before a place, and the rest."""
    return ids[:place], ids[place:]


@dataclass(frozen=True)
class Pack:
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


def common(sequences: Sequence[Sequence[int]], limit: int) -> int:
    """How many of the first `limit` tokens all sequences share."""
    # What the first and the last in alphabetical order share, all share.
    first, last = min(map(list, sequences)), max(map(list, sequences))
    return next((place for place in range(limit) if first[place] != last[place]), limit)


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Length of the longest common beginning that leaves every prompt at least one token of its own."""
    return common(prompts, min(map(len, prompts)) - 1)


def packs_of(sizes: Sequence[int], budget: int) -> Iterator[list[int]]:
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


def lay_out(items: Sequence[Branched], start: int, prefix: Sequence[int] = (), ends: bool = True) -> Pack:
    """Lay items out in one sequence.

    Args:
        items: at least one, each with a question that begins before its answers.
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
        for choice, start_at in zip(item.choices, item.starts, strict=True):
            read = choice if ends else choice[:-1]
            # Of each of the choice's tokens, the question's included, the row that it stands in or would.
            places = [*range(question, question + asked), *range(len(ids), len(ids) + len(choice))]
            _append(ids, positions, read, start + asked)
            until += [len(ids) - 1] * len(read)
            rows += places[start_at - 1 : -1]
            targets += [*item.question, *choice][start_at:]
            owners += [len(lasts)] * (len(places) - start_at)
            lasts.append(places[asked + len(read) - 1])
        until[question : question + asked] = [len(ids) - 1] * asked
    until[: len(prefix)] = [len(ids) - 1] * len(prefix)
    return Pack(*(np.array(values, dtype=np.int64) for values in (ids, positions, until, rows, targets, owners, lasts)))


def _append(ids: list[int], positions: list[int], tokens: Sequence[int], start: int) -> None:
    ids += tokens
    positions += range(start, start + len(tokens))
