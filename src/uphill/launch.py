"""Before a run: what an earlier one left, whether this one can write, and what it should be told."""

import shlex
import sys
import tempfile
from pathlib import Path

from uphill import running
from uphill.errors import UphillError
from uphill.parquet import is_whole
from uphill.schemas import is_leaving
from uphill.stopping import stop_run_on_signal
from uphill.workflow import RESULTS, Plan


def prepare(plan: Plan) -> None:
    """Clear away what a killed run left, if nobody is at work in this folder; else say who is.

    A damaged file is set aside, so that it is made again.

    Raises:
        UphillError: a file stands where a folder is expected.
    """
    stop_run_on_signal(jobs_are_here=False)
    known = running.announce(shlex.join(["snakemake", *sys.argv[1:]]))
    others = running.others()
    for other in others:
        _note(f"also at work in this folder is {other}; wait for it or end it, rather than unlock")
    if known and not others:
        if running.unlock():
            _note("a run that was killed left its lock, which is removed; what it finished is kept")
        for path in Path(RESULTS).rglob(".*"):
            if is_leaving(path):
                path.unlink(missing_ok=True)
    made = [Path(name) for name in plan.everything()]
    for folder in sorted({folder for path in made for folder in path.parents}):
        if folder.exists() and not folder.is_dir():
            raise UphillError(f"{folder}: a file, expected a folder; move it away and run the same command again")
    for path in made:
        if path.suffix == ".parquet" and path.is_file() and not is_whole(path):
            aside = path.rename(f"{path}.damaged")
            _note(f"{path}: not a whole Parquet file; set aside as {aside.name} and made again")


def begin(plan: Plan, jobs_are_here: bool) -> None:
    """What a run, unlike a dry run, needs and says.

    Raises:
        UphillError: results cannot be written.
    """
    stop_run_on_signal(jobs_are_here)
    try:
        Path(RESULTS).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=RESULTS):
            pass
    except OSError as error:
        raise UphillError(
            f"{RESULTS}: cannot be written: {error.strerror}; put that right and run the same command again"
        ) from None
    for name in plan.models():
        if plan.config.models[name].trust_remote_code:
            _note(f"models.{name}.trust_remote_code is on: code that comes with the model will run here")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
