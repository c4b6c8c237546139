"""Bad rows and files of the published datasets: named by file, row and id, and left out where the config says so."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from published_files import FILES, MODULES, ROWS, Change, Files, from_files, gsm8k_files, write

from uphill.datasets import ai2_arc, gsm8k
from uphill.errors import UphillError


def first(files: Files) -> Any:
    return files[next(iter(files))][0]


def second_line(files: Files, row: Any) -> None:
    files[next(iter(files))][1] = row


def put(*path: Any, value: Any) -> Change:
    """Set what a path leads to, from the second row of the first file."""

    def change(files: Files) -> None:
        target = files[next(iter(files))][1]
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def cut(*path: Any) -> Change:
    """Take away what a path leads to."""

    def change(files: Files) -> None:
        target = files[next(iter(files))][1]
        for key in path[:-1]:
            target = target[key]
        del target[path[-1]]

    return change


def grade(name: str, value: Any) -> Change:
    return lambda files: files[ai2_arc.ANNOTATIONS]["ARCEZ_Mercury_EasyTrain1"].__setitem__(name, value)


def other_with_id_of_first(key: str, question: Callable[[Any], None]) -> Change:
    def change(files: Files) -> None:
        target = files[next(iter(files))][1]
        target[key] = first(files)[key]
        question(target)

    return change


BAD: dict[str, list[tuple[Change, str]]] = {
    "ai2_arc": [
        (lambda files: second_line(files, "{"), "row 2: not JSON"),
        (lambda files: second_line(files, [1]), "row 2: [1], expected an object with 'question'"),
        (cut("question"), "no 'question', found id, answerKey"),
        (put("id", value=7), "row 2: its id is 7, expected a text"),
        (put("id", value=" "), "its id is ' ', expected a text"),
        (other_with_id_of_first("id", lambda row: None), "its id occurs before with other content"),
        (put("question", "stem", value=""), "question is empty"),
        (put("question", "stem", value=3), "stem is 3, expected text"),
        (put("question", "choices", value={}), "choices is {}, expected a list of objects"),
        (put("question", "choices", value=[]), "answerKey is '4', expected one of"),
        (put("question", "choices", 2, "text", value=" "), "a choice is empty"),
        (put("question", "choices", 2, "label", value="C"), "labels are ['1', '2', 'C', '4'], expected A, B, C, ..."),
        (cut("question", "choices", 0, "label"), "no 'label', found text"),
        (put("question", "choices", 0, value="x"), "'x', expected an object with 'text'"),
        (put("answerKey", value="5"), "answerKey is '5', expected one of 1, 2, 3, 4"),
        (put("answerKey", value=None), "answerKey is None, expected text"),
        (put("question", "choices", 0, "text", value="Mercury_EasyTrain1 choice 4"), "a choice occurs twice"),
        (grade("grade", "Grade O8"), "its annotation's grade is 'Grade O8', expected 'Grade' and a number"),
        (grade("grade", 8), "its annotation's grade is 8, expected text"),
        (grade("bloom", "Guessing"), "its annotation's bloom is 'Guessing', expected one of Remembering"),
        (grade("difficulty", "low"), "its annotation's difficulty is 'low', expected one of Low"),
    ],
    "mmlu_stem5": [
        (lambda files: second_line(files, ["only"]), "1 cells, expected 6"),
        (cut(0), "5 cells, expected 6"),
        (lambda files: files[next(iter(files))][1].append("more"), "7 cells, expected 6"),
        (put(5, value="E"), "key is 'E', expected one of A, B, C, D"),
        (put(5, value="AB"), "key is 'AB'"),
        (put(5, value=""), "key is ''"),
        (put(5, value="b"), "key is 'b'"),
        (put(5, value="1"), "key is '1'"),
        (put(0, value=" "), "question is empty"),
        (put(2, value=""), "a choice is empty"),
        (put(2, value="one, two"), "a choice occurs twice"),
    ],
    "strategyqa": [
        (lambda files: second_line(files, "text"), "row 2: 'text', expected an object"),
        (put("qid", value=None), "row 2: its id is None"),
        (other_with_id_of_first("qid", lambda row: None), "its id occurs before with other content"),
        (put("question", value=""), "question is empty"),
        (put("question", value=["x"]), "question is ['x'], expected text"),
        (cut("answer"), "no 'answer', found qid"),
        (put("answer", value="yes"), "answer is 'yes', expected true or false"),
        (put("answer", value=1), "answer is 1, expected true or false"),
        (put("answer", value=None), "answer is None"),
        (put("facts", value=[]), "facts is [], expected at least one text"),
        (put("facts", value="One. Two."), "facts is 'One. Two.', expected a list of texts"),
        (put("facts", value=["One.", ""]), "facts is ['One.', '']"),
        (put("decomposition", value=[]), "decomposition is [], expected at least one text"),
        (put("decomposition", value=[1]), "decomposition is [1], expected a list of texts"),
        (cut("decomposition"), "no 'decomposition', found qid"),
    ],
    "gsm8k": [
        (lambda files: second_line(files, "{]"), "row 2 (item_id 'train/0001'): not JSON"),
        (lambda files: second_line(files, "null"), "None, expected an object with 'question'"),
        (cut("question"), "no 'question', found answer"),
        (cut("answer"), "no 'answer', found question"),
        (put("question", value="\n"), "question is empty"),
        (put("question", value=None), "question is None, expected text"),
        (put("answer", value=5), "answer is 5, expected text"),
        (put("answer", value="no mark 5"), "answer has 0 '####', expected one"),
        (put("answer", value="a\n#### 5\n#### 6"), "answer has 2 '####', expected one"),
        (put("answer", value="\n#### 5"), "answer has nothing before '####'"),
        (put("answer", value="Step.\n####"), "the final answer is '', expected a number"),
        (put("answer", value="Step.\n#### five"), "the final answer is 'five', expected a number"),
        (put("answer", value="Step.\n#### 5 - 3"), "the final answer is '5 - 3'"),
    ],
}
CASES = [pytest.param(kind, *case, id=f"{kind}-{n}") for kind, cases in BAD.items() for n, case in enumerate(cases)]
SECOND = {
    "ai2_arc": "Mercury_EasyTrain1",
    "mmlu_stem5": "high_school_computer_science/validation/0001",
    "strategyqa": "b",
    "gsm8k": "train/0001",
}


def test_there_are_ten_bad_rows_a_dataset() -> None:
    assert all(len(cases) >= 10 for cases in BAD.values())


@pytest.mark.parametrize(("kind", "spoil", "message"), CASES)
def test_bad_row_is_named(kind: str, spoil: Change, message: str, tmp_path: Path) -> None:
    files = FILES[kind]()
    spoil(files)
    with pytest.raises(UphillError) as caught:
        from_files(kind, tmp_path, files)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / next(iter(files))}: row 2")
    assert message in said
    assert "expected" in said
    assert "\n" not in said
    if "id" not in message and "row 2:" not in message:
        assert f"row 2 (item_id {SECOND[kind]!r}): " in said


@pytest.mark.parametrize(("kind", "spoil", "message"), CASES)
def test_bad_row_never_loses_the_others(
    kind: str, spoil: Change, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = from_files(kind, tmp_path / "good", FILES[kind]())
    files = FILES[kind]()
    spoil(files)
    with caplog.at_level(logging.INFO):
        rows = from_files(kind, tmp_path / "bad", files, strict=False)
    assert rows.attrs["dropped"] == 1
    pd.testing.assert_frame_equal(rows, good.drop(index=1).reset_index(drop=True))
    assert any(message in line and "dropped" in line for line in caplog.messages)
    assert f"dropped 1 bad rows of {ROWS[kind]}" in caplog.text


@pytest.mark.parametrize("kind", MODULES)
def test_missing_file_is_named(kind: str, tmp_path: Path) -> None:
    name = next(iter(FILES[kind]()))
    files = FILES[kind]()
    del files[name]
    for strict in (True, False):
        with pytest.raises(UphillError, match=f"{name}: no such file, expected"):
            from_files(kind, tmp_path, files, strict=strict)


@pytest.mark.parametrize(
    ("kind", "name", "content", "message"),
    [
        ("ai2_arc", ai2_arc.ANNOTATIONS, "{", "not JSON"),
        ("ai2_arc", ai2_arc.ANNOTATIONS, "[]", "a list, expected an object that maps"),
        ("strategyqa", "dev.json", "{}", "a dict, expected a JSON list"),
        ("strategyqa", "dev.json", "[", "not JSON"),
    ],
)
def test_unreadable_file_is_named(kind: str, name: str, content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UphillError, match=f"{name}: {message}"):
        from_files(kind, tmp_path, {**FILES[kind](), name: content})


def test_wrong_encoding_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, gsm8k_files())
    (folder / "test.jsonl").write_bytes(b'{"question": "caf\xe9"}')
    with pytest.raises(UphillError, match=r"test.jsonl: cannot be read .* expected a JSON object a line in UTF-8"):
        gsm8k.load(gsm8k.Settings(folder=folder))


def test_no_good_row_at_all_is_refused(tmp_path: Path) -> None:
    files = {"train.jsonl": ["{"], "test.jsonl": []}
    with pytest.raises(UphillError, match=r"gsm8k: no item among 1 rows, expected at least one; the first bad one: "):
        from_files("gsm8k", tmp_path, files, strict=False)
