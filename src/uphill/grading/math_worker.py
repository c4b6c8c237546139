"""Comparisons of formulas in a process of their own, which is killed where one takes too long.

Timeouts by signals fail in threads and in towers of powers; a process can always be ended.
"""

import atexit
import json
import select
import subprocess
import sys
import threading
from typing import Any, Literal

Verdict = Literal["same", "different", "timeout"]
START_S = 60.0
"""The longest that a new process may take until it can compare: it imports sympy."""


class _Worker:
    """A process that compares, started when first asked and again after it was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def ask(self, question: tuple[str, str, bool], seconds: float) -> tuple[str, str]:
        """The process's answer, or ("timeout", "")."""
        with self._one_at_a_time:
            if self._process is None or self._process.poll() is not None:
                self.stop()
                self._start()
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return self._heard(seconds) or ("timeout", "")

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        kind, message = self._heard(START_S) or ("error", "the comparison of formulas did not start")
        if kind == "error":
            self.stop()
            raise ValueError(message)

    def _heard(self, seconds: float) -> tuple[str, str] | None:
        """The next line; None, and the process is ended, where none comes in time."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            return None
        kind, message = json.loads(line)
        return kind, message

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_worker = _Worker()
atexit.register(_worker.stop)


def compared(gold: str, answer: str, relations: bool, seconds: float) -> Verdict:
    """Whether an answer is the right one in value.

    Args:
        gold, answer: formulas in LaTeX, without dollar signs or boxes.
        relations: an interval and its inequality are the same.
        seconds: the longest that it may take.

    Raises:
        ValueError: `gold` cannot be read, or `math-verify` is not installed.
    """
    kind, message = _worker.ask((gold, answer, relations), seconds)
    if kind == "error":
        raise ValueError(message)
    return kind  # type: ignore[return-value]


def _serve() -> None:
    """Answer each line of standard input with a line, until it closes."""
    try:
        import logging

        import math_verify  # noqa: F401 - to say early that it is missing

        # It warns at every call that the time is kept elsewhere.
        logging.disable(logging.CRITICAL)
    except ImportError:
        _say("error", "math-verify is not installed, expected the extra `math`: pip install uphill[math]")
        return
    _say("ready", "")
    for line in sys.stdin:
        _say(*_verdict(*json.loads(line)))


def _say(kind: str, message: str) -> None:
    print(json.dumps([kind, message]), flush=True)


def _verdict(gold: str, answer: str, relations: bool) -> tuple[str, str]:
    from math_verify import parse, verify

    wanted = parse(f"\\boxed{{{gold}}}", fallback_mode="no_fallback", parsing_timeout=None)
    if not wanted:
        return "error", f"the right answer {gold!r} cannot be read as mathematics; name another grader"
    found = parse(f"\\boxed{{{answer}}}", fallback_mode="no_fallback", parsing_timeout=None)
    if not found:
        return "different", ""
    same = verify(wanted, found, allow_set_relation_comp=relations, timeout_seconds=None)
    return ("same" if same and not _far_apart(wanted[0], found[0]) else "different"), ""


def _far_apart(one: Any, other: Any) -> bool:
    """Whether two exact numbers differ by more than a part in 10^9, which six decimals do not show of small ones."""
    from sympy import Expr, Float, N

    if not (isinstance(one, Expr) and isinstance(other, Expr) and one.is_number and other.is_number):
        return False
    if one.has(Float) or other.has(Float) or not (one.is_finite and other.is_finite):
        return False
    a, b = complex(N(one, 30)), complex(N(other, 30))
    return abs(a - b) > 1e-9 * max(abs(a), abs(b))


if __name__ == "__main__":
    _serve()
