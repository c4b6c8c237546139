"""Disks, files and clocks that fail: each is named in one line, and a rerun after the repair gives the same bytes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TABLES, Checkout, shrink, study
from runs import Watched, documented, results

from uphill.running.stopping import PUT_RIGHT

SPLITS = "results/splits/dial/num_steps.parquet"
"""Three jobs that load no model."""
AGAIN = "run the same command again"


@pytest.fixture
def disk(checkout: Checkout) -> Iterator[Path]:
    """A disk of 1 MB of which results/ is all there is."""
    folder = checkout.folder / "results"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def line_of(output: str, start: str) -> str:
    """The one line that begins with `start`."""
    [line] = {line for line in output.splitlines() if line.startswith(start)}
    return line


def test_a_full_disk(checkout: Checkout, disk: Path, undisturbed: Checkout) -> None:
    arguments = [SPLITS, "--configfile", checkout.configure(study)]
    filler = disk / "filler"
    # Room for logs, but not for the questions.
    filler.write_bytes(bytes(2**20 - 12 * 2**10))
    run = checkout.snakemake(*arguments)
    assert run.status == 1
    error = line_of(run.output, "error: ")
    assert error.startswith("error: results/items/dial.parquet: cannot be written: No space left on device")
    assert PUT_RIGHT in run.output.splitlines()
    assert not list(disk.rglob("*.parquet"))
    filler.unlink()
    again = checkout.snakemake(*arguments)
    assert again.status == 0, again.output[-3000:]
    assert results(checkout).items() <= results(undisturbed).items()
    documented("Disk full", error, f"make room, {AGAIN}", "the same bytes as without")


def test_results_that_cannot_be_written(checkout: Checkout, disk: Path, undisturbed: Checkout) -> None:
    arguments = [SPLITS, "--configfile", checkout.configure(study)]
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert checkout.snakemake(*arguments, "--dry-run").status == 0
    run = checkout.snakemake(*arguments)
    assert run.status == 1
    error = line_of(run.output, "error: ")
    assert "Traceback" not in run.output
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    again = checkout.snakemake(*arguments)
    assert again.status == 0, again.output[-3000:]
    assert results(checkout).items() <= results(undisturbed).items()
    documented("`results/` is read-only", error, f"make it writable, {AGAIN}", "the same bytes as without")


@pytest.mark.parametrize("name", ["results", "results/items"])
def test_a_file_where_a_folder_is_expected(checkout: Checkout, name: str) -> None:
    (checkout.folder / name).parent.mkdir(exist_ok=True)
    (checkout.folder / name).write_text("")
    arguments = ["results/items/dial.parquet", "--configfile", checkout.configure(study)]
    run = checkout.snakemake(*arguments)
    assert run.status == 1
    error = line_of(run.output, "error: ")
    assert "Traceback" not in run.output
    (checkout.folder / name).unlink()
    assert checkout.snakemake(*arguments).status == 0
    documented(f"`{name}` is a file", error, f"move it away, {AGAIN}", "made as usual")


def test_a_shard_that_was_cut_short(finished: Checkout, undisturbed: Checkout) -> None:
    shard = finished.folder / "results/responses/demo/dial/shard-2-of-4.parquet"
    before = shard.stat()
    os.truncate(shard, before.st_size // 2)
    # Its date says nothing.
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    run = finished.snakemake(*results(undisturbed), "--configfile", "study.yaml")
    assert run.status == 0, run.output[-3000:]
    note = line_of(run.output, "note: ")
    damaged = shard.with_name("shard-2-of-4.parquet.damaged")
    assert damaged.stat().st_size == before.st_size // 2
    damaged.unlink()
    assert results(finished) == results(undisturbed)
    documented("A Parquet file cut short, its date unchanged", note, AGAIN, "made again; the same bytes")


def test_an_intermediate_that_was_deleted(finished: Checkout, undisturbed: Checkout) -> None:
    (finished.folder / SPLITS).unlink()
    (finished.folder / "results/predictions/probe/demo/dial.parquet").unlink()
    run = finished.snakemake(*results(undisturbed), "--configfile", "study.yaml")
    assert run.status == 0, run.output[-3000:]
    assert "Splits of dial by num_steps" in run.jobs
    assert results(finished) == results(undisturbed)
    documented("An intermediate file deleted", "Splits of dial by num_steps", AGAIN, "made again; the same bytes")


@pytest.mark.parametrize("years", [-20, 5])
def test_a_clock_that_jumped(finished: Checkout, undisturbed: Checkout, years: int) -> None:
    """Files whose dates are nonsense are judged by content; a real change is still seen."""
    then = time.time() + years * 365 * 86_400
    for name in ("results/items/dial.parquet", SPLITS, "results/predictions/icl/demo/dial.parquet"):
        os.utime(finished.folder / name, (then, then))
    run = finished.snakemake(*TABLES, "--configfile", "study.yaml")
    assert run.status == 0, run.output[-3000:]
    assert run.jobs == []
    assert results(finished) == results(undisturbed)

    def change(raw: dict[str, Any]) -> None:
        study(raw)
        raw["splits"]["boots"] = 3

    changed = finished.configure(change, "changed.yaml")
    assert "Splits of dial by num_steps" in finished.snakemake(*TABLES, "--configfile", changed, "--dry-run").jobs
    where = "ahead" if years > 0 else "back"
    documented(f"A clock that jumped {where}", "", "nothing", "nothing is made again; a change is still seen")


def test_an_input_that_changed_under_the_same_date(checkout: Checkout) -> None:
    rows = [
        {"item_id": f"q{n}", "question": f"{n}?", "choices": ["1", "2"], "answer": 0, "grade": n % 9} for n in range(90)
    ]
    path = checkout.folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))

    def change(raw: dict[str, Any]) -> None:
        shrink(raw)
        raw["datasets"]["dial"] |= {"source": {"kind": "file", "path": "mine.jsonl"}, "human": ["grade"], "cuts": {}}
        raw["population"][0]["variable"] = "grade"

    arguments = ["results/items/dial.parquet", "--configfile", checkout.configure(change)]
    assert checkout.snakemake(*arguments).status == 0
    assert checkout.snakemake(*arguments, "--dry-run").jobs == []
    before = path.stat()
    rows[3]["answer"] = 1
    path.write_text("\n".join(map(json.dumps, rows)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    run = checkout.snakemake(*arguments, "--dry-run")
    assert run.jobs == ["Questions of dial"]
    documented("An input changed, its date and size unchanged", run.jobs[0], AGAIN, "what depends on it is made again")


def test_two_runs_in_one_folder(finished: Checkout, undisturbed: Checkout) -> None:
    (finished.folder / SPLITS).unlink()
    arguments = [SPLITS, "--configfile", "study.yaml"]
    with Watched(finished, arguments, forked=True) as first:
        assert first.wait_for(lambda: bool(first.scripts()))
        # Held, so that it is at work for as long as the second takes to start.
        first.end(signal.SIGSTOP, everyone=True)
        second = finished.snakemake(*arguments)
        first.end(signal.SIGCONT, everyone=True)
        first.wait_for(first.ended)
    assert second.status == 1
    assert "Error: Directory cannot be locked." in second.output
    note = line_of(second.output, f"note: also at work in this folder is process {first.process.pid} on ")
    assert first.process.returncode == 0, first.output[-3000:]
    assert results(finished) == results(undisturbed)
    shown = note.replace(" ".join(arguments), "TARGETS")
    documented("A second run in the same folder", shown, "wait for the first", "the first is not disturbed")
