"""Runs of Snakemake as forks of one process that has imported it: the same runs without two to three seconds each.

So are those of `python -m uphill`. The scripts that Snakemake starts may be forks too, of another process; see `warm`.

Run as a script this is that process. It has loaded nothing of the library, which each run finds in its own folder.
"""

import gc
import importlib
import json
import os
import runpy
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import warm

LIBRARIES = (
    *("pandas", "pyarrow.parquet", "pyarrow.pandas_compat", "scipy", "pydantic", "yaml", "grimp", "jinja2", "typer"),
    *("rich.console", "rich.table", "rich.progress", "psutil", "scipy.sparse.csgraph", "scipy.linalg", "tqdm"),
    # Snakemake's own, of a run or a dry run.
    *("requests", "nbformat", "jsonschema.validators", "yte", "dpath", "platformdirs", "smart_open"),
    *("packaging.version", "graphlib", "statistics", "argparse_dataclass"),
    *("snakemake.report.html_reporter", "snakemake.profiles", "snakemake.storage", "docutils.core"),
)
"""What the library, which is each folder's own, and Snakemake import for any run."""


@dataclass
class Server:
    """The process that forks; it is started with the first run, and ends with the tests."""

    environment: Mapping[str, str]
    """Of the process itself. Each run has its own."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[str] | None = None

    def begin(
        self,
        folder: Path,
        module: str,
        arguments: list[str],
        environment: Mapping[str, str],
        output: Path,
        alone: bool = False,
    ) -> "Begun":
        """Begin `python -m MODULE` in a folder; `alone`: in a process group of its own."""
        order = {"folder": str(folder), "arguments": arguments, "environment": {**environment}, "output": str(output)}
        return Begun(self, self.ask(order | {"module": module, "alone": alone}))

    def ask(self, order: Mapping[str, Any]) -> int:
        """What the process answers: to an order of a run, its number; to one that has ended, its status."""
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

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            assert self.process.stdin
            assert self.process.stdout
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()


class Begun:
    """A run that was begun: what `subprocess.Popen` knows of one."""

    def __init__(self, server: Server, pid: int) -> None:
        self.server, self.pid = server, pid
        self.returncode: int | None = None
        self._ending = os.pidfd_open(pid)  # as long as nobody waited for it, its number is its own

    def poll(self, seconds: float | None = 0) -> int | None:
        """Its status, if it ends within some seconds; None: however long that takes."""
        if self.returncode is None and select.select([self._ending], [], [], seconds)[0]:
            self.returncode = self.server.ask({"ended": self.pid})
            os.close(self._ending)
        return self.returncode

    def wait(self) -> int:
        status = self.poll(None)
        assert status is not None
        return status


def _serve() -> None:
    from snakemake.cli import main

    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # memory that forks share as long as nobody looks through it
    assert not any(name.split(".")[0] in ("uphill", "torch", "huggingface_hub") for name in sys.modules)
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            print(os.waitstatus_to_exitcode(os.waitpid(order["ended"], 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            if order.pop("alone"):
                os.setsid()
            module = order.pop("module")
            _become(**order)
            sys.argv = [module, *order["arguments"]]
            if module == "snakemake":
                warm.run_to_the_end(main)
            warm.run_to_the_end(lambda name=module: runpy.run_module(name, run_name="__main__", alter_sys=True))
        print(child, flush=True)


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
