"""Digests of files are those of their whole contents, and large files are read once for each change."""

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from uphill.identity import contents, keeping
from uphill.identity.contents import KEPT, content, forget, keep

WEEK = 7 * 24 * 3600


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(contents, "WORTH", 10)
    monkeypatch.setattr(contents, "SETTLED_NS", 0)
    forget()


class Reads:
    """Counts how often a file is read through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, plain = 0, hashlib.file_digest

        def counted(*arguments: object) -> object:
            self.count += 1
            return plain(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(contents.hashlib, "file_digest", counted)  # type: ignore[attr-defined]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def large(name: str = "weights", text: str = "a" * 100) -> Path:
    Path(name).write_text(text)
    return Path(name)


def truth(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def next_process() -> None:
    """What a run does once, and what the processes of its jobs then begin with."""
    keep()
    forget()


def test_a_large_file_is_read_once_by_all_processes_of_a_run(reads: Reads) -> None:
    path = large()
    assert [content(path) for _ in range(3)] == [truth(path)] * 3
    assert reads.count == 1
    next_process()
    assert content(path) == truth(path)
    next_process()
    assert content(path.absolute()) == truth(path)
    assert reads.count == 1


def test_looking_writes_nothing() -> None:
    content(large())
    assert [path.name for path in Path().iterdir()] == ["weights"]


def test_a_small_file_is_read_again_and_not_kept(reads: Reads) -> None:
    path = large(text="small")
    assert content(path) == content(path) == truth(path)
    assert reads.count == 2
    keep()
    assert not KEPT.exists()


def same_size(path: Path) -> None:
    path.write_text("b" * 100)


def same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text("b" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def one_byte_in_place(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(50)
        stream.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    before = path.stat()
    other = large("other", "b" * 100)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def dated_ahead(path: Path) -> None:
    path.write_text("b" * 100)
    os.utime(path, (time.time() + WEEK, time.time() + WEEK))


def dated_back(path: Path) -> None:
    path.write_text("b" * 100)
    os.utime(path, (1, 1))


@pytest.mark.parametrize(
    "change", [same_size, same_size_and_time, one_byte_in_place, replaced, dated_ahead, dated_back]
)
@pytest.mark.parametrize("first_dated", [None, WEEK, -WEEK])
def test_a_change_is_seen_whatever_the_clock_says(change: Callable[[Path], None], first_dated: float | None) -> None:
    path = large()
    if first_dated:
        os.utime(path, (time.time() + first_dated, time.time() + first_dated))
    before = content(path)
    next_process()
    time.sleep(0.02)  # the kernel's clock ticks some hundred times a second
    change(path)
    assert content(path) == truth(path) != before
    forget()
    assert content(path) == truth(path)


@pytest.mark.parametrize("age", [0.0, 1.0, -WEEK], ids=["just changed", "a second ago", "by a clock set back since"])
def test_what_a_coarse_or_wrong_clock_may_hide_is_not_kept(
    age: float, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "SETTLED_NS", 2 * 10**9)
    path = large()
    now = path.stat().st_ctime_ns + int(age * 1e9)
    monkeypatch.setattr(contents.time, "time_ns", lambda: now)  # type: ignore[attr-defined]
    assert content(path) == content(path) == truth(path)
    assert reads.count == 2
    keep()
    assert not KEPT.exists()


def test_a_settled_file_is_kept_though_its_date_lies_ahead(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "SETTLED_NS", 2 * 10**9)
    path = large()
    os.utime(path, (time.time() + WEEK, time.time() + WEEK))
    later = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(contents.time, "time_ns", lambda: later)  # type: ignore[attr-defined]
    assert content(path) == content(path)
    assert reads.count == 1


def cut(text: str) -> str:
    return text[: len(text) // 2]


def other_digest(text: str) -> str:
    return text.replace(truth(Path("weights")), "0" * 64)


@pytest.mark.parametrize(
    "damage",
    [
        *(cut, other_digest, lambda _: "", lambda _: "[]", lambda _: "null", lambda _: '{"files": 3, "check": 4}'),
        *(lambda text: text.replace("sha256", "sha1"), lambda text: "\0" * len(text)),
    ],
)
def test_damage_is_read_over(damage: Callable[[str], str]) -> None:
    path = large()
    content(path)
    next_process()
    KEPT.write_text(damage(KEPT.read_text()))
    assert content(path) == truth(path)
    next_process()
    assert json.loads(KEPT.read_text())["files"][str(path.absolute())]["sha256"] == truth(path)


def test_bytes_that_are_no_text_are_read_over() -> None:
    KEPT.parent.mkdir(parents=True)
    KEPT.write_bytes(b"\xff\xfe\x00")
    path = large()
    assert content(path) == truth(path)


def test_entries_of_other_files_stay_until_the_file_is_gone(reads: Reads) -> None:
    one, two = large("one"), large("two")
    content(one)
    next_process()
    content(two)
    next_process()
    assert (content(one), content(two), reads.count) == (truth(one), truth(two), 2)
    one.unlink()
    content(large("three"))
    keep()
    assert sorted(Path(name).name for name in json.loads(KEPT.read_text())["files"]) == ["three", "two"]


def test_a_folder_that_cannot_be_written_stops_nothing() -> None:
    Path(".snakemake").write_text("a file where the folder should be")
    path = large()
    content(path)
    keep()
    assert content(path) == truth(path)


def _work(number: int) -> None:
    for turn in range(20):
        content(large(f"file-{number}-{turn}"))
        keep()


def test_processes_that_write_at_once_leave_a_whole_file() -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_work, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    kept = json.loads(KEPT.read_text())
    assert kept["check"] == keeping._check(kept["files"])
    assert all(entry["sha256"] == truth(Path(name)) for name, entry in kept["files"].items())
    assert not list(KEPT.parent.glob(".*"))
