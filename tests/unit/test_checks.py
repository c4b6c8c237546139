"""Outcomes of checks on disk: found again by what they depend on, never in the way, and safe to write two at once."""

import json
import logging
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import ragged_prompts, tiny

from uphill.engine import checks
from uphill.engine.checks import NOTHING, Checks, Shape, about, rounded
from uphill.engine.loading import Loaded
from uphill.engine.scoring import score

BASE = Shape(longest=100, pack=1000, prefix=50, states=True)


def outcomes(folder: Path) -> list[Any]:
    (path,) = folder.glob("*.json")
    return list(json.loads(path.read_text())["outcomes"])


def remembering(folder: Path, kind: str = "llama", identity: Any = "weights") -> Loaded:
    loaded = tiny(kind)
    loaded.checks.remember(loaded.model, identity, folder)
    return loaded


def passes(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many passes a job makes through its model; 2 are the prefix and the pack, 1 is a batch."""
    count = []
    forward = loaded.model.base_model.forward

    def counted(*args: Any, **named: Any) -> Any:
        count.append(1)
        return forward(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(loaded.model.base_model, "forward", counted)
        list(score(loaded, ragged_prompts(5, shared_words=8)))
    return len(count)


@pytest.mark.parametrize(("kind", "alone"), [("llama", 2), ("mpt", 1)])
def test_a_later_job_checks_nothing(
    kind: str, alone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert passes(remembering(tmp_path, kind), monkeypatch) > alone
    first, made = list(caplog.records), outcomes(tmp_path)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="uphill"):
        assert passes(remembering(tmp_path, kind), monkeypatch) == alone
    # What was found out is said again, and nothing is added.
    assert [record.getMessage() for record in caplog.records] == [record.getMessage() for record in first]
    assert outcomes(tmp_path) == made


def test_other_weights_are_checked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes(remembering(tmp_path), monkeypatch)
    assert passes(remembering(tmp_path, identity="other weights"), monkeypatch) > 2
    assert len(list(tmp_path.glob("*.json"))) == 2


@pytest.mark.parametrize("what", ["code", "versions", "device", "dtype", "config"])
def test_an_outcome_belongs_to_all_that_decides_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny()
    before = about(loaded.model, "weights")
    if what == "code":
        monkeypatch.setattr(checks, "_code", lambda: "other")
    elif what == "versions":
        known = checks.versions()
        monkeypatch.setattr(checks, "versions", lambda: {**known, "torch": "0"})
    elif what == "device":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "other")
    elif what == "dtype":
        monkeypatch.setattr(type(loaded.model), "dtype", torch.bfloat16)
    else:
        monkeypatch.setattr(loaded.model.config, "rope_parameters", {"rope_type": "default", "rope_theta": 5.0})
    after = about(loaded.model, "weights")
    assert [key for key in before if before[key] != after[key]] == [what]


@pytest.mark.parametrize(
    ("other", "right", "wrong"),
    [
        (BASE, True, True),
        (Shape(99, 1000, 50, True), True, False),
        (Shape(101, 1000, 50, True), False, True),
        (Shape(100, 1001, 50, True), False, True),
        (Shape(100, 1000, 0, True), False, False),
        (Shape(100, 1000, 100, True), True, True),
        (Shape(100, 1000, 101, True), False, True),
        (Shape(100, 1000, 10, True), True, True),
        (Shape(100, 1000, 50, False), True, False),
    ],
)
def test_what_is_right_holds_for_less_and_what_is_wrong_for_more(other: Shape, right: bool, wrong: bool) -> None:
    found = Checks()
    found.add("a", BASE, None)
    found.add("b", BASE, "bad")
    assert (found.find("a", other) is not None) is right
    assert (found.find("b", other) is not None) is wrong


def test_a_way_that_fails_on_nothing_fails_on_everything() -> None:
    found = Checks()
    found.add("a", NOTHING, "bad")
    assert found.find("a", BASE) is not None


@pytest.mark.parametrize(("size", "expected"), [(1, 1), (15, 15), (16, 16), (17, 18), (100, 104), (1000, 1024), (0, 0)])
def test_sizes_are_rounded_up_by_an_eighth_at_most(size: int, expected: int) -> None:
    assert rounded(size) == expected


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"outcomes": 3}',
        '{"outcomes": [{"what": 1, "shape": {}, "wrong": null}]}',
        '{"outcomes": [{"what": "a", "shape": {"longest": 1}, "wrong": null}]}',
        json.dumps({"outcomes": [{"what": "a", "shape": {**vars(BASE), "longest": "x"}, "wrong": None}]}),
    ],
)
def test_a_record_that_cannot_be_read_is_made_again(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes(remembering(tmp_path), monkeypatch)
    (path,) = tmp_path.glob("*.json")
    made = path.read_text()
    path.write_text(content)
    assert passes(remembering(tmp_path), monkeypatch) > 2
    assert path.read_text() == made


def test_a_folder_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, logger="uphill"):
        assert passes(remembering(tmp_path / "file" / "folder"), monkeypatch) > 2
    assert "not kept" in caplog.text


def _write(path: Path, number: int) -> None:
    found = Checks(_path=path)
    for step in range(20):
        found.add(f"{number}-{step}", BASE, None)


def test_two_that_write_at_once_leave_a_whole_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(outcomes(tmp_path)) >= 20
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
