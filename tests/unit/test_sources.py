"""Digests of sources: those of what they say to Python, found once and kept by the text alone."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from uphill.identity import sources, syntax
from uphill.identity.sources import KEPT, forget, keep, said

SOURCE = '"""Why."""\n\nSIZE = 3  # of what\n'


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forget()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources whose comments are told apart."""
    asked: list[str] = []
    bare = syntax.bare

    def listening(source: str) -> str:
        asked.append(source)
        return bare(source)

    monkeypatch.setattr(syntax, "bare", listening)
    return asked


def truth(source: str) -> str:
    return hashlib.sha256(syntax.bare(source).encode()).hexdigest()


def test_a_source_is_looked_through_once_by_all_runs(found: list[str]) -> None:
    digest = said(SOURCE)
    assert digest == said(SOURCE) == truth("SIZE = 3\n")
    keep()
    forget()
    found.clear()
    assert said(SOURCE) == digest
    assert not found
    other = SOURCE.replace("3", "4")
    assert said(other) == truth(other) != digest
    assert said(SOURCE.replace("of what", "of all")) == digest


def test_nothing_is_written_where_nothing_is_new_and_what_is_not_asked_for_goes() -> None:
    keep()
    assert not KEPT.exists()
    said(SOURCE)
    keep()
    first = KEPT.stat().st_mtime_ns
    forget()
    said(SOURCE)
    keep()
    assert KEPT.stat().st_mtime_ns == first
    forget()
    said("OTHER = 1\n")
    keep()
    assert len(json.loads(KEPT.read_text())["files"]) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace(truth(SOURCE), "0" * 64),
        lambda _: "[]",
        lambda _: "",
    ],
    ids=["cut short", "another digest", "another shape", "empty"],
)
def test_what_is_damaged_is_found_anew(damage: Callable[[str], str]) -> None:
    said(SOURCE)
    keep()
    KEPT.write_text(damage(KEPT.read_text()))
    forget()
    assert said(SOURCE) == truth(SOURCE)


def test_what_another_code_found_is_not_believed(found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said(SOURCE)
    keep()
    forget()
    found.clear()
    monkeypatch.setattr(sources, "_finder", lambda: "another")
    said(SOURCE)
    assert found == [SOURCE]


def test_a_folder_that_cannot_be_written_costs_nothing_but_time() -> None:
    Path(".snakemake").write_text("a file")
    assert said(SOURCE) == truth(SOURCE)
    keep()
    assert not KEPT.exists()
