"""A run in a folder of its own, and the rules as a module of another workflow: the same results, beside the study."""

from pathlib import Path

import pytest
from conftest import LOCAL, Checkout, Run, shrink

pytestmark = pytest.mark.nightly
ITEMS, HARDNESS = "results/items/dial.parquet", "results/hardness/dial.parquet"
MODULE = """
configfile: "study.yaml"

module uphill:
    snakefile: "{workflow}/Snakefile"
    config: config
{more}
use rule * from uphill as uphill_*

rule mine:
    input: "{file}"
    output: "mine.txt"
    shell: "ls {{input}} > {{output}}"
"""


def study(checkout: Checkout, folder: Path) -> None:
    """A small study in another folder; its model is the workflow's, by the path that the default config has."""
    folder.mkdir()
    (checkout.folder / checkout.configure(shrink)).rename(folder / "study.yaml")


def run_in(checkout: Checkout, folder: Path, *arguments: str) -> Run:
    profile = ("--profile", str(checkout.folder / LOCAL))
    return checkout.python("-m", "snakemake", "--directory", str(folder), *profile, *arguments)


def module(checkout: Checkout, folder: Path, file: str, more: str = "") -> str:
    (folder / "Snakefile").write_text(MODULE.format(workflow=checkout.folder, file=file, more=more))
    return str(folder / "Snakefile")


def test_a_run_elsewhere_makes_the_same_there(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study(checkout, folder)
    asked = (HARDNESS, "--configfile", str(folder / "study.yaml"))
    run = run_in(checkout, folder, "-s", str(checkout.folder / "Snakefile"), *asked)
    assert run.status == 0, run.output[-3000:]
    assert not (checkout.folder / "results").exists()
    # Its spec names no folder: in the checkout it is the same study, and nothing of it is stale.
    (folder / "results").rename(checkout.folder / "results")
    (folder / "study.yaml").rename(checkout.folder / "study.yaml")
    again = checkout.snakemake(HARDNESS, "--dry-run", "--configfile", "study.yaml")
    assert again.status == 0
    assert again.jobs == []


def test_another_workflow_takes_the_rules_as_a_module(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study(checkout, folder)
    run = run_in(checkout, folder, "-s", module(checkout, folder, ITEMS), "mine.txt")
    assert run.status == 0, run.output[-3000:]
    assert (folder / "mine.txt").read_text() == f"{ITEMS}\n"
    assert "uphill_items" in run.output


def test_a_module_s_prefix_is_refused_in_one_line(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study(checkout, folder)
    run = run_in(
        checkout, folder, "-n", "-s", module(checkout, folder, f"up/{ITEMS}", '    prefix: "up"\n'), "mine.txt"
    )
    assert run.status != 0
    assert run.errors == [
        "error: module uphill: prefix or replace_prefix is given, expected none; its files lie under results/"
    ]
