"""A target that nothing makes is one line with the nearest that there is; what is a rule or a file is let through."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from changed_studies import ROOT, plan

from uphill.errors import UphillError
from uphill.workflow.study import Study
from uphill.workflow.targets import check_targets

CONFIG = ROOT / "config/config.yaml"


def rule(name: str, pattern: str = "(?!)", wildcards: bool = False) -> SimpleNamespace:
    """As much of Snakemake's rule as is looked at."""
    return SimpleNamespace(
        name=name, has_wildcards=lambda: wildcards, is_producer=lambda path: re.fullmatch(pattern, path) is not None
    )


RULES = [
    rule("all"),
    rule("fetch"),
    rule("items", r"results/items/\w+\.parquet", wildcards=True),
    rule("table", r"results/tables/\w+\.csv", wildcards=True),
    rule("demo_model", "results/demo_model/1280k/model.safetensors"),
]


@pytest.fixture(scope="module")
def study() -> Study:
    found = plan()
    assert found.jobs  # made here: the tests below are elsewhere
    return found


def asked(study: Study, *targets: str) -> None:
    workflow: Any = SimpleNamespace(
        rules=RULES,
        is_rule=lambda name: name in {one.name for one in RULES},
        configfiles=[CONFIG],
        dag_settings=SimpleNamespace(targets=targets),
    )
    check_targets(workflow, study)


def test_what_is_made_or_there_is_let_through(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    asked(study)
    asked(study, "fetch", "all", "there.csv", "./there.csv", "results/demo_model/1280k/model.safetensors")
    asked(study, *study.files, "./results/tables/../tables/sgr.csv")
    asked(study, "results/logs/items/dial.log", "results/benchmarks/items/dial.tsv")


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("results/tables/populaton.csv", "results/tables/population.csv"),
        ("tables/sgr.csv", "results/tables/sgr.csv"),
        ("population", "results/tables/population.csv"),
        ("populatoin.csv", "results/tables/population.csv"),
        ("results/raport.html", "results/report.html"),
        ("results/items/dail.parquet", "results/items/dial.parquet"),
        ("fetsh", "fetch"),
        ("nothing_like_it", "results/report.html"),
        # A rule makes tables, but none of that name in this study; and nothing may lead out of the results.
        ("results/tables/quantization.csv", "results/tables/"),
        ("../results/items/dial.parquet", "results/items/dial.parquet"),
    ],
)
def test_any_other_is_one_line_with_the_nearest(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UphillError) as caught:
        asked(study, "fetch", target)
    said = str(caught.value)
    assert said.startswith(f"{target}: neither a rule nor a file that the study of ")
    assert f"config/config.yaml makes, expected one of its {len(study.files)} files, such as {meant}" in said
    assert "\n" not in said


@pytest.mark.parametrize("path", ["results/tables/quantization.csv", "results/mine/tables/sgr.csv"])
def test_what_another_study_made_is_none_of_this_ones(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The file is there, so that Snakemake would say that there is nothing to do."""
    monkeypatch.chdir(tmp_path)
    Path(path).parent.mkdir(parents=True)
    Path(path).touch()
    with pytest.raises(UphillError, match=f"{path}: neither a rule nor a file that the study of "):
        asked(study, path)
