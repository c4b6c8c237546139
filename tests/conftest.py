"""Checkouts and runs of the real workflow that several tests share."""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from copies import ROOT, again, fresh
from filelock import FileLock
from forking import Begun, Server
from hypothesis import settings
from warm import COLD, Warm

from uphill.workflow import paths

settings.register_profile("ci", deadline=None, max_examples=30, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=200)
settings.load_profile("ci")

BYTECODE = str(Path(tempfile.gettempdir()) / f"uphill-bytecode-{os.getuid()}")
"""Compiling the libraries takes longer than most tests: all processes of all tests share what one of them compiled."""
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = BYTECODE
sys.dont_write_bytecode, sys.pycache_prefix = False, BYTECODE
SNAKEMAKE, WARM = Server({**os.environ}), Warm({**os.environ})
SET_BY_LIBRARIES = {"HF_XET_HIGH_PERFORMANCE", "TORCHINDUCTOR_CACHE_DIR"} - os.environ.keys()
"""What a library that a test imports puts into the environment; a script with it would be no fork."""
LOCAL = "profiles/local"
JOB = re.compile(r"^ *Job \d+: (.*)$", re.MULTILINE)


def environment(folder: Path) -> dict[str, str]:
    """What a process is given that is to use a folder's library."""
    given = {name: value for name, value in os.environ.items() if name not in SET_BY_LIBRARIES}
    return {**given, "PYTHONPATH": str(folder / "src"), COLD: "1"}


OF_DEMO = ("tests/workflow/test_demo.py", "tests/workflow/test_staleness.py")
"""What runs the demo in this folder, which one process does."""
WAITING = "tests/slurm/"
"""What waits for a cluster longer than it works: another process has the machine meanwhile."""
LONG = ("tests/workflow/test_every_method.py", "tests/faults/", "tests/workflow/", "tests/architectures/")
HEAVY = (
    *("ways", "text_training", "ranks", "agreement", "scoring", "generation", "merging", "responding", "probes"),
    *("adapters.", "lora_method", "choosing", "fallback", "attention", "adapters_memory", "splits", "memory"),
    *("finetune_method", "harness_tasks", "identity", "whole", "tokens"),
)
FIRST = (
    *(WAITING, *OF_DEMO, *LONG, "tests/security/", "tests/parity/"),
    *(f"tests/unit/test_{name}" for name in HEAVY),
)
"""What takes long by itself is begun first, so that processes side by side end together."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each test begins with the log as Python has it, whatever a job's own code, or a library, made of it before.

    And at no study of a name.
    """
    paths.enter(None)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    logging.getLogger("uphill").setLevel(logging.NOTSET)
    yield
    root.setLevel(logging.WARNING)
    logging.captureWarnings(False)


def pytest_sessionfinish() -> None:
    for process in (SNAKEMAKE, WARM):
        process.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)))
    # Unit tests have a study of that name of their own.
    using = [item for item in items if "demo" in getattr(item, "fixturenames", ()) and "/unit/" not in item.nodeid]
    assert all(item.nodeid.startswith(OF_DEMO) for item in using), "what runs the demo is to be in OF_DEMO"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes run the tests, each file is one's, and so are those of the demo together."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "demo" if nodeid.startswith(OF_DEMO) else nodeid.split("::")[0]

    return ByFile(config, log)


@dataclass(frozen=True)
class Run:
    """How a run of the workflow ended, and the messages of the jobs that it started or would start."""

    status: int
    output: str

    @property
    def jobs(self) -> list[str]:
        """Messages of jobs, without that of the target itself."""
        return sorted(message for message in JOB.findall(self.output) if message != "Everything is up to date")

    @property
    def errors(self) -> list[str]:
        """The lines that tell a user what is wrong."""
        return [line for line in self.output.splitlines() if line.startswith("error: ")]


