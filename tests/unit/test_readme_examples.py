"""The README's examples, pasted as they stand, make a study whose jobs run each of them."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

import uphill.grading
import uphill.hardness
import uphill.methods
from uphill import registry
from uphill.planning.study import read_study

BLOCK = re.compile(r"```(yaml|python)\n# (\S+)[^\n]*\n(.*?)```", re.DOTALL)
ROOMS = {"methods": uphill.methods, "hardness": uphill.hardness, "grading": uphill.grading}


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The examples' entries, in a folder that has their modules, questions and model."""
    found = BLOCK.findall((ROOT / "README.md").read_text())
    for room, package in ROOMS.items():
        (tmp_path / room).mkdir()
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / room)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    own = {Path(where): body for kind, where, body in found if kind == "python"}
    for path, body in own.items():
        (tmp_path / path.parent.name / path.name).write_text(body)
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "my").mkdir()
    (tmp_path / "my/model").symlink_to(ROOT / "resources/demo-models/1280k")
    rows = [{"key": str(n), "stem": f"{n}?", "options": ["a", "b"], "gold": n % 2, "grade": n % 5} for n in range(900)]
    (tmp_path / "my/exam.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    registry._names.cache_clear()
    yield [yaml.safe_load(body) for _, where, body in found if where == "config:"]
    registry._names.cache_clear()
    for path in own:
        sys.modules.pop(f"uphill.{path.parent.name}.{path.stem}", None)


def jobs(blocks: list[dict[str, Any]]) -> set[str]:
    """What the default with these entries runs."""
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for group, added in ((group, added) for block in blocks for group, added in block.items()):
        if isinstance(added, list):
            raw[group] = added
        else:
            raw[group] |= {name: raw[group].get(name, {}) | keys for name, keys in added.items()}
    Path("mine.yaml").write_text(yaml.safe_dump(raw))
    return {job.title for job in read_study(Path("mine.yaml")).jobs}


def test_pasted_together_each_example_adds_its_job(blocks: list[dict[str, Any]]) -> None:
    *entries, rows = blocks
    assert set(rows) == {"test_models", "population"}
    made = jobs(blocks)
    for title in (
        "Questions of exam",
        "Splits of exam by grade",
        "nearest with mine on exam",
        "written with mine on exam",
    ):
        assert title in made
    assert any("digits" in title and "exam" in title for title in made)
    # It is the rows that run them: without, they add the measure alone, of the default's own datasets.
    assert {title for title in jobs(entries) - jobs([]) if "digits" not in title} == set()
