"""Ways to decode, the fastest first, and which of them a model is trusted with.

A way is tried twice before it is used, each time against whole passes: in float32 on a cut-down copy of the model, of
sharp attention, at the job's lengths and up to the longest that its answers can reach, where rounding hides nothing;
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
from uphill.engine.checks import NOTHING, Shape, rounded
from uphill.engine.decoding import Choose, Continuation, Ends, decode
from uphill.engine.launching import recorder
from uphill.engine.loading import Loaded
from uphill.engine.packed import read_prefix
from uphill.engine.plain_decoding import by_generate, by_whole_passes
from uphill.engine.rehearsal import Way
from uphill.engine.sizes import text_config
from uphill.engine.structure import NoCopyError, cut_down
from uphill.running.noting import note

log = logging.getLogger(__name__)

SHARED, SIDE_BY_SIDE, ALONE, WHOLE = (
    "a shared prefix",
    "transformers' generate",
    "transformers' generate, one answer at a time",
    "whole passes",
)
WAYS = (SHARED, SIDE_BY_SIDE, ALONE, WHOLE)
agreed: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""Models for which this was set to False by hand go without the fast way."""
LETTERS = 24
"""Distinct tokens of what a cut-down copy reads: few, so that what sees too much finds much to copy from."""
LONGEST_LED = 512
"""Tokens that a cut-down copy is led along at most."""


class Ways:
    """The ways for one job: prompts `heads`, the first `start` tokens of which all share, and answers of `longest`.

    What was found out is remembered with what is known of the model's ways to score (see `checks`). What is asked of a
    way is how long prompt and answer become, what is shared, and how many answers of different lengths, one or more,
    are made side by side.
    """

    def __init__(self, loaded: Loaded, heads: list[list[int]], start: int, longest: int, batch: int) -> None:
        self._loaded, self._heads, self._start, self._longest = loaded, heads, start, longest
        lengths = sorted(map(len, heads))
        self._ragged = lengths[0] < lengths[-1]
        self._count = 1 if batch == 1 or len(heads) == 1 else 2
        whole = lengths[-1] + longest
        # What is rounded up stays within what the job itself stays within.
        limit = loaded.span if whole <= loaded.span else loaded.window
        side_by_side = self._count if self._ragged else 1
        self._shape = Shape(min(rounded(whole), limit, loaded.window), side_by_side, start, states=False)
        self._held: tuple[_Check, ...] = ()
        self._offered = tuple(way for way in WAYS if way != SHARED or agreed.get(loaded.model, True))
        self.name = self._first_right()

    def run(self, rows: Sequence[Continuation], count: int, ends: Ends, choose: Choose) -> Iterator[Continuation]:
        """Continue rows by the way `name`."""
        record = recorder(self._loaded.model) if self.name == SHARED else None
        return _way(self._loaded, self.name, self._heads[0][: self._start], record)(rows, count, ends, choose)

    def leave(self, why: str) -> bool:
        """Leave the way, which fails, for the next that is right; False where there is none."""
        if self.name == WHOLE:
            return False
        self._loaded.checks.add(f"failed: {self.name}", NOTHING, why, lasting=False)
        self.name = self._first_right()
        return True

    def _first_right(self) -> str:
        for name in self._offered:
            # One at a time is what the way before does already, unless there are more.
            if name == ALONE and self._count == 1:
                continue
            problem = None if name == WHOLE else self._problem(name)
            if problem is None:
                return name
            self._say(name, problem)
        return WHOLE

    def _problem(self, name: str) -> str | None:
        """What is wrong with a way, from an earlier check of as much or more, or from a new one."""
        checks, what = self._loaded.checks, f"decoding by {name}"
        # What failed amid a job fails, though it was right on what was tried.
        outcome = checks.find(f"failed: {name}", NOTHING) or checks.find(what, self._shape)
        if outcome is not None:
            return outcome.wrong
        self._held = self._held or tuple(self._checks())
        wrong = next((wrong for check in self._held if (wrong := check.problem(name)) is not None), None)
        checks.add(what, self._shape, wrong)
        return wrong

    def _say(self, name: str, why: str) -> None:
        """One line in the log, once for each model, and a note for the report."""
        after = next(way for way in WAYS[WAYS.index(name) + 1 :] if way != ALONE or self._count > 1)
        line = f"decoding by {name}: {why}; taking {after}"
        if line not in self._loaded.checks.said:
            self._loaded.checks.said.add(line)
            log.warning("%s", line)
        note(f"{self._loaded.model.config.name_or_path}: {line}")

    def _checks(self) -> Iterator["_Check"]:
        """On the copy, if there is one; and on the model, on some of the job's prompts."""
        copy = _copy_of(self._loaded)
        if copy is not None:
            prefix, heads, tokens = self._stand_ins(copy)
            half, follows = rehearsal.STEPS // 2, len(tokens[0])
            steps = sorted({*range(follows)[:half], *range(follows)[-half:]})
            right = rehearsal.led(copy, heads, tokens, steps)
            yield _Check(copy, right, prefix, self._count, rehearsal.STRUCTURE_NATS, "in a cut-down copy ")
        chosen = rehearsal.chosen(self._heads)
        right = rehearsal.greedy(self._loaded, chosen, min(rehearsal.STEPS, self._longest))
        yield _Check(self._loaded, right, self._start, self._count, rehearsal.rounding_limit(self._loaded, right))

    def _stand_ins(self, copy: Loaded) -> tuple[int, list[list[int]], list[list[int]]]:
        """How much of the copy's prompts is shared, the prompts, and what follows each.

        Few tokens are shared, so that most of what is behind them can be beyond whatever the model's length decides;
        there are prompts as short as can be, as the job's shortest and longest, and as long as an answer can reach.
        """
        size = copy.model.get_input_embeddings().weight.shape[0]
        # Padding, for some models, is not where it stands.
        pad = getattr(text_config(copy.model), "pad_token_id", None)
        letters = [token for token in range(3, size) if token != pad][:LETTERS]
        rng = np.random.default_rng(0)

        def drawn(count: int) -> list[int]:
            return [letters[number] for number in rng.integers(len(letters), size=count)]

        follows = min(self._longest, LONGEST_LED)
        start = min(self._start, 2)
        own = sorted(map(len, self._heads))
        lengths = [start + 1, own[0], own[-1], self._shape.longest - follows] if self._ragged else [own[0]] * 2
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


