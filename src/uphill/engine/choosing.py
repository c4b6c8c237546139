"""The fastest way to score a job's items that gives what one whole sequence a choice gives.

Two checks decide, each once for all jobs that ask for no more (see `checks`): of structure, in float32 on a cut-down
copy of the model, where rounding hides nothing, and of the model itself in its own type, whose kernels the copy may not
use. A way that fails or differs is left for the next slower one, with a line in the log and a note for the report.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.agreement import ROUNDINGS, cannot_run, disagreement, made_up_items, one_line
from uphill.engine.alone import alone
from uphill.engine.attention import Attention
from uphill.engine.checks import NOTHING
from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.padded import Result
from uphill.engine.sampled import Heads, Sample, Tails, longest, respelt, sample, shape_of, stretched
from uphill.engine.sizes import depth, vocabulary
from uphill.engine.structure import NoCopyError, cut_down
from uphill.errors import UphillError
from uphill.running.noting import note

log = logging.getLogger(__name__)
SLOWER: dict[str, Attention] = {"blocks": "joined", "joined": "dense"}
"""The attention that comes after one that does not work."""
NATS = 1e-4
"""How far scores of the copy may lie apart, and states, relative to their length."""
TOKENS = 8
"""Scores of longer choices may lie apart by more, in proportion."""
LETTERS, MADE_UP_TOKENS = 8, 128
ITEMS, WITHOUT_COPY = 3, 8
"""Items compared on the model itself beside the shortest and the longest."""
ROUNDED_NATS = 0.5
"""How far rounding in 16 bits may move one log-probability between passes of different lengths."""
CAREFUL = 2
"""Roundings that are allowed where no copy could be checked."""
MASKED = ("packed", "dense")
"""Kind and attention of the way that holds a whole mask."""
MOST_MASK = 2**31
"""Bytes of a dense mask, beside which others of its size stand for a moment: a prompt of 23 000 tokens in float32."""


@dataclass(frozen=True)
class Way:
    """A way to score: packed (behind a cached prefix, with the prefix inside: whole, or as texts), padded, or alone."""

    kind: Literal["packed", "whole", "texts", "padded", "alone"]
    attention: Attention = "dense"
    compiled: bool = False

    def __str__(self) -> str:
        packed = self.attention + (", compiled" if self.compiled else "")
        return {
            "packed": f"packed scoring ({packed})",
            "whole": "packed training",
            "texts": "packed texts",
            "padded": "padded scoring",
        }.get(self.kind, self.kind)

    @property
    def offered(self) -> str:
        """As what comes next."""
        packed = f"packs attended to by {self.attention}"
        return {"padded": "the padded path", "alone": "one sequence at a time"}.get(self.kind, packed)


ALONE = Way("alone")
Run = Callable[[Way, Loaded, Heads, Tails, KeptLayers], Iterator[Result]]
"""Scores items by a way."""


def ways(loaded: Loaded, whole: bool = False) -> list[Way]:
    """All ways, the fastest first."""
    if whole:
        return [Way("whole"), Way("padded"), ALONE]
    found, attention = [], loaded.checks.fastest or loaded.attention
    if loaded.compiled:
        found.append(Way("packed", attention, compiled=True))
    found.append(Way("packed", attention))
    while attention in SLOWER:
        attention = SLOWER[attention]
        found.append(Way("packed", attention))
    return [*found, Way("padded"), ALONE]


@torch.inference_mode()
def choose(loaded: Loaded, heads: Heads, tails: Tails, states: bool, run: Run, whole: bool = False) -> Way:
    """The way to score these items; `loaded` is set to it."""
    if loaded.packed is not None and not loaded.checks.decided:
        packed = Way("whole") if whole else Way("packed", loaded.attention, loaded.compiled)
        return packed if loaded.packed else _slow(loaded)
    asked = _Asked(loaded, heads, tails, states, run)
    way = _chosen(asked, ways(loaded, whole))
    checks = loaded.checks
    checks.fastest, checks.decided = checks.fastest or loaded.attention, True
    loaded.packed, loaded.alone = way.kind in ("packed", "whole"), way.kind == "alone"
    if way.kind != "whole":
        loaded.attention = way.attention
    if way.kind == "packed":
        loaded.compiled = way.compiled
    return way


def right(
    loaded: Loaded, way: Way, heads: Heads, tails: Tails, run: Run, otherwise: Way, also: Callable[[], str | None]
) -> bool:
    """Whether a way is right for these items; if not, why is said, and what is taken. `loaded` stays as it is.

    `also` says what else is wrong with the way, whatever the items.
    """
    asked = _Asked(loaded, heads, tails, False, run)
    with torch.inference_mode():
        wrong = _wrong(asked, way)
    wrong = wrong or _known(asked, f"also: {way}", also)
    if wrong is not None:
        _say(loaded, way, wrong, otherwise)
    return wrong is None


def _slow(loaded: Loaded) -> Way:
    return ALONE if loaded.alone else Way("padded")


def give_up(loaded: Loaded, way: Way, error: Exception) -> None:
    """Leave a way that failed amid a pass, for the rest of this process."""
    wrong = f"it fails: {one_line(error)}"
    loaded.checks.add(f"model: {way}", NOTHING, wrong, lasting=False)
    loaded.checks.decided, loaded.packed = True, None
    if way.compiled:
        loaded.compiled = False
    following = ways(loaded)
    places = [place for place, other in enumerate(following) if other == way]
    _say(loaded, way, wrong, following[places[0] + 1] if places else following[0])


class _Asked:
    """What is to be scored, and what checking it needs."""

    def __init__(self, loaded: Loaded, heads: Heads, tails: Tails, states: bool, run: Run) -> None:
        self.loaded, self.heads, self.tails, self.run = loaded, heads, tails, run
        self.longest = longest(heads, tails)
        # What is rounded up stays within a window that the job itself stays within.
        limit = min(loaded.window, loaded.span if self.longest <= loaded.span else loaded.window)
        self.shape = shape_of(heads, tails, loaded.pack_tokens, max(limit, self.longest), states)

    @property
    def mask(self) -> int:
        """Bytes of the dense mask of the largest pack."""
        return self.shape.pack * (self.shape.prefix + self.shape.pack) * self.loaded.model.dtype.itemsize

    def sample(self, count: int) -> Sample:
        """Few of the items, where the job's packs would put them."""
        return sample(self.heads, self.tails, self.loaded.pack_tokens, count)


