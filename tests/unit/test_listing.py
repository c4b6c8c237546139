"""What a config may name is listed, each with what it is: by the registry that the config uses, so also what is new."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from uphill import __main__, methods, registry
from uphill.errors import UphillError
from uphill.experiments import finding
from uphill.prompts.asks import shipped_asks
from uphill.showing.listing import GROUPS, group_lines

ROOT = Path(__file__).parents[2]
NEAREST = re.compile(r"# src/uphill/methods/nearest.py\n(.*?)```", re.DOTALL)


@pytest.fixture
def own_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of a folder that the methods' room has too: the README's, to begin with."""
    path = tmp_path / "nearest.py"
    [source] = NEAREST.findall((ROOT / "README.md").read_text())
    path.write_text(source)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    registry._names.cache_clear()
    yield path
    registry._names.cache_clear()
    sys.modules.pop("uphill.methods.nearest", None)


def test_everything_is_listed_with_what_it_is() -> None:
    lines = list(group_lines(None))
    for group, (room, needs, _) in GROUPS.items():
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{group}: "))
        rows = lines[start + 1 : [*lines, ""].index("", start)]
        listed = [row.split()[0] for row in rows]
        expected = list(finding.experiments()) if group == "experiments" else registry.names(room, needs)
        assert listed == expected
        # As config/README.md has it, which is written from the imported modules.
        assert all(len(row.split(maxsplit=1)[1]) > 20 for row in rows)
    assert "  icl           In-context learning: k solved examples before the question, scored or" in "\n".join(lines)
    assert "  label        0  '\\nAnswer: {}'" in lines
    assert "  choices      8  each: '\\n{letter}) {}', answer: 'letter'" in lines
    assert {line.split()[0] for line in lines[lines.index("asks: what generations.NAME.ask names") + 1 :]} == set(
        shipped_asks()
    )


def test_no_module_is_imported_to_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some import torch, for which nobody should wait; the config has the experiments in any case."""
    finding.experiments()
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("a module was imported"))
    assert len(list(group_lines(None))) > 50


def test_a_group_is_listed_with_its_settings() -> None:
    said = CliRunner().invoke(__main__.app, ["list", "methods"]).stdout
    own = said[said.index("\nlora\n") : said.index("\nprobe\n")]
    assert re.search(r"^  r +whole number, default 16 +Rank\.$", own, re.MULTILINE)
    assert re.search(r"^  cot +true or false, default false +Trains on reasoning", own, re.MULTILINE)
    assert "asks:" not in said
    rows = "\n".join(group_lines("experiments"))
    assert re.search(r"^  variable +text, required +The hardness variable that cuts easy", rows, re.MULTILINE)


def test_a_method_of_ones_own_is_listed(own_method: Path) -> None:
    said = "The choice whose hidden state is nearest to the mean state of right answers seen in training."
    assert any(line.split(maxsplit=1) == ["nearest", said] for line in group_lines(None))
    lines = list(group_lines("methods"))
    assert lines[lines.index("nearest") + 1] == f"  {said}"
    assert lines[lines.index("nearest") + 2] == "  n_train  whole number, default 20  Training items."


@pytest.mark.parametrize(
    ("source", "group", "message"),
    [
        ("def predict(:\n", None, r"nearest.py: line 1: invalid syntax"),
        (
            "def predict():\n    pass\n",
            "methods",
            r"^uphill.methods.nearest: has no Settings, expected a pydantic model",
        ),
        (
            "import not_there\ndef predict():\n    pass\n",
            "methods",
            r"^uphill.methods.nearest: cannot be imported \(Mod",
        ),
    ],
)
def test_a_broken_module_is_one_line(own_method: Path, source: str, group: str | None, message: str) -> None:
    own_method.write_text(source)
    with pytest.raises(UphillError, match=message):
        list(group_lines(group))


def test_templates_and_asks_of_a_study_are_listed(tmp_path: Path) -> None:
    text = (ROOT / "config/config.yaml").read_text()
    (tmp_path / "own.yaml").write_text('label: {"z": "Well then: {}"}\n')
    config = tmp_path / "mine.yaml"
    config.write_text(f"{text}\nprompts: {tmp_path}/own.yaml\nasks: {{again: {{text: 'Again: {{question}}'}}}}\n")
    for group, line in (
        ("prompts", "label        z  'Well then: {}'"),
        ("asks", "again           'Again: {question}'"),
    ):
        done = CliRunner().invoke(__main__.app, ["list", group, "--configfile", str(config)])
        assert line in done.stdout
        assert line not in "\n".join(group_lines(group))


def test_an_unknown_group_is_one_line() -> None:
    with pytest.raises(
        UphillError, match=r"^'metods': no such group, expected one of .* \(did you mean 'methods'\?\)$"
    ):
        list(group_lines("metods"))


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    [targets] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=ROOT, text=True, capture_output=True, check=True)
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  "))
    assert set(said) == set(targets.split())
    assert said["check"].startswith("whether Snakemake may read the study in CONFIG")
