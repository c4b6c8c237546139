"""SIGINT and SIGTERM: the run and its jobs stop at once and in order, and say how to go on.

Every result is written whole and every finished cell is kept, so stopping loses the cells in hand and no more.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PUT_RIGHT = (
    "Put right what an error above names, then run the same command again: finished jobs, and finished cells of the "
    "others, are kept."
)
GO_ON = "Run the same command again to go on: finished jobs, and finished cells of the others, are kept."
_signals: list[int] = []
"""Those that stopped this run."""


class Stopped(BaseException):
    """A job was told to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number
        """What a shell calls the status of a process that a signal ended."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """In a job: a signal raises `Stopped`, so that what is half written is cleared away; further ones are ignored."""

    def stop(number: int, _: FrameType | None) -> None:
        _ignore_more()
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    except Stopped:
        raise  # the process ends now, and is not to be disturbed in it
    except BaseException:
        _restore(before)
        raise
    _restore(before)


def how_to_go_on() -> str:
    """What to do after a run that ended early: after a signal the same again, after an error what it names first."""
    return GO_ON if _signals else PUT_RIGHT


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def stop_run_on_signal(jobs_are_here: bool) -> None:
    """In the run: a signal stops its jobs, and then Snakemake, which clears up as it does after Ctrl-C.

    Args:
        jobs_are_here: whether jobs are processes of this machine. A cluster's are stopped by Snakemake.
    """

    def stop(number: int, _: FrameType | None) -> None:
        _ignore_more()
        _signals.append(number)
        # An object that was only half made when the signal came complains as it is thrown away: of this signal, not of
        # a fault.
        sys.unraisablehook = lambda _: None
        # Not print: the signal may have come while something was being printed.
        os.write(2, f"\n{signal.Signals(number).name}: stopping. {GO_ON}\n".encode())
        if jobs_are_here:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.terminate()
        raise SystemExit(128 + number)

    for number in SIGNALS:
        signal.signal(number, stop)


def _ignore_more() -> None:
    """One signal is enough; a second one would break into the clearing up.

    Not SIG_IGN: Python complains of a signal that came before, but whose turn comes after, it was to be ignored.
    """
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: None)  # noqa: ARG005 - the interface
