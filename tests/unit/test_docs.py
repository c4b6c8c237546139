"""The documents: files and commands that exist, and pictures of what there is. `make docs` follows their links."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from conftest import ROOT

from uphill.__main__ import app

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`((?:tests|docs|config|benchmarks|rules|profiles|envs|src/uphill)/[\w./-]+\.\w+)`")
SHELL = ("", "sh", "bash")
COMMAND = re.compile(r"(make|snakemake|uphill|python|\.) ")
ENVIRONMENT = ("snakemake", "uphill", "python")
"""Programs that are those of the environment."""
NOT_STAGES = {"common", "fetch", "models", "generations", "token_scores", "demo_model"}
"""Rules that are no stage of every study's way, nor one that the picture shows."""
MOST = 2 * 2**20
"""Bytes of a file of the documents; the report of the real model's study, one page with its figures, is larger."""


def tracked(pattern: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


DOCUMENTS = [name for name in tracked("*.md") if (ROOT / name).is_file()]


def lines_of(text: str) -> Iterator[list[str]]:
    """The commands of a document's blocks, in order, each as words."""
    for language, block in FENCE.findall(text):
        if language in SHELL:
            for line in block.replace("\\\n", " ").splitlines():
                if COMMAND.match(line):
                    yield shlex.split(line, comments=True)


def too_early(text: str) -> list[str]:
    """Commands of the environment that stand before the line that puts it on the path."""
    found, on = [], False
    for words in lines_of(text):
        on = on or ".venv/bin/activate" in words
        if words[0] in ENVIRONMENT and not on:
            found.append(" ".join(words))
    return found


def known(words: list[str]) -> bool:
    """Whether these words after `uphill` name a command."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            return True
        if word not in command.commands:
            return command.invoke_without_command and word.startswith("-")
        command = command.commands[word]
    return not hasattr(command, "commands") or command.invoke_without_command


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_files_that_a_document_names_are_there(name: str) -> None:
    named = FILE.findall((ROOT / name).read_text())
    made = {f"src/uphill/{room}.py" for room in ("hardness/digits", "methods/nearest", "grading/last_word")}
    assert [path for path in named if not (ROOT / path).is_file() and path not in made] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_environment_is_on_the_path_before_its_programs_are_named(name: str) -> None:
    assert too_early((ROOT / name).read_text()) == []


def test_a_bare_command_before_the_environment_is_seen() -> None:
    text = "```sh\nmake demo\nsnakemake -n  # why\n. .venv/bin/activate\nsnakemake\n```\n"
    assert too_early(text) == ["snakemake -n"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_of_make_and_uphill_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in lines_of((ROOT / name).read_text()):
        if words[0] == "make":
            assert {word for word in words[1:] if re.fullmatch(r"[a-z0-9-]+", word)} <= targets, words
        if words[:3] == ["python", "-m", "uphill"]:
            assert known(words[3:]), words
        if words[0] == "uphill":
            assert known(words[1:]), words


def test_what_is_no_command_is_seen() -> None:
    assert known(["show"])
    assert known(["show", "item", "dial"])
    assert not known(["shows"])
    assert not known(["harness", "write"])
    assert not known(["harness"])


def test_the_picture_of_the_workflow_shows_its_stages() -> None:
    texts = ElementTree.parse(ROOT / "docs/workflow.svg").iter("{http://www.w3.org/2000/svg}text")
    shown = {text.text for text in texts if text.get("font-weight") == "bold"}
    assert shown == {path.stem for path in (ROOT / "rules").glob("*.smk")} - NOT_STAGES


def test_the_glossary_is_one_screen_and_has_the_words_of_the_tables() -> None:
    text = (ROOT / "docs/glossary.md").read_text()
    assert len(text.splitlines()) < 45
    words = [cell.strip() for cell in re.findall(r"^\| ([^|]+)\|", text, re.MULTILINE)]
    for word in ("boot", "level", "SGR", "PGR", "MDL", "IRT, Rasch", "prompt id", "chance", "verdict"):
        assert word in words
    assert "docs/glossary.md" in (ROOT / "README.md").read_text()


def test_pictures_stay_small() -> None:
    large = [name for name in tracked("docs") if (ROOT / name).is_file() and (ROOT / name).stat().st_size > MOST]
    assert large == ["docs/results/smollm2/report.html"]
