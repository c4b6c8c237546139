"""Runs of Snakemake as forks of one process that has imported it: the same runs without two to three seconds each.

Run as a script this is that process. It has loaded nothing of the library, which each run finds in its own folder.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Server:
    """The process that forks; it is started with the first run, and ends with the tests."""

    environment: Mapping[str, str]
    """Of the process itself. Each run has its own."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[str] | None = None

    def run(self, folder: Path, arguments: list[str], environment: Mapping[str, str], output: Path) -> int:
        """Run `snakemake` in a folder; returns its status."""
        order = {"folder": str(folder), "arguments": arguments, "environment": {**environment}, "output": str(output)}
        with self.lock:
            if self.process is None:
                self.process = subprocess.Popen(
                    [sys.executable, __file__],
                    env={**self.environment},
                    text=True,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            assert self.process.stdin
            assert self.process.stdout
            print(json.dumps(order), file=self.process.stdin, flush=True)
            return int(self.process.stdout.readline())


def _serve() -> None:
    from snakemake.cli import main

    assert not any(name.split(".")[0] in ("uphill", "torch", "huggingface_hub") for name in sys.modules)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(**order)
            sys.argv = ["snakemake", *order["arguments"]]
            main()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(folder: str, arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Give a forked process what a new one is started with."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.path[1:1] = environment["PYTHONPATH"].split(os.pathsep)
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for given, place in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(given, place)


if __name__ == "__main__":
    _serve()