def _chosen(asked: _Asked, candidates: Sequence[Way]) -> Way:
    loaded = asked.loaded
    if asked.longest > loaded.span:
        wrong = f"{asked.longest} tokens are beyond the model's sliding window of {loaded.span}"
        _say(loaded, candidates[0], wrong, Way("padded"))
        candidates = [way for way in candidates if way.kind in ("padded", "alone")]
    if asked.mask > MOST_MASK:
        first, candidates = candidates[0], [way for way in candidates if (way.kind, way.attention) != MASKED]
        if first not in candidates:
            _say(loaded, first, f"a pack's mask would take {asked.mask / 2**30:.1f} GiB", candidates[0])
    if changes := _known(asked, "length", partial(_changes_with_length, asked)):
        _say(loaded, candidates[0], changes, ALONE)
        return ALONE
    for way, following in pairwise(candidates):
        if (differs := _wrong(asked, way)) is None:
            return way
        _say(loaded, way, differs, following)
    return ALONE


def _wrong(asked: _Asked, way: Way) -> str | None:
    plain = replace(way, compiled=False)
    # The model's own failure first where it is known: amid a pass it can fail though its copy does not.
    failed = asked.loaded.checks.find(f"model: {way}", NOTHING)
    if failed and failed.wrong:
        return failed.wrong
    return _known(asked, f"copy: {plain}", partial(_on_copy, asked, plain)) or _known(
        asked, f"model: {way}", partial(_on_model, asked, way)
    )


