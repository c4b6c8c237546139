"""Shared results: what was stored comes back to the byte; anything else counts as not there."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from uphill.running import cache


class Job(SimpleNamespace):
    """As much of a job as the cache looks at."""


def job(folder: Path, identity: str = "id-1", count: int = 2) -> Any:
    outputs = [str(folder / f"shard-{number}.parquet") for number in range(count)]
    return Job(spec={"stage": "responses", "id": identity}, output=outputs)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "shared"))
    return tmp_path / "shared"


def make(made: Any, what: str) -> None:
    for number, path in enumerate(made.output):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"{what} {number}")


def contents(made: Any) -> list[str]:
    return [Path(path).read_text() for path in made.output]


def test_what_one_checkout_stored_another_takes(tmp_path: Path, shared: Path) -> None:
    one, other = job(tmp_path / "one"), job(tmp_path / "other")
    assert not cache.fetch(one)
    make(one, "states")
    cache.store(one)
    assert cache.fetch(other)
    assert contents(other) == ["states 0", "states 1"]
    Path(other.output[0]).write_text("edited")  # each checkout has files of its own
    assert contents(one) == ["states 0", "states 1"]
    assert cache.fetch(other)
    assert contents(other) == ["states 0", "states 1"]


def test_another_identity_takes_nothing(tmp_path: Path, shared: Path) -> None:
    one = job(tmp_path / "one")
    make(one, "states")
    cache.store(one)
    assert not cache.fetch(job(tmp_path / "other", "id-2"))
    assert not cache.fetch(job(tmp_path / "other", count=3))
    assert not (tmp_path / "other/shard-0.parquet").exists()


def test_other_versions_of_libraries_share_nothing(tmp_path: Path, shared: Path, monkeypatch: Any) -> None:
    one = job(tmp_path / "one")
    make(one, "states")
    cache.store(one)
    found = cache.versions()
    monkeypatch.setattr(cache, "versions", lambda: {**found, "torch": "0.0"})
    assert not cache.fetch(job(tmp_path / "other"))
    monkeypatch.setattr(cache, "versions", lambda: {**found, "snakemake": "0.0"})  # decides no number
    assert cache.fetch(job(tmp_path / "other"))


@pytest.mark.parametrize("damage", ["cut short", "swapped", "lost", "manifest"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, shared: Path, damage: str) -> None:
    one, other = job(tmp_path / "one"), job(tmp_path / "other")
    make(one, "states")
    cache.store(one)
    [entry] = (shared / "responses").iterdir()
    if damage == "cut short":
        (entry / "1").write_text("stat")
    elif damage == "swapped":
        (entry / "1").write_text("states 9")
    elif damage == "lost":
        (entry / "0").unlink()
    else:
        (entry / cache.MANIFEST).write_text("{")
    assert not cache.fetch(other)
    make(other, "again")
    cache.store(other)
    assert cache.fetch(one)
    assert contents(one) == ["again 0", "again 1"]


def test_a_stopped_copy_is_no_entry(tmp_path: Path, shared: Path, monkeypatch: Any) -> None:
    one = job(tmp_path / "one")
    make(one, "states")
    copy, copied = shutil.copyfile, []

    def full(source: Any, target: Any) -> None:
        copied.append(source)
        if len(copied) == 2:
            raise OSError("no space left on device")
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(cache.shutil, "copyfile", full)
        cache.store(one)  # stops no job
    assert len(copied) == 2
    assert not cache.fetch(job(tmp_path / "other"))
    assert list((shared / "responses").iterdir()) == []


def test_the_first_of_two_stays(tmp_path: Path, shared: Path) -> None:
    one, other = job(tmp_path / "one"), job(tmp_path / "other")
    for made, what in ((one, "first"), (other, "second")):
        make(made, what)
        cache.store(made)
    assert cache.fetch(other)
    assert contents(other) == ["first 0", "first 1"]


def test_without_a_folder_nothing_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    one = job(tmp_path / "one")
    make(one, "states")
    cache.store(one)
    assert not cache.fetch(one)