def _copy_of(loaded: Loaded) -> Loaded | None:
    """The model's cut-down copy in its place; None, with a line in the log, where it has none."""
    checks = loaded.checks
    if checks.copy is None:
        try:
            checks.copy = cut_down(loaded.model)
        except NoCopyError as error:
            checks.copy = False
            log.warning("no small copy of the model can be checked (%s): decoding is checked on the model alone", error)
    return replace(loaded, model=checks.copy) if checks.copy else None


def _way(loaded: Loaded, name: str, prefix: list[int], record: Any) -> Way:
    if name == SHARED:
        return partial(_behind_prefix, loaded, prefix, record)
    if name == WHOLE:
        return partial(by_whole_passes, loaded)
    return partial(_one_by_one if name == ALONE else by_generate, loaded)


def _behind_prefix(
    loaded: Loaded, prefix: list[int], record: Any, rows: Sequence[Continuation], count: int, ends: Ends, choose: Choose
) -> Iterator[Continuation]:
    cache = read_prefix(loaded, prefix)
    yield from decode(loaded, rows, cache, len(prefix), count, ends, choose, record)


def _one_by_one(
    loaded: Loaded,
    rows: Sequence[Continuation],
    count: int,  # noqa: ARG001 - a way's signature
    ends: Ends,
    choose: Choose,
) -> Iterator[Continuation]:
    yield from by_generate(loaded, rows, 1, ends, choose)
