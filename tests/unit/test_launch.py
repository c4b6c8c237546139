"""A run clears up before its DAG is made; whatever only looks says what a run would do, and leaves all as it is."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.cli import get_argument_parser
from snakemake.settings.types import SchedulingSettings

from uphill.errors import UphillError
from uphill.workflow import gpus, launch

CUT, WHOLE, PART = (f"results/{name}.parquet" for name in ("items/cut", "items/whole", "hardness/measures/dial/cut"))
LOCK, LEAVING = ".snakemake/locks/0.input.lock", f"results/tables/.sgr.{'0' * 32}.csv"
STUDY: Any = SimpleNamespace(
    root="results",
    files=[CUT, WHOLE, "results/items/absent.parquet", PART],
    jobs=[],
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files that were cut short, one that is whole, a lock and a temporary file of a killed run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "stop_run_on_signal", lambda jobs_are_here: None)
    monkeypatch.setattr(gpus, "visible", lambda: 3)
    for name, content in ((CUT, "PAR1 half"), (WHOLE, "PAR1 all PAR1"), (PART, ""), (LOCK, "x"), (LEAVING, "half")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    return tmp_path


def started(executor_plugin: object, dryrun: bool = False) -> Any:
    """As much of Snakemake's workflow as is looked at, watched, with its DAG built."""
    built: list[str] = []
    workflow = SimpleNamespace(
        dag_settings=SimpleNamespace(targets=()),
        executor_plugin=executor_plugin,
        dryrun=dryrun,
        local_exec=True,
        global_resources={},
        dag=SimpleNamespace(forcefiles=set()),
        persistence=SimpleNamespace(
            save_iocache=lambda: built.append("kept"), drop_iocache=lambda: built.append("gone")
        ),
        configfiles=["config/config.yaml"],
        scheduling_settings=SchedulingSettings(),
        _build_dag=lambda: built.append(f"built within {workflow.global_resources}"),
        built=built,
    )
    launch.watch(workflow, STUDY)
    assert built == []
    workflow._build_dag()
    workflow.persistence.save_iocache()
    return workflow


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize(("said", "kept"), [([], None), (["--max-jobs-per-timespan", "50/1m"], (50, 60))])
def test_snakemakes_own_limit_of_jobs_is_taken_away_and_no_others(
    said: list[str], kept: tuple[int, int] | None
) -> None:
    settings = SchedulingSettings(max_jobs_per_timespan=get_argument_parser().parse_args(said).max_jobs_per_timespan)
    launch.wake_when_jobs_end(SimpleNamespace(scheduling_settings=settings))
    left = settings.max_jobs_per_timespan
    assert (None if left is None else (left.max_jobs, left.timespan)) == kept


@pytest.mark.parametrize(("plugin", "dryrun"), [(None, False), ("dryrun", True)], ids=["summary", "dry run"])
def test_who_looks_is_told_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], plugin: object, dryrun: bool
) -> None:
    before = files(folder)
    workflow = started(plugin, dryrun)
    assert files(folder) == before
    assert workflow.built == ["built within {}"]
    assert workflow.dag.forcefiles == {CUT, PART}
    assert capsys.readouterr().err.splitlines() == [
        "note: a run that was killed left its lock, which the next run removes; what it finished is kept",
        f"note: {CUT}: not a whole Parquet file; a run sets it aside and makes it again",
        f"note: {PART}: not a whole Parquet file; a run sets it aside and makes it again",
    ]


def test_a_run_clears_up_before_its_dag_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workflow = started("local")
    assert workflow.built == ["built within {'gpu_percent': 300}", "kept"]
    assert workflow.dag.forcefiles == set()
    left = {name for name in files(folder) if "at_work" not in name}
    assert left == {f"{CUT}.damaged", WHOLE, f"{PART}.damaged"}
    assert f"note: {CUT}: not a whole Parquet file; set aside as cut.parquet.damaged and made again" in (
        capsys.readouterr().err.splitlines()
    )


def test_what_cannot_be_cleared_up_ends_the_run_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(SystemExit) as end:
        started("local")
    assert end.value.code == (
        f"error: {CUT}: cannot be written: Read-only file system; put that right and run the same command again"
    )


def test_a_file_in_a_folders_place_is_named_to_all(folder: Path) -> None:
    Path("results/hardness/measures/dial/cut.parquet").unlink()
    Path("results/hardness/measures/dial").rmdir()
    Path("results/hardness/measures/dial").write_text("")
    with pytest.raises(UphillError, match="results/hardness/measures/dial: a file, expected a folder"):
        started(None)
