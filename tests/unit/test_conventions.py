"""What others expect of a Snakemake workflow and of a Python package: said where they look, and true."""

import fnmatch
import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from uphill.running import places

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)(?: ;([^\\]*))?", re.MULTILINE)


def data(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_command_uphill_is_the_module_s() -> None:
    module, _, function = PROJECT["project"]["scripts"]["uphill"].partition(":")
    assert module == "uphill.__main__"
    assert callable(getattr(importlib.import_module(module), function))


def test_a_package_holds_every_file_that_the_library_reads() -> None:
    package = ROOT / "src/uphill"
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["uphill"]
    files = [path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()]
    kept = [name for name in files if not name.endswith((".py", ".pyc"))]
    assert len(kept) > 5
    assert [name for name in kept if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []


def commands(target: str) -> list[str]:
    """What a target of the Makefile runs, without the folder of the environment."""
    [body] = re.findall(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return [line.strip().removeprefix("@").replace("$(BIN)/", "") for line in body.splitlines()]


def test_pre_commit_runs_parts_of_lint() -> None:
    [local] = data(".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]]
    entries.remove("make docs")
    assert re.search(r"^lint:.* docs\b", (ROOT / "Makefile").read_text(), re.MULTILINE)
    linted = commands("lint")
    assert len(entries) == len(linted) - 1  # all but `snakemake --lint`, which takes longer
    assert [entry for entry in entries if not any(line.startswith(entry) for line in linted)] == []


def test_the_hosted_workflow_runs_what_a_change_must_pass() -> None:
    jobs = data(".github/workflows/ci.yml")["jobs"]
    ran = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert ".ci/run" in ran["run"]
    assert "make test-nightly" in ran["nightly"]
    assert commands("test-nightly")
    least = numbers(PROJECT["project"]["requires-python"])
    assert all(numbers(job["container"]) >= least for job in jobs.values())


def numbers(text: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def test_the_catalog_is_told_flags_that_there_are() -> None:
    usage = data(".snakemake-workflow-catalog.yml")["usage"]
    flag, profile = usage["mandatory-flags"]["flags"].split()
    assert flag == "--profile"
    assert (ROOT / profile / "config.yaml").is_file()
    deployed = usage["software-stack-deployment"]
    snakefiles = "".join(path.read_text() for path in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")))
    assert deployed == {"conda": "conda:" in snakefiles, "apptainer": "container:" in snakefiles}
    assert usage["report"] is True
    assert (ROOT / "workflow/report/overview.rst").is_file()


def test_the_citation_is_of_this_version() -> None:
    assert data("CITATION.cff")["version"] == PROJECT["project"]["version"]
    assert f"## {PROJECT['project']['version']}" in (ROOT / "CHANGELOG.md").read_text()


def pins(name: str) -> dict[str, str]:
    return {package: version for package, version, _ in PIN.findall((ROOT / name).read_text())}


def test_the_hashed_lock_pins_the_same_and_hashes_all() -> None:
    assert pins("envs/gpu.hashed.lock") == pins("envs/gpu.lock")
    text = (ROOT / "envs/gpu.hashed.lock").read_text()
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", entry), entry[:60]


def test_what_make_installs_is_held_to_its_hash_but_for_torch() -> None:
    """Whose CPU build and the registry's are two files of one version."""
    assert pins("envs/cpu.hashed.lock") == pins("envs/cpu.lock")
    lines = (ROOT / "envs/cpu.hashed.lock").read_text().splitlines()
    assert [line for line in lines if "==" in line and not line.endswith("\\")] == ["torch==2.13.0"]
    assert "LOCK ?= envs/cpu.hashed.lock" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    "name", ["envs/cpu.hashed.lock", "envs/gpu.hashed.lock", "envs/gpu.lock", "envs/cpu.lock", "envs/dev.lock"]
)
def test_locks_name_no_host(name: str) -> None:
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (ROOT / name).read_text())


def test_what_the_workflow_brings_is_its_own_unless_the_run_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places.shipped("config/hardware.yaml") == "config/hardware.yaml"
    monkeypatch.chdir(tmp_path)
    assert places.shipped("config/hardware.yaml") == str(places.HOME / "config/hardware.yaml")
    assert places.shipped("data/mine.csv") == "data/mine.csv"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/hardware.yaml").touch()
    assert places.shipped("config/hardware.yaml") == "config/hardware.yaml"
