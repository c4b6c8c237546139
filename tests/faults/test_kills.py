"""SIGKILL at seeded random moments, of the run or of a job; then the same command again, until it ends well."""

import base64
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from conftest import TABLES, Checkout, study
from copies import fresh
from runs import Watched, documented, results

LEFT = "note: a run that was killed left its lock, which is removed; what it finished is kept"
LINES = 2
"""Two folders side by side, one a core."""
ICL = "results/predictions/icl/demo/dial.parquet"
LOG = "results/logs/predictions/icl/demo/dial.log"
SHARD = "results/responses/demo/dial/shard-0-of-4.parquet"


class Line:
    """One folder in which runs are killed and resumed again and again.

    Attributes:
        kills: how many hit a run that was at work.
        amid: how many of them left a job with some parts finished.
        whole: how many times the targets came to their end and were begun anew.
    """

    def __init__(
        self, checkout: Checkout, targets: list[str], expected: dict[str, bytes], seed: int, forked: bool
    ) -> None:
        self.checkout, self.targets, self.expected, self.forked = checkout, targets, expected, forked
        self.arguments = [*targets, "--configfile", checkout.configure(study), "--cores", "1"]
        self.rng = np.random.default_rng(seed)
        self.kills = self.amid = self.whole = 0
        self.killed_last = False
        self.finished: dict[str, int] = {}

    def run_until_killed(self, times: int) -> None:
        while self.kills < times:
            self._once(kill=True)
        # The last one is resumed too.
        while self.killed_last:
            self._once(kill=False)

    def _once(self, kill: bool) -> None:
        with Watched(self.checkout, self.arguments, self.forked) as watched:
            killed = kill and self._kill(watched)
            watched.wait_for(watched.ended)
        self.kills += killed
        self.killed_last = killed
        self.amid += killed and any((self.checkout.folder / "results").glob(".parts/*/[!.]*.parquet"))
        self._check_parts(watched.parts)
        self._check_files()
        if not killed or watched.process.returncode == 0:
            assert watched.process.returncode == 0, watched.output[-3000:]
            assert set(self.targets) <= set(results(self.checkout)) <= set(self.expected)
            assert not list((self.checkout.folder / "results/.parts").glob("*"))
            assert not list((self.checkout.folder / "results").rglob(".*.*")), "a temporary file was left"
            self.whole += 1
            self.finished = {}
            shutil.rmtree(self.checkout.folder / "results")
            shutil.rmtree(self.checkout.folder / ".snakemake")

    def _kill(self, watched: Watched) -> bool:
        """Kill after some events and a moment more; whether the run had not ended by itself."""
        events, more = int(self.rng.integers(0, 9)), float(self.rng.uniform(0, 1.5))
        one_job = self.rng.random() < 0.4
        if not watched.wait_for(lambda: watched.events >= events):
            return False
        time.sleep(more)
        if watched.ended():
            return False
        scripts = watched.scripts() if one_job else []
        if scripts:
            try:
                scripts[0].kill()
            except psutil.NoSuchProcess:
                watched.end(signal.SIGKILL, everyone=True)
        else:
            watched.end(signal.SIGKILL, everyone=True)
        return True

    def _check_parts(self, parts: set[tuple[str, int]]) -> None:
        """No finished cell is made twice, so a kill costs no more than the cell in hand."""
        for name, written in parts:
            assert self.finished.setdefault(name, written) == written, f"{name} was made again"

    def _check_files(self) -> None:
        """Whatever is there is what an undisturbed run makes; nothing is half written."""
        found = results(self.checkout)
        assert [name for name, content in found.items() if content != self.expected[name]] == []
        for part in (self.checkout.folder / "results").glob(".parts/*/[!.]*.parquet"):
            pq.read_table(part)


