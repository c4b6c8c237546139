"""Jobs read what their rules say; what looks changes nothing; damage is named and made again."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Checkout, study
from copies import again, fresh
from runs import documented

from uphill.schemas.files import is_leaving

HOOK = """
import atexit, json, os, sys
opened = set()
def seen(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and not (arguments[2] or 0) & os.O_WRONLY:
        opened.add(os.path.relpath(os.fspath(arguments[0])))
sys.addaudithook(seen)
def tell():
    job = getattr(sys.modules["__main__"], "snakemake", None)
    if job is not None and hasattr(job, "rule"):
        said = {"rule": job.rule, "may": [*job.input, *job.output, *job.log], "input": list(job.input)}
        with open(f"audit/{os.getpid()}.json", "w") as stream:
            json.dump({**said, "opened": sorted(name for name in opened if name.startswith("results/"))}, stream)
atexit.register(tell)
"""
SHARD = "results/responses/demo/dial/shard-1-of-4.parquet"
TABLE = "results/tables/population.csv"
FIGURE = "results/figures/population.png"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished study, each of whose jobs wrote down what it opened."""
    folder = fresh(tmp_path_factory.mktemp("watched") / "checkout")
    with (folder / "src/uphill/__init__.py").open("a") as stream:
        stream.write(HOOK)
    (folder / "audit").mkdir()
    checkout = Checkout(folder)

    def change(raw: dict[str, Any]) -> None:
        study(raw)
        raw["measures"]["text_logprob"] = {"kind": "text_logprob"}
        raw["measures"]["choice_order"] = {"kind": "choice_order", "orders": 2}

    run = checkout.snakemake("--configfile", checkout.configure(change, "study.yaml"))
    assert run.status == 0, run.output[-4000:]
    return checkout


@pytest.fixture
def finished(watched: Checkout, tmp_path: Path) -> Checkout:
    """A copy of it, to damage."""
    return Checkout(again(watched.folder, tmp_path / "finished"))


def test_a_job_opens_no_result_but_its_inputs(watched: Checkout) -> None:
    jobs = [json.loads(path.read_text()) for path in (watched.folder / "audit").iterdir()]
    rules = {job["rule"] for job in jobs}
    assert rules >= {"responses", "token_scores", "measure_on_model", "hardness", "splits", "table", "wide"}
    assert rules >= {"measure_from_responses", "measure_from_token_scores"}
    assert rules >= {"predictions_on_model", "predictions_from_responses", "grade", "correlations", "figure", "report"}
    for job in jobs:
        others = {name for name in job["opened"] if name not in job["may"] and not is_leaving(Path(name))}
        own = ("results/.parts/", *(("results/logs/", "results/benchmarks/") if job["rule"] == "report" else ()))
        assert {name for name in others if not name.startswith(own)} == set(), job["rule"]
        assert not job["input"] or set(job["opened"]) & set(job["input"]), "the hook sees nothing"


def state(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Name, size, date and content of every file, apart from Snakemake's own log."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[:2] != (".snakemake", "log") and "__pycache__" not in name.parts:
            status = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(name)] = (status.st_size, status.st_mtime_ns, digest)
    return found


LOOKS = [
    ("snakemake", ("--dry-run",)),
    ("snakemake", ("--summary",)),
    ("snakemake", ("--dag",)),
    ("snakemake", ("--list",)),
    ("snakemake", ("--lint",)),
    ("uphill", ("why", "--configfile", "study.yaml")),
    ("uphill", ("plan", "study.yaml")),
    ("uphill", ("show",)),
]


def test_what_looks_changes_nothing(finished: Checkout) -> None:
    """In a folder with a file that was cut short, a killed run's lock and traces, and a half-finished job."""
    shard = finished.folder / SHARD
    os.truncate(shard, shard.stat().st_size // 2)
    (finished.folder / ".snakemake/locks").mkdir(exist_ok=True)
    (finished.folder / ".snakemake/locks/0.output.lock").write_text(f"{TABLE}\n")
    (finished.folder / ".snakemake/at_work").mkdir(exist_ok=True)
    (finished.folder / ".snakemake/at_work/host-1-abc").write_text("process 1 on host: a job")
    part = finished.folder / "results/.parts/predictions-0123/dial-easy-0-4.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"PAR1 half")
    (finished.folder / f"results/tables/.population.{'0' * 32}.csv").write_text("half")
    before = state(finished.folder)
    said = {}
    for what, arguments in LOOKS:
        if what == "uphill":
            run = finished.uphill(*arguments)
        else:
            run = finished.snakemake(*arguments, "--configfile", "study.yaml")
        assert "Traceback" not in run.output, run.output[-3000:]
        assert run.status == 0, run.output[-3000:]
        changed = set(state(finished.folder).items() ^ before.items())
        assert changed == set(), arguments
        said[arguments[0]] = run
    note = f"note: {SHARD}: not a whole Parquet file; a run sets it aside and makes it again"
    assert note in said["--dry-run"].output.splitlines()
    assert "note: a run that was killed left its lock, which the next run removes" in said["--dry-run"].output
    planned = said["--dry-run"].jobs
    assert "Zero-shot pass of demo over dial" in planned
    assert "Questions of dial" not in planned
    assert f"{SHARD}: not a whole Parquet file" in said["why"].output
    outcome = "nothing on disk changes, and the jobs of a run are listed"
    documented("A dry run, or a look, where a file was cut short", note, "nothing", outcome)
    planned = finished.snakemake(SHARD, "--configfile", "study.yaml", "--dry-run").jobs
    run = finished.snakemake(SHARD, "--configfile", "study.yaml")
    assert run.status == 0, run.output[-3000:]
    assert run.jobs == planned == ["Zero-shot pass of demo over dial"]
    assert not (finished.folder / ".snakemake/locks/0.output.lock").exists()


@pytest.mark.parametrize(
    ("fault", "path", "damage", "maker"),
    [
        ("A CSV table cut short, its date unchanged", TABLE, "cut", FIGURE),
        ("Line ends of a CSV table changed by an editor", TABLE, "line ends", "results/report.html"),
        ("A `.provenance.json` edited", "results/tables/population.provenance.json", "edit", FIGURE),
        ("One bit of a Parquet file flipped", SHARD, "bit", "results/predictions/probe/demo/dial.parquet"),
    ],
)
def test_damage_is_one_line_and_its_command_repairs_it(
    finished: Checkout, watched: Checkout, fault: str, path: str, damage: str, maker: str
) -> None:
    broken = finished.folder / path
    content = broken.read_bytes()
    damaged = {
        "cut": b"".join(content.splitlines(keepends=True)[:-3]),
        "line ends": content.replace(b"\n", b"\r\n"),
        "edit": content.replace(b'"settings"', b'"sittings"', 1),
        "bit": content[:200] + bytes([content[200] ^ 1]) + content[201:],
    }[damage]
    before = broken.stat()
    broken.write_bytes(damaged)
    os.utime(broken, ns=(before.st_atime_ns, before.st_mtime_ns))  # its date says nothing
    # What reads it is made anew, as after an edit of its script.
    (finished.folder / maker).unlink()
    run = finished.snakemake(maker, "--configfile", "study.yaml")
    assert run.status == 1
    [error] = set(run.errors)
    assert error.startswith(f"error: {path}: ")
    assert error.endswith(f"to have it made again: rm {path}, then run the workflow again")
    assert "Traceback" not in run.output
    broken.unlink()
    again = finished.snakemake(maker, "--configfile", "study.yaml")
    assert again.status == 0, again.output[-3000:]
    for name in (path, maker):
        if not name.endswith(".html"):
            assert (finished.folder / name).read_bytes() == (watched.folder / name).read_bytes(), name
    documented(fault, error, "the command that it names, then the same command again", "made again; the same bytes")
