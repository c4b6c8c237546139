"""Ways to decode, the fastest first, and which of them a model is trusted with.

A way is tried twice before it is used, each time against whole passes: in float32 on a cut-down copy of the model, whose
attention is sharp, at the job's lengths and up to the longest that its answers can reach, where rounding hides nothing;
and on the model itself, in its own type, on three of the job's prompts, within what rounding was measured to do.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from uphill.engine import rehearsal
from uphill.engine.decoding import Choose, Ends, Row, decode
from uphill.engine.launching import recorder
from uphill.engine.loading import Loaded
from uphill.engine.packed import read_prefix
from uphill.engine.plain_decoding import by_generate, by_whole_passes
from uphill.engine.rehearsal import Way
from uphill.engine.structure import NoCopyError, cut_down

log = logging.getLogger(__name__)

SHARED, SIDE_BY_SIDE, ALONE, WHOLE = (
    "a shared prefix",
    "transformers' generate",
    "transformers' generate, one answer at a time",
    "whole passes",
)
WAYS = (SHARED, SIDE_BY_SIDE, ALONE, WHOLE)
LETTERS = 24
"""Distinct tokens of what a cut-down copy reads: few, so that what sees too much finds much to copy from."""
LONGEST_LED = 512
"""Tokens that a cut-down copy is led along at most."""


@dataclass(frozen=True)
class Shape:
    """What of a job decides whether a way can be trusted with it.

    Attributes:
        length: tokens of the longest prompt and answer, up to the next power of two and the model's window.
        prefix: whether a beginning is shared.
        ragged: whether prompts differ in length.
        side_by_side: whether more than one answer is made at a time.
        exact: tokens that are shared, of the shortest prompt and of the longest, where no copy says what others do.
    """

    length: int
    prefix: bool
    ragged: bool
    side_by_side: bool
    exact: tuple[int, int, int] | None


_taken: WeakKeyDictionary[Any, dict[Shape, str]] = WeakKeyDictionary()
"""The way that each model was found to be right in, for jobs of a shape."""
_copies: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""Each model's cut-down copy; None where there is none."""