@dataclass(frozen=True)
class Checkout:
    """A folder with the project in it."""

    folder: Path

    def snakemake(self, *arguments: str, profile: str = LOCAL, warm: bool = True) -> Run:
        """Run the workflow as a user does, with this folder's library; on this machine, as a fork (see `forking`).

        With `warm` its scripts are forks too (see `warm`), else new Pythons, as they are for a user.
        """
        if profile != LOCAL:
            return self.python("-m", "snakemake", "--profile", profile, *arguments)
        looks = {"-n", "--dry-run", "--lint", "--list", "--summary", "--dag", "--unlock"} & {*arguments}
        return self._forked("snakemake", "--profile", profile, *arguments, warm=warm and not looks)

    def _forked(self, module: str, *arguments: str, warm: bool = False) -> Run:
        with tempfile.NamedTemporaryFile("r") as output:
            status = self._begun(module, [*arguments], Path(output.name), warm).wait()
            return Run(status, output.read())

    def _begun(self, module: str, arguments: list[str], output: Path, warm: bool, alone: bool = False) -> Begun:
        given = environment(self.folder) | ({COLD: "", **WARM.command(wait=True)} if warm else {})
        return SNAKEMAKE.begin(self.folder, module, arguments, given, output, alone)

    def begin(self, *arguments: str, output: Path) -> Begun:
        """Begin a run of the workflow as a fork whose scripts are forks, in a process group of its own."""
        return self._begun("snakemake", ["--profile", LOCAL, *arguments], output, warm=True, alone=True)

    def uphill(self, *arguments: str) -> Run:
        """Run `python -m uphill` in this folder, with its library, as a fork."""
        return self._forked("uphill", *arguments)

    def python(self, *arguments: str) -> Run:
        """Run Python in this folder, with its library."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return Run(done.returncode, done.stdout)

    def made(self) -> list[str]:
        """Every finished file under results/, apart from logs, benchmarks and what says who made one."""
        files = (path.relative_to(self.folder) for path in (self.folder / "results").rglob("*") if path.is_file())
        return sorted(str(path) for path in files if path.parts[1] not in ("logs", "benchmarks", ".made"))

    def configure(self, change: Callable[[dict[str, Any]], None], name: str = "mine.yaml") -> str:
        """Write a changed copy of the default config; returns its name, for --configfile."""
        raw = yaml.safe_load((self.folder / "config/config.yaml").read_text())
        change(raw)
        (self.folder / name).write_text(yaml.safe_dump(raw, sort_keys=False))
        return name


def shrink(raw: dict[str, Any]) -> None:
    """The default study at a size that takes seconds: one dataset, the smallest model, methods that load none."""
    raw["datasets"], raw["models"] = {"dial": raw["datasets"]["dial"]}, {"demo": raw["models"]["demo_106k"]}
    raw["datasets"]["dial"]["source"]["n_items"] = 160
    raw["datasets"]["dial"]["pools"] = {"hardness": 30}
    raw["measures"]["mdl_probe"] |= {"sizes": [5, 20], "boots": 1}
    raw["methods"] = {"zero_shot": {"kind": "zero_shot"}, "probe": {"kind": "probe", "n_train": 8}}
    raw["splits"] = {"boots": 2, "n_train": 8, "n_test": 18, "min_test": 4}
    raw["statistics"] = {"draws": 200, "correlation_draws": 100}
    raw["population"] = [{"dataset": "dial", "variable": "num_steps", "methods": ["zero_shot", "probe"]}]
    for experiment in ("all_to_all", "learning_curves", "noisy_labels", "quantization"):
        raw[experiment] = []
    raw["cross_difficulty"], raw["weak_to_strong"] = [], []
    raw["ladders"] = {}


TABLES = ["results/tables/population.csv", "results/tables/sgr.csv"]
"""What is asked of `study`."""


def study(raw: dict[str, Any]) -> None:
    """Twelve jobs: a pass in four shards, methods with and without a model, few-shot in twelve cells."""
    shrink(raw)
    raw["responses"] = {"shards": 4}
    raw["methods"]["icl"] = {"kind": "icl", "k": 4}
    raw["splits"]["boots"] = 4
    raw["population"][0]["methods"].append("icl")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh copy of the project, with no results."""
    return Checkout(fresh(tmp_path / "checkout"))


@pytest.fixture(scope="session")
def demo() -> Checkout:
    """The project itself, with the embedded default run (what `make demo` runs; nothing to do if it was).

    Its scripts are forks; that new Pythons make the same bytes is seen of `study`, in test_running.py.
    """
    here = Checkout(ROOT)
    run = here.snakemake()
    assert run.status == 0, run.output[-4000:]
    return here


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Checkout:
    """The project with `study` run by study.yaml, with nothing in its way. To read, or to copy."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    checkout, finished = Checkout(shared / "undisturbed"), shared / "undisturbed.finished"
    with FileLock(shared / "undisturbed.lock"):
        if not finished.exists():
            fresh(checkout.folder, told=False)
            run = checkout.snakemake(*TABLES, "--configfile", checkout.configure(study, "study.yaml"))
            assert run.status == 0, run.output[-4000:]
            finished.touch()
    return checkout


@pytest.fixture
def finished(undisturbed: Checkout, tmp_path: Path) -> Checkout:
    """A copy of that finished study, to damage or to go on from."""
    return Checkout(again(undisturbed.folder, tmp_path / "finished"))


@pytest.fixture
def demo_copy(demo: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the project with the demo's results, to edit."""
    return copy_demo(demo, tmp_path / "copy")


def copy_demo(demo: Checkout, folder: Path) -> Checkout:
    """The project with the demo's results, without what a dry run does not read."""
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "benchmarks", "logs")
    return Checkout(again(demo.folder, folder, ignored))
