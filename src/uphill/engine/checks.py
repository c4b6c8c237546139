"""What was found out of a model's ways to score, in this process and, where a job says so, on disk for later ones.

An outcome holds for all jobs that ask for no more than the one in which it was found: sequences as long, packs as
large, a prefix that is of the same kind. It also belongs to one model, code, set of libraries and kind of device. The
records are no result and part of none; they can be deleted at any time, and two jobs that write at once lose at worst
one of the two records, which the next job makes again.
"""

import json
import logging
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from uphill.errors import UphillError
from uphill.identity.files import file_digest
from uphill.identity.specs import digest, versions
from uphill.running.processes import STATE
from uphill.schemas.files import written_whole

FOLDER = STATE / "checks"
log = logging.getLogger(__name__)
_STEPS = 8
"""Sizes are rounded up in so many steps from one power of two to the next."""
_LIKE_PREFIX = 64
"""Tokens: shorter prefixes are all alike."""


def rounded(size: int) -> int:
    """A size a little larger, at most by an eighth: what is checked in place of all that are a little smaller."""
    step = max(1, 2 ** (size.bit_length() - 1) // _STEPS)
    return -(-size // step) * step


@dataclass(frozen=True)
class Shape:
    """What a job asks of a way to score.

    Attributes:
        longest: tokens of its longest sequence, rounded up.
        pack: tokens of its largest pack, rounded up.
        prefix: tokens that all its items share.
        states: whether it keeps states.
    """

    longest: int
    pack: int
    prefix: int
    states: bool

    def within(self, other: "Shape") -> bool:
        """Whether what is right for the other is right for this."""
        return (
            self.longest <= other.longest
            and self.pack <= other.pack
            and (self.prefix > 0) == (other.prefix > 0)
            and self.prefix <= max(_LIKE_PREFIX, 2 * other.prefix)
            and self.states <= other.states
        )

    def beyond(self, other: "Shape") -> bool:
        """Whether what is wrong for the other is wrong for this."""
        return (
            self.longest >= other.longest
            and self.pack >= other.pack
            and (self.prefix > 0) >= (other.prefix > 0)
            and self.states >= other.states
        )


NOTHING = Shape(0, 0, 0, False)
"""What is wrong for it is wrong for everything."""


@dataclass(frozen=True)
class Outcome:
    """Of one check: what was checked, for which shape, and what was wrong with it; None if nothing."""

    what: str
    shape: Shape
    wrong: str | None

    def decides(self, shape: Shape) -> bool:
        """Whether it holds for another shape too."""
        return shape.within(self.shape) if self.wrong is None else shape.beyond(self.shape)


@dataclass
class Checks:
    """All outcomes for one loaded model.

    Attributes:
        copy: its cut-down copy, once made; False where none can be made.
        decided: whether `Loaded.packed` was set by a check, not by hand.
        fastest: the attention that is tried first.
        said: lines that were logged.
    """

    copy: Any = None
    decided: bool = False
    fastest: Any = None
    said: set[str] = field(default_factory=set)
    _outcomes: list[Outcome] = field(default_factory=list)
    _path: Path | None = None
    _about: Mapping[str, Any] = field(default_factory=dict)

    def remember(self, model: Any, identity: Any, folder: Path = FOLDER) -> None:
        """Read the outcomes of earlier jobs, and keep this one's for later.

        Args:
            model: the loaded model.
            identity: plain data that tells its weights, type and quantization from others.
            folder: where.
        """
        self._about = about(model, identity)
        self._path = folder / f"{digest(self._about)}.json"
        self._outcomes += [outcome for outcome in self._read() if outcome not in self._outcomes]

    def find(self, what: str, shape: Shape) -> Outcome | None:
        """An outcome that decides on a shape."""
        return next((found for found in self._outcomes if found.what == what and found.decides(shape)), None)

    def add(self, what: str, shape: Shape, wrong: str | None, lasting: bool = True) -> None:
        """Keep an outcome; one that is not lasting, for this process alone."""
        self._outcomes.append(Outcome(what, shape, wrong))
        if self._path is None or not lasting:
            return
        # What another job wrote meanwhile stays.
        kept = {json.dumps(asdict(outcome), sort_keys=True) for outcome in [*self._read(), self._outcomes[-1]]}
        content = {"about": self._about, "outcomes": [json.loads(line) for line in sorted(kept)]}
        try:
            with written_whole(self._path) as temporary:
                temporary.write_text(json.dumps(content, indent=1) + "\n")
        except UphillError as error:
            log.warning("the outcome of a check is not kept: %s", error)

    def _read(self) -> list[Outcome]:
        try:
            content = json.loads(self._path.read_text()) if self._path is not None else {"outcomes": []}
            return [_outcome(raw) for raw in content["outcomes"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s: a record of checks that cannot be read (%s): checking anew", self._path, error)
            return []


def _outcome(raw: Mapping[str, Any]) -> Outcome:
    shape = Shape(**raw["shape"])
    if not all(type(size) is int for size in (shape.longest, shape.pack, shape.prefix)):
        raise ValueError("a size is no whole number")
    if not isinstance(raw["what"], str) or not isinstance(raw["wrong"], str | None):
        raise ValueError("an outcome is no text")
    return Outcome(raw["what"], shape, raw["wrong"])


def about(model: Any, identity: Any) -> dict[str, Any]:
    """Everything that an outcome depends on beside shapes."""
    known = versions()
    return {
        "model": digest(identity),
        "config": digest(model.config.to_json_string(use_diff=False)),
        "dtype": str(model.dtype),
        "code": _code(),
        "versions": {name: known[name] for name in ("torch", "transformers", "tokenizers")},
        "device": _device(model),
    }


@cache
def _code() -> str:
    """Digest of the engine's modules."""
    here = Path(__file__).parent
    return digest({path.name: file_digest(str(path)) for path in sorted(here.glob("*.py"))})


def _device(model: Any) -> list[str]:
    kinds = {weight.device for weight in model.parameters()}
    named = {torch.cuda.get_device_name(kind) if kind.type == "cuda" else kind.type for kind in kinds}
    return [*sorted(named), platform.machine(), torch.backends.cpu.get_cpu_capability()]
