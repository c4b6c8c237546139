"""SIGINT and SIGTERM end a run in order: nothing half written, no job left, and a line that says how to go on."""

import shutil
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import Checkout, study
from runs import Watched, documented, results

from uphill.running.stopping import GO_ON, PUT_RIGHT
from uphill.schemas.files import is_leaving

ICL = "results/predictions/icl/demo/dial.parquet"


def test_a_run_that_is_stopped_says_how_to_go_on(finished: Checkout, undisturbed: Checkout) -> None:
    (finished.folder / ICL).unlink()
    arguments = [ICL, "--configfile", "study.yaml"]
    parts, log = finished.folder / "results/.parts", finished.folder / "results/logs/predictions/icl/demo/dial.log"
    kept = 0

    def stopped(number: signal.Signals, everyone: bool) -> tuple[Watched, list[psutil.Process]]:
        with Watched(finished, arguments) as watched:
            assert watched.wait_for(lambda: len(list(parts.glob("predictions-*/[!.]*.parquet"))) > kept)
            scripts = watched.scripts()
            for script in scripts:
                script.suspend()  # so that it is not over before it is stopped, on a busy machine
            watched.end(number, everyone)
            for script in scripts:
                script.resume()
            watched.wait_for(watched.ended)
        return watched, scripts

    # Ctrl-C reaches jobs too, `kill` and a batch system's notice Snakemake alone.
    for number, everyone in ((signal.SIGINT, True), (signal.SIGTERM, False)):
        watched, scripts = stopped(number, everyone)
        if "spent" in log.read_text().splitlines()[-1]:
            # A machine so busy that the job was over, all cells of it, before this test saw the first: once more.
            (finished.folder / ICL).unlink(missing_ok=True)
            shutil.rmtree(parts, ignore_errors=True)
            kept = 0
            watched, scripts = stopped(number, everyone)
        name = signal.Signals(number).name
        assert watched.process.returncode == 1
        assert f"{name}: stopping. {GO_ON}" in watched.output
        assert "Traceback" not in watched.output
        assert GO_ON in watched.output.splitlines()
        assert len(scripts) == 1
        assert not any(psutil.pid_exists(script.pid) for script in scripts)
        assert "stopped by SIG" in log.read_text().splitlines()[-1]
        assert not [path for path in (finished.folder / "results").rglob(".*") if is_leaving(path)]
        assert not list((finished.folder / ".snakemake/locks").glob("*"))
        assert not list((finished.folder / ".snakemake/at_work").glob("*"))
        kept = len(list(parts.glob("predictions-*/[!.]*.parquet")))
        documented(name, GO_ON, "run the same command again", "goes on from the finished cells; the same bytes")
    done = finished.snakemake(*arguments)
    assert done.status == 0, done.output[-3000:]
    assert "cells were finished before" in log.read_text()
    assert results(finished) == results(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_before_its_first_job_says_so(checkout: Checkout, number: int) -> None:
    at_work = checkout.folder / ".snakemake/at_work"
    with Watched(checkout, ["--configfile", checkout.configure(study)], forked=True) as watched:
        assert watched.wait_for(lambda: any(at_work.glob("[!.]*")))
        watched.end(number)
        watched.wait_for(watched.ended)
    assert watched.process.returncode == 128 + number
    assert f"{signal.Signals(number).name}: stopping. {GO_ON}" in watched.output
    assert "Traceback" not in watched.output
    assert not list((checkout.folder / ".snakemake/locks").glob("*"))


def test_a_run_whose_job_fails_says_how_to_go_on(checkout: Checkout) -> None:
    (checkout.folder / "workflow/scripts/items.py").write_text("raise SystemExit(1)\n")
    run = checkout.snakemake("results/items/dial.parquet", "--configfile", checkout.configure(study))
    assert run.status == 1
    assert PUT_RIGHT in run.output.splitlines()


HALF_MADE = """
import os, signal
from uphill.running.stopping import stop_run_on_signal

class HalfMade:
    def __init__(self, number):
        os.kill(os.getpid(), number)
        self.handle = open(os.devnull)
    def __del__(self):
        self.handle.close()

stop_run_on_signal(jobs_are_here=False)
HalfMade({number})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_object_that_was_half_made_when_the_signal_came_says_nothing(number: int) -> None:
    ended = subprocess.run([sys.executable, "-c", HALF_MADE.format(number=int(number))], capture_output=True, text=True)
    assert ended.returncode == 128 + number
    assert ended.stderr.strip() == f"{signal.Signals(number).name}: stopping. {GO_ON}"