def kill(times: int, targets: list[str], undisturbed: Checkout, folder: Path, forked: bool = False) -> None:
    """So many kills, in lines side by side, each until its targets were made at least once."""
    expected = results(undisturbed)
    lines = [Line(Checkout(fresh(folder / str(seed))), targets, expected, seed, forked) for seed in range(LINES)]
    with ThreadPoolExecutor(LINES) as pool:
        list(pool.map(lambda line: line.run_until_killed(times // LINES), lines))
    assert sum(line.kills for line in lines) == times
    assert all(line.whole for line in lines)
    assert sum(line.amid for line in lines) > 0, "no kill came between the parts of a job"


def test_a_dozen_kills_lose_no_finished_cell(undisturbed: Checkout, tmp_path: Path) -> None:
    """Of the two jobs that have parts, and the three that they wait for; at night of new Pythons."""
    kill(12, [SHARD, ICL], undisturbed, tmp_path, forked=True)


@pytest.mark.nightly
def test_forty_kills_lose_no_finished_cell(undisturbed: Checkout, tmp_path: Path) -> None:
    kill(40, TABLES, undisturbed, tmp_path)
    documented(
        "SIGKILL of the run, or of a job",
        LEFT,
        "run the same command again",
        "40 kills: the same bytes as without; no finished cell made twice",
    )


def test_a_run_that_is_killed_in_the_parser_leaves_nothing_in_the_way(checkout: Checkout) -> None:
    """Before Snakemake's own lock: what says that it is at work is there, and nothing else."""
    arguments = ["results/items/dial.parquet", "--configfile", checkout.configure(study)]
    at_work = checkout.folder / ".snakemake/at_work"
    with Watched(checkout, arguments, forked=True) as watched:
        assert watched.wait_for(lambda: any(at_work.glob("[!.]*"))), watched.output
        watched.end(signal.SIGKILL, everyone=True)
    assert watched.process.returncode == -signal.SIGKILL
    assert checkout.made() == []
    assert any(at_work.glob("[!.]*"))
    again = checkout.snakemake(*arguments)
    assert again.status == 0, again.output[-3000:]
    assert "also at work" not in again.output
    assert again.jobs == ["Questions of dial"]
    assert not list(at_work.glob("*"))


def test_a_pass_that_was_written_but_not_yet_known_of_is_not_made_again(finished: Checkout) -> None:
    """The moment between a job's last write and Snakemake's note of it."""
    arguments = [SHARD, "--configfile", "study.yaml"]
    log = finished.folder / "results/logs/responses/demo/dial.log"
    assert "shard-0-of-4: 40 items" in log.read_text()
    before = (finished.folder / SHARD).read_bytes()
    marker = base64.urlsafe_b64encode(SHARD.encode()).decode()
    (finished.folder / ".snakemake/incomplete" / marker).touch()
    again = finished.snakemake(*arguments)
    assert again.status == 0
    assert again.jobs == ["Zero-shot pass of demo over dial"]
    assert "shard-0-of-4" not in log.read_text(), "no shard is scored"
    assert (finished.folder / SHARD).read_bytes() == before


def test_a_job_that_is_killed_after_its_last_output_makes_no_part_again(finished: Checkout) -> None:
    """Its process ends badly, so Snakemake deletes what it made; once, as a kill in a process's last moments is."""
    script, log = finished.folder / "workflow/scripts/predictions_on_model.py", finished.folder / LOG
    before = pq.read_table(finished.folder / ICL)
    (finished.folder / ICL).unlink()
    text = script.read_text()
    killed = "import os, pathlib, signal\nif not pathlib.Path('was-killed').exists():\n"
    killed += "    pathlib.Path('was-killed').touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    script.write_text(f"{text}\n{killed}")
    arguments = [ICL, "--configfile", "study.yaml"]
    run = finished.snakemake(*arguments)
    assert run.status != 0
    assert not (finished.folder / ICL).exists()
    again = finished.snakemake(*arguments)
    assert again.status == 0, again.output[-3000:]
    assert "12 of 12 cells were finished before" in log.read_text()
    assert pq.read_table(finished.folder / ICL).equals(before)
    assert not list((finished.folder / "results/.parts").glob("*"))


def test_jobs_that_outlive_their_run_are_named_and_not_joined(finished: Checkout) -> None:
    arguments = [ICL, "--configfile", "study.yaml"]
    (finished.folder / ICL).unlink()
    parts = finished.folder / "results/.parts"
    with Watched(finished, arguments) as watched:
        assert watched.wait_for(lambda: any(parts.glob("predictions-*/[!.]*.parquet"))), watched.output[-3000:]
        [job] = watched.scripts()
        job.suspend()  # so that it is still there whatever this machine's load
        watched.end(signal.SIGKILL)
    second = finished.snakemake(*arguments)
    assert second.status != 0
    assert "Error: Directory cannot be locked." in second.output
    [note] = [line for line in second.output.splitlines() if line.startswith("note: also at work")]
    assert f"process {job.pid} on " in note
    assert f"a job that makes {ICL}; " in note
    job.kill()
    psutil.wait_procs([job], timeout=60)
    third = finished.snakemake(*arguments)
    assert third.status == 0, third.output[-3000:]
    assert LEFT in third.output
    documented(
        "SIGKILL of Snakemake alone: its job lives on",
        note,
        "wait for the job or kill it, then run the same command again",
        "goes on from the finished cells",
    )
