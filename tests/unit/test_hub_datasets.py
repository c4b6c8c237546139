"""Datasets from the hub: the published ones in the hub's layouts, any by a mapping of columns, and bad rows.

The hub itself is not reached: `datasets` reads repositories of the same layout from local folders, or is stood in for.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from published_files import (
    COMMIT,
    FILES,
    MODULES,
    from_files,
    hub_repository,
    hub_splits,
    strategyqa_files,
    write,
)
from pydantic import ValidationError

from uphill.datasets import ai2_arc, gsm8k, hub, mmlu_stem5, strategyqa
from uphill.datasets.items import check_rows
from uphill.errors import UphillError


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("kind", MODULES)
def test_hub_gives_the_same_items_as_files(kind: str, tmp_path: Path) -> None:
    files = FILES[kind]()
    local = from_files(kind, tmp_path / "files", files)
    repository = hub_repository(tmp_path / "repository", hub_splits(kind, files))
    grades = {"annotations": tmp_path / "files" / ai2_arc.ANNOTATIONS} if kind == "ai2_arc" else {}
    module = MODULES[kind]
    remote = module.load(module.Settings(hub_id=str(repository), revision=COMMIT, **grades))
    pd.testing.assert_frame_equal(remote, local)


@pytest.mark.usefixtures("own_cache")
def test_strategyqa_reads_a_repository_of_one_json_file(tmp_path: Path) -> None:
    files = strategyqa_files()
    write(tmp_path / "repository", {"strategyQA_train.json": files["train.json"] + files["dev.json"]})
    settings = strategyqa.Settings(hub_id=str(tmp_path / "repository"), revision=COMMIT)
    pd.testing.assert_frame_equal(strategyqa.load(settings), from_files("strategyqa", tmp_path / "files", files))


class Hub:
    """Stands in for `datasets.load_dataset`, and remembers what it was asked for."""

    def __init__(self, rows: list[dict[str, Any]] | Exception) -> None:
        self.rows = rows
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, hub_id: str, config: str | None, *, split: str, revision: str) -> list[dict[str, Any]]:
        self.asked.append((hub_id, config, split, revision))
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def stand_in(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]] | Exception) -> Hub:
    made = Hub(rows)
    monkeypatch.setattr("datasets.load_dataset", made)
    return made


def test_hub_is_asked_for_the_published_repositories_at_the_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for module in (mmlu_stem5, strategyqa, gsm8k):
        made = stand_in(monkeypatch, [])
        with pytest.raises(UphillError, match="no item among 0 rows"):
            module.load(module.Settings(revision=COMMIT))
        asked += made.asked
    made = stand_in(monkeypatch, [])
    with pytest.raises(UphillError, match="no item among 0 rows"):
        ai2_arc.load(ai2_arc.Settings(revision=COMMIT, annotated=False))
    asked += made.asked
    assert {revision for *_, revision in asked} == {COMMIT}
    assert ("cais/mmlu", "college_physics", "validation", COMMIT) in asked
    assert ("tasksource/strategy-qa", None, "train", COMMIT) in asked
    assert ("openai/gsm8k", "main", "test", COMMIT) in asked
    assert ("allenai/ai2_arc", "ARC-Challenge", "validation", COMMIT) in asked
    assert len(asked) == 20 + 1 + 2 + 6


def test_hub_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, ConnectionError("no route\nto host"))
    with pytest.raises(UphillError) as caught:
        gsm8k.load(gsm8k.Settings(revision=COMMIT))
    assert str(caught.value).startswith(
        f"hub dataset openai/gsm8k/main/train at {COMMIT}: cannot be read (no route to host), expected a repository"
    )


@pytest.mark.parametrize(
    ("module", "row", "message"),
    [
        (gsm8k, {"question": "q", "answer": "5"}, "openai/gsm8k/main/train: row 1 (item_id 'train/0000'): answer has"),
        (mmlu_stem5, {"question": "q", "choices": ["a", "b", "c", "d"], "answer": 4}, "answer is 4, expected a number"),
        (mmlu_stem5, {"question": "q", "choices": ["a", "b"], "answer": 1}, "2 choices, expected 4"),
        (mmlu_stem5, {"question": "q", "choices": "ab", "answer": 1}, "choices is 'ab', expected a list of texts"),
        (
            strategyqa,
            {"qid": "x", "question": "q", "answer": True, "facts": "One. Two."},
            "tasksource/strategy-qa/train: row 1 (item_id 'x'): facts is 'One. Two.', expected a list of texts",
        ),
    ],
)
def test_bad_hub_row_is_named(
    module: ModuleType, row: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, [row])
    with pytest.raises(UphillError) as caught:
        module.load(module.Settings(revision=COMMIT))
    assert message in str(caught.value)


def exam_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "key": f"q{number}",
        "stem": f"What is {number}?",
        "options": {"text": ["one", "two", "three"], "label": ["1", "2", "3"]},
        "gold": 1,
        "grade": number,
        "why": "Since so.",
        **changes,
    }


EXAM = {"question": "stem", "choices": "options.text", "answer": "gold", "item_id": "key"}


def exam(**settings: Any) -> hub.Settings:
    return hub.Settings.model_validate(
        {"hub_id": "some/exam", "revision": COMMIT, "splits": ["train"], **EXAM, **settings}
    )


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_any_hub_dataset_by_column_mapping(kind: str, tmp_path: Path) -> None:
    rows = [exam_row(number) for number in range(4)]
    repository = tmp_path / "repository"
    if kind == "parquet":
        hub_repository(repository, iter([("default", "train", rows[:3]), ("default", "test", rows[3:])]))
    else:
        write(repository, {"train.jsonl": rows[:3], "test.jsonl": rows[3:]})
    found = hub.load(exam(hub_id=str(repository), splits=["train", "test"], reasoning="why", metadata=["grade"]))
    check_rows(found, "exam")
    assert found["item_id"].tolist() == ["q0", "q1", "q2", "q3"]
    assert found["choices"].tolist() == [["one", "two", "three"]] * 4
    assert found["answer_text"].tolist() == ["two"] * 4
    assert found["reasoning"].tolist() == ["Since so."] * 4
    assert found["grade"].tolist() == [0, 1, 2, 3]
    assert not exam().generative


@pytest.mark.parametrize(
    ("row", "settings", "right"),
    [
        (exam_row(0), {}, "two"),
        (exam_row(0, gold="2"), {}, "three"),
        (exam_row(0, gold="2"), {"answer_is": "one_based"}, "two"),
        (exam_row(0, gold="2"), {"answer_is": "number"}, "two"),  # as it was called
        (exam_row(0, stem=5), {}, "two"),
        (exam_row(0, gold="C"), {"answer_is": "letter"}, "three"),
        (exam_row(0, gold="3"), {"answer_is": "letter", "labels": "options.label"}, "three"),
        (exam_row(0, gold="one"), {"answer_is": "text"}, "one"),
        (exam_row(0, a="x", b="y"), {"choices": ["a", "b"]}, "y"),
        (exam_row(0, a="x", b="y", gold="x"), {"choices": ["a", "b"], "answer_is": "text"}, "x"),
        (exam_row(0, options=[{"text": "x"}, {"text": "y"}]), {}, "y"),
        (exam_row(0, options=[3, 4]), {"choices": "options"}, "4"),
    ],
)
def test_forms_of_choices_and_answers(
    row: dict[str, Any], settings: dict[str, Any], right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, [row])
    found = hub.load(exam(**settings))
    assert found["answer_text"].tolist() == [right]
    assert found["choices"][0][found["answer_idx"][0]] == right


@pytest.mark.usefixtures("own_cache")
def test_rows_keep_the_split_that_they_are_of(tmp_path: Path) -> None:
    rows, named = [exam_row(number) for number in range(4)], tmp_path / "named"
    write(tmp_path / "plain", {"train.jsonl": rows[:3], "test.jsonl": rows[3:]})
    write(named, {"train.jsonl": [row | {"split": "own"} for row in rows[:3]]})
    found = hub.load(exam(hub_id=str(tmp_path / "plain"), splits=["train", "test"], metadata=["split"]))
    assert found["split"].tolist() == ["train", "train", "train", "test"]
    assert hub.load(exam(hub_id=str(named), metadata=["split"]))["split"].tolist() == ["own"] * 3


def test_rows_without_ids_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, [exam_row(0), exam_row(1)])
    found = hub.load(exam(item_id=None, splits=["train", "test"]))
    assert found["item_id"].tolist() == ["train/0000", "train/0001", "test/0000", "test/0001"]


HUB_BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"key": None}, {}, "row 2: key is empty (null), expected a unique text"),
    ({"key": "q0"}, {}, "its id occurs before with other content"),
    ({"stem": None}, {}, "stem is empty (null), expected text"),
    ({"stem": ["5"]}, {}, "stem is a list, expected text"),
    ({"options": None}, {}, "None, expected an object with 'text'"),
    ({"options": {"text": []}}, {}, "options.text is [], expected a list of choices"),
    ({"options": {"text": ["one"]}, "gold": 0}, {}, "one choice, expected"),
    ({"options": {"text": ["one", None]}}, {}, "a choice is empty"),
    ({"options": {"text": ["one", "one"]}}, {}, "a choice occurs twice"),
    ({"gold": 3}, {}, "gold is 3, outside the choices, expected 0 to 2, or answer_is: one_based in the config"),
    ({"gold": -1}, {}, "gold is -1, outside the choices, expected 0 to 2"),
    ({"gold": None}, {}, "gold is empty (null), expected the gold answer"),
    ({"gold": True}, {}, "gold is True"),
    ({"gold": "D"}, {"answer_is": "letter"}, "gold is 'D', expected exactly one of ['A', 'B', 'C']"),
    ({"gold": "four"}, {"answer_is": "text"}, "gold is 'four', expected exactly one of"),
]


def test_there_are_ten_bad_rows() -> None:
    assert len(HUB_BAD) >= 10


@pytest.mark.parametrize(("changes", "settings", "message"), HUB_BAD)
def test_bad_row_of_any_hub_dataset_is_named_or_dropped(
    changes: dict[str, Any],
    settings: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gold = {"letter": "B", "text": "two"}.get(settings.get("answer_is", ""), 1)
    stand_in(monkeypatch, [exam_row(0, gold=gold), exam_row(1, **{"gold": gold, **changes}), exam_row(2, gold=gold)])
    with pytest.raises(UphillError) as caught:
        hub.load(exam(**settings))
    assert str(caught.value).startswith("some/exam/train: row 2")
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    found = hub.load(exam(**settings, strict=False))
    assert (found["item_id"].tolist(), found.attrs["dropped"]) == (["q0", "q2"], 1)
    assert "dropped 1 bad rows of 3" in caplog.text


def test_unknown_column_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, [exam_row(0)])
    with pytest.raises(UphillError, match="no 'stern', found key, stem, options"):
        hub.load(exam(question="stern"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"revision": "main"}, "expected the hash of a commit"),
        ({"splits": []}, "at least 1 item"),
        ({"metadata": ["question"]}, "expected names other than"),
        ({"answer_is": "roman"}, "'index', 'one_based', 'letter' or 'text'"),
    ],
)
def test_settings_of_any_hub_dataset_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        exam(**settings)