def _say(loaded: Loaded, way: Way, wrong: str, following: Way) -> None:
    """One line in the log, once, and a note where numbers are made by a way that is slower than packs."""
    line = f"{way}: {wrong}; taking {following.offered}"
    if line not in loaded.checks.said:
        loaded.checks.said.add(line)
        log.warning("%s", line)
    if following.kind != "packed":
        note(f"{loaded.model.config.name_or_path}: {line}")


def _known(asked: _Asked, what: str, check: Callable[[], str | None]) -> str | None:
    """What is wrong, from an earlier check of as much or more, or from a new one."""
    checks = asked.loaded.checks
    outcome = checks.find(what, asked.shape)
    if outcome is not None:
        return outcome.wrong
    wrong = check()
    checks.add(what, asked.shape, wrong)
    return wrong


def _copy(loaded: Loaded) -> Loaded | None:
    """The cut-down copy in the model's place; None where there can be none, which is said."""
    checks = loaded.checks
    if checks.copy is None:
        try:
            checks.copy = cut_down(loaded.model)
        except NoCopyError as error:
            _without_copy(loaded, str(error))
    return replace(loaded, model=checks.copy, packed=True, compiled=False) if checks.copy else None


def _without_copy(loaded: Loaded, why: str) -> None:
    loaded.checks.copy = False
    log.warning("no small copy of the model can be checked (%s): the model itself is held more carefully", why)


def _on_copy(asked: _Asked, way: Way) -> str | None:
    """What is wrong with a way on the cut-down copy, in float32; None also where there is no copy."""
    copy = _copy(asked.loaded)
    if copy is None:
        return None
    letters = max(1, min(LETTERS, vocabulary(copy.model) - 3))
    for found in (_made_up(asked.loaded), stretched(asked.sample(ITEMS), asked.shape)):
        wrong = _apart(copy, way, respelt(found, letters), asked)
        if wrong:
            return wrong
    return None


