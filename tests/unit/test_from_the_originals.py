"""Each command that stands beside one of a published README is one: its config is a study, which makes its files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from uphill.planning.study import read_study

PAGE = ROOT / "docs/from-the-originals.md"
COMMAND = re.compile(r"`(snakemake [^`]+)`")
FILE = re.compile(r"`(results/[^`]+)`")
BLOCK = re.compile(r"```yaml\n# (\S+\.yaml)\n(.*?)```", re.DOTALL)
PAPER = "config/paper.yaml"
FIGURES = [f"F{number}" for number in range(1, 14)] + ["T1", "T2"]
"""What the published analysis makes."""


def commands() -> Iterator[tuple[str, list[str]]]:
    """The config and the targets of each command."""
    for line in COMMAND.findall(PAGE.read_text()):
        words = shlex.split(line)
        assert words[:3] == ["snakemake", "--profile", "slurm"], line
        at = words.index("--configfile")
        assert len(words) == at + 2, f"{line}: expected the config last, which takes all that follows it"
        yield words[at + 1], words[3:at]


def targets() -> dict[str, set[str]]:
    """The files that are asked for, by config; files that are named alone are the published study's."""
    found: dict[str, set[str]] = {PAPER: set(FILE.findall(PAGE.read_text()))}
    for config, files in commands():
        found.setdefault(config, set()).update(files)
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's configs and models, and those that the page spells out."""
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name, body in BLOCK.findall(PAGE.read_text()):
        (tmp_path / name).write_text(body)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("config", targets())
def test_the_files_of_each_command_are_made_by_its_config(config: str, here: Path) -> None:
    study = read_study(Path(config))
    assert sorted(targets()[config] - set(study.files)) == []


def test_the_page_s_own_configs_run_what_it_says(here: Path) -> None:
    assert [name for name, _ in BLOCK.findall(PAGE.read_text())] == ["examples.yaml", "w2s.yaml"]
    cells = {(arm.experiment, arm.dataset, arm.models) for arm in read_study(Path("examples.yaml")).config.arms()}
    assert {
        ("all_to_all", "arc_challenge", ("llama-7b",)),
        ("all_to_all", "ai2_arc", ("llama-2-13b",)),
        ("population", "mmlu_stem5", ("mixtral-8x7b",)),
    } <= cells
    taught = re.compile(
        r"predictions/probe_logconf/([^/]+)/arc_true_false@arc_true_false\.(llama-2-\d+b)\.[^/]+\.parquet$"
    )
    found = [match.groups() for file in read_study(Path("w2s.yaml")).files if (match := taught.search(file))]
    sizes = ["llama-2-7b", "llama-2-13b", "llama-2-70b"]
    assert {(strong, weak) for at, weak in enumerate(sizes) for strong in sizes[at:]} == set(found)


def test_each_figure_of_the_published_analysis_is_named_once() -> None:
    text = PAGE.read_text()
    assert all(len(re.findall(rf"\({figure}\)", text)) == 1 for figure in FIGURES)


def test_a_file_that_no_job_makes_is_seen(here: Path) -> None:
    study = read_study(Path("examples.yaml"))
    assert "results/tables/all_to_all.csv" in study.files
    assert "results/tables/learning_curves.csv" not in study.files
