"""A study that has a name has a folder of its own, in which every job is what it is without one."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from uphill import __main__
from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.planning.study import read_study
from uphill.running.job import Running
from uphill.running.places import ROOMS, record_of, root_around, within
from uphill.workflow.named import record, written_over
from uphill.workflow.paths import benchmark_path, log_path, root, table_path
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
CONFIGS = ("config.yaml", "demo-all.yaml")


def raw(config: str = "config.yaml", **changes: Any) -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "config" / config).read_text())
    return {**copy.deepcopy(found), **changes}


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_name_moves_every_file_and_changes_no_job(config: str) -> None:
    """But the report, which shows the config with the name in it."""
    plain, named = Study(check(raw(config))), Study(check(raw(config, study="mine")))
    before = {path: job.id for job in plain.jobs for path in job.files}
    after = {path: job.id for job in named.jobs for path in job.files}
    moved = {path.replace("results/", "results/mine/", 1): identity for path, identity in before.items()}
    assert after.keys() == moved.keys()
    differ = {path for path in after if after[path] != moved[path]}
    assert "results/mine/report.html" in differ
    assert len(before) > 100
    if config == "config.yaml":
        assert differ == {"results/mine/report.html"}
    records = [path(job.record) for job in named.jobs for path in (log_path, benchmark_path)]
    assert {root_around(path) for path in (*after, *records)} == {"results/mine"}


@pytest.mark.parametrize("config", CONFIGS)
def test_the_folders_of_a_root_are_known(config: str) -> None:
    """So that none is taken for a study's name."""
    found = {path.split("/")[1] for path in Study(check(raw(config))).files}
    assert found <= ROOMS


@pytest.mark.parametrize(
    ("path", "place", "rest"),
    [
        ("results/items/dial.parquet", "results", "items/dial.parquet"),
        ("results/mine/items/dial.parquet", "results/mine", "items/dial.parquet"),
        ("results/models/items/config.json", "results", "models/items/config.json"),
        ("results/dial/report.html", "results/dial", "report.html"),
    ],
)
def test_a_files_own_name_says_its_root(path: str, place: str, rest: str) -> None:
    assert (root_around(path), within(path)) == (place, rest)
    assert record_of(path) == f"{place}/.made/{rest}.json"


@pytest.mark.parametrize("path", ["items/dial.parquet", "results", "results/mine", "results/mine/other", "/results/x"])
def test_what_is_under_no_root_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no file of a study, expected one under results/"):
        within(path)


def test_a_job_keeps_its_parts_under_its_studys_root() -> None:
    """As its log says: a job's own process has read no config."""
    for log, parts in (
        ("results/logs/items/x.log", "results/.parts"),
        ("results/mine/logs/items/x.log", "results/mine/.parts"),
    ):
        params = SimpleNamespace(get=lambda name, other=None: other)
        given = {"input": [], "output": [], "wildcards": None, "resources": None, "threads": 1}
        assert str(Running(SimpleNamespace(**given, params=params, log=[log])).scratch) == parts


@pytest.mark.parametrize("name", ["tables", "Items", "report.html", "logs"])
def test_a_name_is_no_folder_of_another_study(name: str) -> None:
    with pytest.raises(UphillError, match=f"^mine.yaml: study: is {name!r}, the name of a folder of every study"):
        check(raw(study=name), "mine.yaml")


@pytest.mark.parametrize("name", ["../up", "a/b", ".made", ""])
def test_a_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(UphillError, match=r"^mine\.yaml: study: is "):
        check(raw(study=name), "mine.yaml")


def test_whoever_reads_a_study_is_at_it() -> None:
    named, plain = Study(check(raw(study="mine"))), Study(check(raw()))
    assert (root(), table_path("sgr")) == ("results", "results/tables/sgr.csv")
    assert named.files[0].startswith("results/mine/")
    assert table_path("sgr") == "results/mine/tables/sgr.csv"
    assert plain.files[0].startswith("results/items")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("config", "resources", "src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_another_config_is_told_whose_tables_it_writes_over(elsewhere: Path) -> None:
    study = Study(check(raw()))
    population, sgr = table_path("population"), table_path("sgr")
    record(study, [str(elsewhere / "config/config.yaml")])
    for path in (population, sgr, "results/tables/other.csv"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    assert written_over(study, ["config/config.yaml"], [population]) is None, "its own change is no other study"
    said = written_over(study, ["mine.yaml"], [population, sgr, "results/items/dial.parquet"])
    assert said == (
        "results is of config/config.yaml; this study, of mine.yaml, makes 2 of its files in results/tables over, such "
        f"as {population} and leaves results/tables/other.csv of it beside; a line `study: NAME` in its config gives "
        "it results/NAME for itself"
    )
    Path("results/tables/other.csv").unlink()
    assert written_over(study, ["mine.yaml"], ["results/items/dial.parquet"]) is None, "no table of it is lost"
    assert written_over(Study(check(raw(study="mine"))), ["mine.yaml"], []) is None


def test_show_looks_into_the_studys_folder(elsewhere: Path) -> None:
    Path("mine.yaml").write_text("extends: default\nstudy: mine\n")
    read_study(Path("mine.yaml"))
    for command in (["show", "--configfile", "mine.yaml"], ["show", "cell", "sgr", "--configfile", "mine.yaml"]):
        result = CliRunner().invoke(__main__.app, command)
        assert isinstance(result.exception, UphillError)
        assert "results/mine/tables/" in str(result.exception)