class Ways:
    """The ways for one job: prompts `heads`, the first `start` tokens of which all share, and answers of `longest`."""

    def __init__(self, loaded: Loaded, heads: list[list[int]], start: int, longest: int, batch: int) -> None:
        self._loaded, self._heads, self._start, self._longest = loaded, heads, start, longest
        self._count = batch
        self._copy = _copy_of(loaded)
        lengths = sorted(map(len, heads))
        whole = lengths[-1] + longest
        self.shape = Shape(
            length=min(loaded.window, 1 << (whole - 1).bit_length()),
            prefix=start > 0,
            ragged=lengths[0] < lengths[-1],
            side_by_side=batch > 1 and len(heads) > 1,
            exact=(start, lengths[0], whole) if self._copy is None else None,
        )
        self._known = _taken.setdefault(loaded.model, {})

    @property
    def name(self) -> str:
        """The way to take."""
        if self.shape not in self._known:
            self._known[self.shape] = self._first_right(WAYS)
        return self._known[self.shape]

    def run(self, rows: Sequence[Row], count: int, ends: Ends, choose: Choose) -> Iterator[Row]:
        """Continue rows by that way."""
        record = recorder(self._loaded.model) if self.name == SHARED else None
        return _way(self._loaded, self.name, self._heads[0][: self._start], record)(rows, count, ends, choose)

    def leave(self, why: str) -> bool:
        """Leave that way, which fails, for the next that is right; False where there is none."""
        before = self.name
        if before == WHOLE:
            return False
        self._say(before, why)
        self._known[self.shape] = self._first_right(self._after(before))
        return True

    def _after(self, name: str) -> tuple[str, ...]:
        # One at a time is what the way before it does already.
        return tuple(way for way in WAYS[WAYS.index(name) + 1 :] if way != ALONE or self.shape.side_by_side)

    def _say(self, name: str, why: str) -> None:
        log.warning("decoding by %s: %s; taking %s", name, why, self._after(name)[0])

    def _first_right(self, names: Sequence[str]) -> str:
        checks: tuple[_Check, ...] | None = None
        for name in names:
            if name == WHOLE or (name == ALONE and not self.shape.side_by_side):
                continue
            if checks is None:
                checks = tuple(self._checks())
            problem = next((wrong for check in checks if (wrong := check.problem(name)) is not None), None)
            if problem is None:
                return name
            self._say(name, problem)
        return WHOLE

    def _checks(self) -> Iterator["_Check"]:
        """On the copy, if there is one; and on the model, on some of the job's prompts."""
        if self._copy is not None:
            prefix, heads, tokens = self._stand_ins()
            half, follows = rehearsal.STEPS // 2, len(tokens[0])
            steps = sorted({*range(follows)[:half], *range(follows)[-half:]})
            right = rehearsal.led(self._copy, heads, tokens, steps)
            yield _Check(self._copy, right, prefix, self._count, rehearsal.STRUCTURE_NATS, "in a cut-down copy ")
        right = rehearsal.greedy(
            self._loaded, rehearsal.chosen(self._heads), min(rehearsal.STEPS, self._longest)
        )
        yield _Check(self._loaded, right, self._start, self._count, rehearsal.rounding_limit(self._loaded, right))

    def _stand_ins(self) -> tuple[int, list[list[int]], list[list[int]]]:
        """How much of the copy's prompts is shared, the prompts, and what follows each.

        Few tokens are shared, so that most of what is behind them can be beyond whatever the model's length decides;
        there are prompts as short as can be, as the job's shortest and longest, and as long as an answer can reach.
        """
        size = self._copy.model.get_input_embeddings().weight.shape[0]
        # Padding, for some models, is not where it stands.
        pad = getattr(self._copy.model.config.get_text_config(), "pad_token_id", None)
        letters = [token for token in range(3, size) if token != pad][:LETTERS]
        rng = np.random.default_rng(0)

        def drawn(count: int) -> list[int]:
            return [letters[number] for number in rng.integers(len(letters), size=count)]

        follows = min(self._longest, LONGEST_LED)
        start = min(self._start, 2)
        own = sorted(map(len, self._heads))
        lengths = [start + 1, own[0], own[-1], self.shape.length - follows]
        if not self.shape.ragged:
            lengths = [own[0]] * 2
        shared = drawn(start)
        heads = [shared + drawn(max(length, start + 1) - start) for length in lengths]
        return start, heads, [drawn(follows) for _ in heads]


@dataclass(frozen=True)
class _Check:
    """What whole passes of a model say of some prompts, the first `start` tokens of which are shared."""

    loaded: Loaded
    right: rehearsal.Rehearsed
    start: int
    count: int
    limit: float
    where: str = ""

    def problem(self, name: str) -> str | None:
        way = _way(self.loaded, name, self.right.heads[0][: self.start], None)
        # Short ones beside long ones, whatever the job itself puts together.
        count = 1 if self.count == 1 else len(self.right.heads)
        found = rehearsal.disagreement(way, self.right, count, self.limit)
        return None if found is None else self.where + found


def _copy_of(loaded: Loaded) -> Any:
    """The model's cut-down copy, ready to be run; None, with a line in the log, where it has none."""
    if loaded.model not in _copies:
        _copies[loaded.model] = None
        try:
            _copies[loaded.model] = replace(loaded, model=cut_down(loaded.model))
        except NoCopyError as error:
            log.info("decoding is checked on the model alone, which cannot be cut down: %s", error)
    return _copies[loaded.model]


def _way(loaded: Loaded, name: str, prefix: list[int], record: Any) -> Way:
    if name == SHARED:
        return partial(_behind_prefix, loaded, prefix, record)
    if name == WHOLE:
        return partial(by_whole_passes, loaded)
    return partial(_one_by_one if name == ALONE else by_generate, loaded)


def _behind_prefix(
    loaded: Loaded, prefix: list[int], record: Any, rows: Sequence[Row], count: int, ends: Ends, choose: Choose
) -> Iterator[Row]:
    cache = read_prefix(loaded, prefix)
    yield from decode(loaded, rows, cache, len(prefix), count, ends, choose, record)


def _one_by_one(
    loaded: Loaded,
    rows: Sequence[Row],
    count: int,  # noqa: ARG001 - a way's signature
    ends: Ends,
    choose: Choose,
) -> Iterator[Row]:
    yield from by_generate(loaded, rows, 1, ends, choose)
