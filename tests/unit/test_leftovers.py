"""What finished jobs kept: it stays while their outputs may be taken away, and goes when they stand."""

import os
import time
from pathlib import Path

import pytest

from uphill.running.leftovers import FINISHED, PATIENCE_S, finish, resume, sweep


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / ".parts/one"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_text("kept")
    return folder


def made(folder: Path) -> Path:
    path = folder / "out.parquet"
    path.write_text("whole")
    return path


def grow_old(kept: Path) -> None:
    then = time.time() - PATIENCE_S - 1
    os.utime(kept / FINISHED, (then, then))


def test_it_goes_a_minute_after_its_job_or_when_the_run_is_over(tmp_path: Path, kept: Path) -> None:
    finish(kept, [made(tmp_path)])
    sweep(kept.parent)
    assert kept.exists()
    grow_old(kept)
    sweep(kept.parent)
    assert not kept.exists()
    kept.mkdir()
    finish(kept, [tmp_path / "out.parquet"])
    sweep(kept.parent, 0)
    assert not kept.exists()


def test_it_stays_where_the_output_was_taken_away_or_another_put_in_its_place(tmp_path: Path, kept: Path) -> None:
    out = made(tmp_path)
    finish(kept, [out])
    grow_old(kept)
    before = tmp_path / "before.parquet"
    before.write_text("whole")
    out.unlink()
    sweep(kept.parent)
    assert kept.exists()
    before.rename(out)  # as Snakemake restores what a job was to bring up to date
    sweep(kept.parent)
    assert (kept / "a.parquet").read_text() == "kept"


def test_a_job_that_is_at_work_again_keeps_it(tmp_path: Path, kept: Path) -> None:
    finish(kept, [made(tmp_path)])
    grow_old(kept)
    resume(kept)
    sweep(kept.parent, 0)
    assert kept.exists()


def test_times_that_are_set_anew_do_not_hold_it_back(tmp_path: Path, kept: Path) -> None:
    out = made(tmp_path)
    finish(kept, [out])
    os.utime(out, (1, 1))
    sweep(kept.parent, 0)
    assert not kept.exists()


def test_what_was_kept_beside_no_output_goes_at_once(kept: Path) -> None:
    finish(kept, [])
    assert not kept.exists()


def test_a_damaged_mark_removes_nothing(kept: Path) -> None:
    (kept / FINISHED).write_text("{")
    sweep(kept.parent, 0)
    assert kept.exists()