def _apart(copy: Loaded, way: Way, found: Sample, asked: _Asked) -> str | None:
    """By how much a way's scores and states of a sample differ from those of whole sequences, if by too much."""
    layers = [0, (depth(copy.model) + 1) // 2, depth(copy.model)] if asked.shape.states else None
    try:
        right = _compared(asked.run, ALONE, copy, found, layers)
    except UphillError:
        layers, right = None, _compared(asked.run, ALONE, copy, found, None)
    except Exception as error:
        _without_copy(asked.loaded, one_line(error))
        return None
    try:
        scores, states = _compared(asked.run, way, copy, found, layers)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return f"it fails: {one_line(error)}"
    tokens = np.array([len(found.tails[item][choice]) for item, choice in found.picks])
    off = np.abs(scores - right[0]) / np.maximum(1, tokens / TOKENS)
    # Written so that no number is no agreement.
    if not (off <= NATS).all():
        return f"its scores are {off.max():.2g} nats off those of whole sequences on a small copy of the model"
    kept, expected = (None if given is None else given.shape for given in (states, right[1]))
    if layers and kept != expected:
        return f"its states are {kept}, expected {expected}"
    if layers and not (_relative(states, right[1], len(layers)) <= NATS).all():
        worst = _relative(states, right[1], len(layers)).max()
        return f"its states are {worst:.2g} of their size off those of whole sequences on a small copy of the model"
    return None


def _relative(found: Any, right: Any, layers: int) -> NDArray[np.float64]:
    """[picks, layers] distance of states by the length of the right ones."""
    one, other = (np.asarray(states, dtype=np.float64).reshape(len(states), layers, -1) for states in (found, right))
    size = np.linalg.norm(other, axis=-1)
    return np.linalg.norm(one - other, axis=-1) / np.where(size > 0, size, 1)


def _compared(
    run: Run, way: Way, loaded: Loaded, found: Sample, layers: Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    """Scores [picks] and states [picks, D] of what is compared."""
    if way.kind in ("padded", "alone"):
        found = found.alone
    with KeptLayers(loaded.model, layers) as kept:
        at = replace(loaded, attention=way.attention, compiled=way.compiled, pack_tokens=found.budget)
        results = list(run(way, at, found.heads, found.tails, kept))
    scores = np.array([results[item].logprob[choice] for item, choice in found.picks])
    states = [results[item].states for item, _ in found.picks]
    if not layers or any(state is None for state in states):
        return scores, None
    return scores, np.stack([results[item].states[choice] for item, choice in found.picks])  # type: ignore[index]


def _on_model(asked: _Asked, way: Way) -> str | None:
    """What is wrong with a way on the model itself, relative to how far its own rounding moves scores."""
    loaded = asked.loaded
    with_copy = _copy(loaded) is not None
    again = Way("padded") if getattr(loaded.model, "is_loaded_in_8bit", False) else ALONE
    for found in (_made_up(loaded), asked.sample(ITEMS if with_copy else WITHOUT_COPY)):

        def scores(by: Way, of: Loaded = loaded, found: Sample = found) -> NDArray[np.float64]:
            return _compared(asked.run, by, of, found, None)[0]

        wrong = disagreement(
            loaded,
            partial(scores, ALONE),
            partial(scores, again),
            partial(scores, way),
            ROUNDINGS if with_copy else CAREFUL,
        )
        if wrong:
            return wrong
    return _states_on_model(asked) if asked.shape.states else None


def _made_up(loaded: Loaded) -> Sample:
    heads, tails = made_up_items(loaded)
    every = [(item, choice) for item, choices in enumerate(tails) for choice in range(len(choices))]
    # Some packs behind one prefix.
    return Sample(heads, tails, every, min(loaded.pack_tokens, MADE_UP_TOKENS))


def _states_on_model(asked: _Asked) -> str | None:
    """Whether the states that are caught, of all layers, are those that the model itself gives out."""
    loaded, found = asked.loaded, asked.sample(0).alone
    layers = [0, (depth(loaded.model) + 1) // 2, depth(loaded.model)]
    with KeptLayers(loaded.model, layers) as kept:
        for head, choices in zip(found.heads, found.tails, strict=True):
            (plain,) = alone(loaded, [head], [choices], kept)
            try:
                caught = kept.rows(torch.tensor([0]), torch.tensor([len(head) + len(choices[0]) - 1]))
            except Exception as error:
                return f"it fails: {one_line(error)}"
            if not torch.equal(caught.cpu(), torch.from_numpy(plain.states)):  # type: ignore[union-attr]
                return "the states that are caught in passing are not those that the model gives out"
    return None


def _changes_with_length(asked: _Asked) -> str | None:
    """Whether what the model says of a text depends on what comes after it, at the job's lengths."""
    copy = _copy(asked.loaded)
    if copy is not None:
        try:
            return _by_length(copy, asked.shape.longest)
        except Exception as error:
            _without_copy(asked.loaded, one_line(error))
    try:
        return _by_length(asked.loaded, asked.shape.longest)
    except Exception as error:
        raise cannot_run(asked.loaded, error) from error


def _by_length(loaded: Loaded, whole: int) -> str | None:
    """The same text read to its end, to its half, and so on: each end must be told the same way in all that read it."""
    last = min(3 + LETTERS, vocabulary(loaded.model))
    ids = torch.tensor(np.random.default_rng(0).integers(min(3, last - 1), last, whole), device=loaded.device)
    lengths = sorted({whole >> halved for halved in range(whole.bit_length()) if whole >> halved >= min(8, whole)})
    ends: dict[int, torch.Tensor] = {}
    off = 0.0
    for length in lengths:
        every = loaded.model(input_ids=ids[None, :length], use_cache=False).logits[0]
        said = {end: every[end - 1].float().log_softmax(-1) for end in lengths if end <= length}
        off = max([off, *(float((said[end] - before).abs().max()) for end, before in ends.items())])
        ends[length] = said[length]
    limit = NATS if loaded.model.dtype == torch.float32 else ROUNDED_NATS
    return None if off <= limit else f"what the model says of a text depends on how long it becomes ({off:.2g} nats)"
