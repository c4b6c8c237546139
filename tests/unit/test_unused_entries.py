"""What reruns nothing: an entry that no row names, the order of entries, of keys and of rows, a comment."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from uphill.config import laying
from uphill.config.checked import check
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config/config.yaml").read_text()
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def ids(raw: dict[str, Any]) -> dict[str, str]:
    return {path: job.id for job in Study(check(raw)).jobs for path in job.files}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return ids(yaml.safe_load(TEXT))


def unused(raw: dict[str, Any]) -> None:
    """One more of each group, before all others."""
    raw["datasets"] = {"aside": copy.deepcopy(raw["datasets"]["dial"]), **raw["datasets"]}
    raw["models"] = {"aside": {"path": "resources/demo-models/340k", "dtype": "float32"}, **raw["models"]}
    raw["methods"] = {"aside": {"kind": "icl", "k": 3}, **raw["methods"]}
    raw["labels"] = {"aside": {"kind": "gold", "dataset": "dial"}}


def other_order(raw: dict[str, Any]) -> None:
    for group in ("datasets", "models", "measures", "methods", "ladders"):
        raw[group] = dict(reversed(raw[group].items()))
    for key in list(reversed(raw)):
        raw[key] = raw.pop(key)


@pytest.mark.parametrize("change", [unused, other_order])
def test_entries_that_decide_nothing_rerun_nothing(before: dict[str, str], change: Change) -> None:
    """Not a figure either, nor the report, which shows the entries that are used."""
    raw = yaml.safe_load(TEXT)
    change(raw)
    assert ids(raw) == before


def test_a_comment_and_another_way_to_write_it_rerun_nothing(before: dict[str, str], tmp_path: Path) -> None:
    written = tmp_path / "mine.yaml"
    written.write_text("# Mine.\n" + yaml.safe_dump(yaml.safe_load(TEXT), sort_keys=False) + "# The end.\n")
    assert ids(laying.read(written).raw) == before


def test_the_order_of_rows_asks_no_model_again(before: dict[str, str]) -> None:
    """Tables and figures show rows in their order, and are made again."""
    raw = yaml.safe_load(TEXT)
    raw["population"].reverse()
    raw["cross_difficulty"].reverse()
    after = ids(raw)
    differ = {path.split("/")[1] for path in before if after[path] != before[path]}
    assert differ <= {"tables", "figures", "report.html"}


def test_an_entry_that_is_used_reruns_what_it_decides(before: dict[str, str]) -> None:
    """So that the tests above can fail."""
    raw = yaml.safe_load(TEXT)
    raw["methods"]["icl"]["k"] = 6
    after = ids(raw)
    differ = {path for path in before if after[path] != before[path]}
    assert {"results/predictions/icl/demo/dial.parquet", "results/tables/population.csv"} < differ
    assert "results/predictions/probe/demo/dial.parquet" not in differ
