"""Who is at work in a folder, what a killed process leaves, and how a job ends on a signal."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.running import processes
from uphill.running.stopping import Stopped, stoppable
from uphill.schemas.files import is_leaving, written_whole
from uphill.schemas.parquet import is_whole

WORKER = """
import sys
from pathlib import Path
from uphill.running.processes import announce
assert announce("some work", Path(sys.argv[1]))
print("at work", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process at work in the folder."""
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_another_process_is_seen_for_as_long_as_it_lives(worker: subprocess.Popen[str], tmp_path: Path) -> None:
    [seen] = processes.others(tmp_path)
    assert seen.startswith(f"process {worker.pid} on ")
    assert seen.endswith(": some work")
    assert processes.others(tmp_path) == [seen], "looking must not take the lock away"
    worker.kill()
    worker.wait()
    assert processes.others(tmp_path) == []
    assert list((tmp_path / processes.AT_WORK).iterdir()) == []


def test_a_process_that_ends_well_leaves_nothing(worker: subprocess.Popen[str], tmp_path: Path) -> None:
    worker.communicate("")
    assert worker.returncode == 0
    assert list((tmp_path / processes.AT_WORK).iterdir()) == []


def test_who_only_looks_clears_nothing_away(worker: subprocess.Popen[str], tmp_path: Path) -> None:
    worker.kill()
    worker.wait()
    assert processes.others(tmp_path, clear=False) == []
    assert len(list((tmp_path / processes.AT_WORK).iterdir())) == 1
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/0.input.lock").touch()
    assert processes.locks(tmp_path) == processes.locks(tmp_path) == [tmp_path / "locks/0.input.lock"]


def test_a_process_is_not_its_own_other(tmp_path: Path) -> None:
    assert processes.announce("this test", tmp_path)
    assert processes.others(tmp_path) == []
    assert len(list((tmp_path / processes.AT_WORK).iterdir())) == 1


def test_where_nothing_can_be_locked_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(stream: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(processes.fcntl, "flock", refuse)
    assert not processes.announce("this test", tmp_path)
    assert list((tmp_path / processes.AT_WORK).iterdir()) == []


def test_unlocking_removes_locks_alone(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    for name in ("0.input.lock", "0.output.lock", "other"):
        (tmp_path / "locks" / name).touch()
    assert processes.unlock(tmp_path)
    assert not processes.unlock(tmp_path)
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["other"]


def test_a_write_that_fails_names_its_file_and_leaves_nothing(tmp_path: Path) -> None:
    def fill_the_disk() -> None:
        with written_whole(tmp_path / "table.csv") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UphillError, match=r"table\.csv: cannot be written: No space left on device; put that right"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with (
        pytest.raises(UphillError, match=r"file/table\.csv: cannot be written: (File exists|Not a directory)"),
        written_whole(tmp_path / "file/table.csv"),
    ):
        pass


def test_what_a_killed_writer_leaves_is_known_by_its_name(tmp_path: Path) -> None:
    for name in ("table.csv", "plain"):
        with written_whole(tmp_path / name) as temporary:
            assert is_leaving(temporary)
            temporary.touch()
    assert not is_leaving(tmp_path / "table.csv")
    assert not is_leaving(tmp_path / ".gitignore")
    assert not is_leaving(tmp_path / ".parts")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_parquet_file_that_is_cut_short_is_not_whole(tmp_path: Path, share: float) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(path)
    assert is_whole(path)
    os.truncate(path, int(share * path.stat().st_size))
    assert not is_whole(path)


@pytest.fixture
def handlers() -> Iterator[list[object]]:
    """Those of SIGINT and SIGTERM, which are put back."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield list(before.values())
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_job_in_order_and_only_once(
    tmp_path: Path, number: signal.Signals, handlers: list[object]
) -> None:

    def work() -> None:
        with stoppable(), written_whole(tmp_path / "table.csv") as temporary:
            temporary.write_text("half")
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # a second one, while the first is dealt with

    with pytest.raises(Stopped) as stop:
        work()
    assert stop.value.status == 128 + number
    assert str(stop.value) == number.name
    assert list(tmp_path.iterdir()) == []
    os.kill(os.getpid(), signal.SIGTERM)  # nor does a third one break into the end


def test_a_job_that_ends_by_itself_leaves_signals_as_they_were(handlers: list[object]) -> None:
    with stoppable():
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] != handlers
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    with pytest.raises(UphillError), stoppable():
        raise UphillError("bad input")
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
