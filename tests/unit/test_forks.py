"""Scripts run as forks of a process that has imported the libraries: as new Pythons, but for the seconds."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, WARM, environment
from warm import Warm, known

COMMAND = [sys.executable, "-I", "-S", str(ROOT / "src/uphill/running/warm.py")]
SAYS = """
import atexit, json, os, sys
import torch, threadpoolctl
from mine import VALUE
pools = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
print(json.dumps({
    "argv": sys.argv, "folder": os.getcwd(), "value": VALUE, "own": os.environ.get("OWN"), "main": __name__,
    "fork": "matplotlib" in sys.modules,
    "uphill": "uphill" in sys.modules, "threads": [torch.get_num_threads(), *pools],
    "told": sorted(name for name in os.environ if name.startswith("UPHILL_WARM")),
}))
print("to stderr", file=sys.stderr)
KNOWN = "still known"
atexit.register(lambda: print(sys.modules["__main__"].KNOWN, file=sys.stderr))
sys.exit(3)
"""
WAITS = """
import os, signal, sys, time
def stop(number, frame):
    print(f"told {number}", flush=True)
    sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def given(**more: str) -> dict[str, str]:
    """What a run gives a script."""
    return {**environment(ROOT), **WARM.command(wait=True), **more}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text("VALUE = 7\n")
    (tmp_path / "script.py").write_text(SAYS)
    return tmp_path / "script.py"


def run(script: Path, asked: Mapping[str, str]) -> tuple[dict[str, object], int, str]:
    done = subprocess.run([*COMMAND, str(script)], cwd=script.parent, env=asked, capture_output=True, text=True)
    return json.loads(done.stdout), done.returncode, done.stderr


def test_a_script_finds_what_a_new_python_finds(script: Path) -> None:
    fork, status, stderr = run(script, given(OWN="x", OMP_NUM_THREADS="2"))
    assert (status, stderr) == (3, "to stderr\nstill known\n")
    new = json.loads(
        subprocess.run(
            [sys.executable, str(script)],
            cwd=script.parent,
            env=environment(ROOT) | {"OWN": "x", "OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
        ).stdout
    )
    assert (fork.pop("fork"), new.pop("fork")) == (True, False)
    assert fork == new
    assert fork["threads"] == [2, 2]
    assert sorted(path.name for path in script.parent.iterdir() if path.name != "__pycache__") == [
        "mine.py",
        "script.py",
    ]
    assert not list(script.parent.rglob("script*.pyc"))


@pytest.mark.parametrize("changed", [{"TORCH_ANYTHING": "1"}, {"UPHILL_WARM": "/nowhere/socket"}])
def test_where_none_can_be_had_it_is_a_new_python(script: Path, changed: Mapping[str, str]) -> None:
    """Another environment at the import of a library; nobody there, or not ready yet."""
    found, status, _ = run(script, given(**changed))
    assert (found["fork"], status) == (False, 3)


def test_what_a_test_imports_is_not_told_to_the_runs_that_it_starts() -> None:
    """By it, a script would be a new Python, and each of some thousand jobs take seconds longer."""
    assert known(environment(ROOT)) == known(WARM.environment)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A script that waits, by who asked for it, and its own number."""
    (tmp_path / "waits.py").write_text(WAITS)
    with subprocess.Popen(
        [*COMMAND, str(tmp_path / "waits.py")], cwd=tmp_path, env=given(), stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout
        yield asking, int(asking.stdout.readline())
        asking.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_script_and_its_status_whoever_asked(
    waiting: tuple[subprocess.Popen[str], int], number: int
) -> None:
    asking, script = waiting
    asking.send_signal(number)
    assert asking.wait(60) == 5
    assert asking.stdout
    assert asking.stdout.read() == f"told {int(number)}\n"
    assert not psutil.pid_exists(script)


def test_a_script_goes_with_whoever_asked(waiting: tuple[subprocess.Popen[str], int]) -> None:
    asking, script = waiting
    asking.kill()
    _until(lambda: not psutil.pid_exists(script))


def test_a_script_that_is_killed_is_no_success(waiting: tuple[subprocess.Popen[str], int]) -> None:
    asking, script = waiting
    os.kill(script, signal.SIGKILL)
    assert asking.wait(60) == 128 + signal.SIGKILL


def test_the_process_ends_with_its_run_and_leaves_nothing(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where temporary files have names that are longer than a socket's may be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    Path(tempfile.gettempdir()).mkdir()
    own = Warm({**WARM.environment})
    assert run(script, {**environment(ROOT), **own.command(wait=True)})[0]["fork"] is True
    folder = Path(own.command(wait=True)["UPHILL_WARM"]).parent
    assert folder.is_dir()
    for number in (signal.SIGINT, signal.SIGTERM):
        own.process.send_signal(number)  # that a run is stopped is for the run to hear
    time.sleep(0.05)
    assert own.process.poll() is None
    own.close()
    _until(lambda: not folder.exists())


def _until(event) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60
    while not event():
        assert time.monotonic() < deadline
        time.sleep(0.01)
