"""Runs of a small study that are watched, and ended, while they are at work."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from conftest import ROOT, Checkout, environment
from forking import Begun

TIMED = r"/generations/.*\.json$"
PATIENCE_S = 600
"""For a loaded machine; nothing waits this long on a quiet one."""


def results(checkout: Checkout) -> dict[str, bytes]:
    """Finished files under results/ by name: no logs, no benchmarks, nothing hidden, and not how long texts took."""
    found = {}
    for name in checkout.made():
        if not any(part.startswith(".") for part in Path(name).parts) and not re.search(TIMED, name):
            found[name] = (checkout.folder / name).read_bytes()
    return found


def documented(fault: str, said: str, action: str, outcome: str) -> None:
    """Hold a row of docs/faults.md to what a test saw; with UPHILL_UPDATE_DOCS set, write it.

    Args:
        fault: what happened.
        said: the line that names it, as printed; numbers of processes and digests are left out.
        action: what the user does.
        outcome: what was found afterwards.
    """
    said = re.sub(r"process \d+ on \S+:", "process N on HOST:", re.sub(r"-[0-9a-f]{16}-[0-9a-f]{8}/", "-ID/", said))
    cells = [fault, f"`{said}`" if said else "nothing", action, outcome]
    row = "| " + " | ".join(cells) + " |"
    page = ROOT / "docs/faults.md"
    lines = page.read_text().splitlines()
    if os.environ.get("UPHILL_UPDATE_DOCS"):
        others = [line for line in lines if not line.startswith(f"| {fault} |")]
        before = next((number for number, line in enumerate(lines) if line.startswith(f"| {fault} |")), len(lines))
        page.write_text("\n".join([*others[:before], row, *others[before:]]) + "\n")
    else:
        assert row in lines, f"docs/faults.md says otherwise, or nothing; seen: {row}"


@dataclass
class Watched:
    """One run of the workflow in its own process group, and the parts and files seen while it was at work."""

    checkout: Checkout
    arguments: list[str]
    forked: bool = False
    """Whether it and its scripts are forks (see `forking`, `warm`), and not new Pythons."""
    parts: set[tuple[str, int]] = field(default_factory=set)
    """Each finished part: its name, and when it was written."""
    events: int = 0
    """Jobs begun, parts and results finished so far."""

    def __enter__(self) -> Self:
        self.process = self._forked() if self.forked else self._new()
        self._seen: set[tuple[str, int]] = set()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _forked(self) -> Begun:
        log = self.checkout.folder / "run.txt"
        log.touch()
        return self.checkout.begin(*self.arguments, output=log)

    def _new(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", *self.arguments]
        with (self.checkout.folder / "run.txt").open("w") as log:
            return subprocess.Popen(
                command,
                cwd=self.checkout.folder,
                env=environment(self.checkout.folder),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        folder = self.checkout.folder / "results"
        while not self._ended.wait(0.005):
            self._look(folder)
        self._look(folder)

    def _look(self, folder: Path) -> None:
        # os.walk lets folders vanish while it walks.
        for path in (Path(place) / file for place, _, files in os.walk(folder) for file in files):
            name = str(path.relative_to(folder))
            if path.suffix not in (".parquet", ".log", ".csv") or path.name.startswith("."):
                continue
            try:
                stamp = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            # A log grows while its job runs.
            key = (name, 0 if path.suffix == ".log" else stamp)
            if key not in self._seen:
                self._seen.add(key)
                self.events += 1
                if name.startswith(".parts/"):
                    self.parts.add((name, stamp))

    @property
    def output(self) -> str:
        """What the run has printed."""
        return (self.checkout.folder / "run.txt").read_text()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait_for(self, event: Callable[[], bool]) -> bool:
        """Wait until `event`, or the run's own end; whether the event came first."""
        deadline = time.monotonic() + PATIENCE_S
        while not event():
            assert time.monotonic() < deadline, self.output[-3000:]
            if self.ended():
                return False
            time.sleep(0.005)
        return True

    def scripts(self) -> list[psutil.Process]:
        """Processes of jobs."""
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
            return [process for process in below if is_script(process)]
        except psutil.NoSuchProcess:
            return []

    def end(self, number: int, everyone: bool = False) -> None:
        """Send a signal to Snakemake alone, or to all of its process group as Ctrl-C does."""
        try:
            (os.killpg if everyone else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            return


def is_script(process: psutil.Process) -> bool:
    """Whether a process is the interpreter of a rule's script."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return bool(command) and "/.snakemake/scripts/" in command[-1] and not command[0].endswith("sh")


def run(checkout: Checkout, *arguments: str) -> Watched:
    """A run that is left to its own end."""
    with Watched(checkout, list(arguments)) as watched:
        watched.wait_for(watched.ended)
    return watched
