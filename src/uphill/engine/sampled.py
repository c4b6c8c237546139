"""Which items a check looks at: few, but of the lengths that a job has, where the job's packs would put them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from uphill.engine.checks import Shape, rounded
from uphill.engine.packing import Answer, common, packs_of, shared_prefix, unscored

Heads = Sequence[Sequence[int]]
Tails = Sequence[Sequence[Sequence[int]]]


@dataclass(frozen=True)
class Sample:
    """Items that together are one pack, and those of their choices that are compared.

    Attributes:
        heads, tails: token ids of prompts and of their choices.
        picks: (item, choice) of what is compared.
        budget: tokens of a pack; unless given, all is one.
    """

    heads: Heads
    tails: Tails
    picks: list[tuple[int, int]]
    budget: int = 2**31

    @property
    def alone(self) -> "Sample":
        """What is compared, and nothing else: each pick an item with one choice."""
        return Sample(
            [self.heads[item] for item, _ in self.picks],
            [[self.tails[item][choice]] for item, choice in self.picks],
            [(number, 0) for number in range(len(self.picks))],
            self.budget,
        )


def shape_of(heads: Heads, tails: Tails, budget: int, window: int, states: bool) -> Shape:
    """What a job with these items asks for."""
    prefix = shared_prefix(heads)
    sizes = _sizes(heads, tails, prefix)
    pack = max(sum(sizes[item] for item in pack) for pack in packs_of(sizes, budget))
    return Shape(min(rounded(longest(heads, tails)), window), rounded(pack), prefix, states)


def sample(heads: Heads, tails: Tails, budget: int, count: int) -> Sample:
    """The largest pack of a job, its shortest and longest item at the end; these and `count` others are compared."""
    sizes, lengths = _sizes(heads, tails, shared_prefix(heads)), _lengths(heads, tails)
    pack = max(packs_of(sizes, budget), key=lambda items: sum(sizes[item] for item in items))
    ends = list(dict.fromkeys((int(np.argmin(lengths)), int(np.argmax(lengths)))))
    others, room = [item for item in pack if item not in ends], sum(sizes[item] for item in pack)
    while others and sum(sizes[item] for item in [*others, *ends]) > room:
        others.pop()
    chosen = [*others, *ends]
    spread = [round(part * (len(others) - 1)) for part in np.linspace(0, 1, count)] if others else []
    compared = [*dict.fromkeys(spread), *range(len(others), len(chosen))]
    answers = [tails[item] for item in chosen]
    picks = [pick for item in compared for pick in _two(answers, item)]
    return Sample([heads[item] for item in chosen], answers, picks)


def stretched(found: Sample, shape: Shape) -> Sample:
    """The same, with its last item as long and its pack as large as the shape; the prefix stays."""
    heads, tails = [list(head) for head in found.heads], list(found.tails)
    prefix = shared_prefix(heads) if len(heads) > 1 else len(heads[0]) - 1
    missing = shape.longest - len(heads[-1]) - max(map(len, tails[-1]))
    heads[-1] = heads[-1] + heads[-1][-1:] * max(0, missing)
    sizes = _sizes(heads, tails, prefix)
    fillers = 0
    while sum(sizes) + sizes[fillers % len(found.heads)] <= shape.pack:
        sizes.append(sizes[fillers % len(found.heads)])
        fillers += 1
    # In front, so that what is compared stands at the end.
    extra = [number % len(found.heads) for number in range(fillers)]
    return replace(
        found,
        heads=[*(heads[item] for item in extra), *heads],
        tails=[*(tails[item] for item in extra), *tails],
        picks=[(item + fillers, choice) for item, choice in found.picks],
    )


def respelt(found: Sample, size: int, seed: int = 0) -> Sample:
    """The same lengths and common beginnings, of prompts and of an item's choices, in `size` tokens from 3 on."""
    rng = np.random.default_rng(seed)
    prefix = shared_prefix(found.heads) if len(found.heads) > 1 else len(found.heads[0]) - 1

    def text(count: int) -> list[int]:
        return [int(token) for token in rng.integers(3, 3 + size, count)]

    def answers(choices: Sequence[Sequence[int]]) -> list[Answer]:
        shared = text(common(choices, min(map(len, choices))))
        return [Answer(shared + text(len(choice) - len(shared)), unscored(choice)) for choice in choices]

    start = text(prefix)
    return replace(
        found,
        heads=[start + text(len(head) - prefix) for head in found.heads],
        tails=[answers(choices) for choices in found.tails],
    )


def _sizes(heads: Heads, tails: Tails, prefix: int) -> list[int]:
    return [len(head) - prefix + sum(map(len, choices)) for head, choices in zip(heads, tails, strict=True)]


def longest(heads: Heads, tails: Tails) -> int:
    """Tokens of the longest sequence."""
    return max(_lengths(heads, tails))


def _lengths(heads: Heads, tails: Tails) -> list[int]:
    return [len(head) + max(map(len, choices)) for head, choices in zip(heads, tails, strict=True)]


def _two(tails: Tails, item: int) -> list[tuple[int, int]]:
    """An item's last choice, which stands furthest in its pack, and its longest."""
    lengths = list(map(len, tails[item]))
    return [(item, choice) for choice in sorted({len(lengths) - 1, int(np.argmax(lengths))})]
