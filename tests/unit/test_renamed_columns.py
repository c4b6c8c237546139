"""A file's columns by names that a config and tables can hold; errors name the file, the row and the column."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from uphill.datasets.file import Settings, load
from uphill.errors import UphillError

ROWS = [
    {"Question": f"Which is {number}?", "A": f"{number}", "B": "none", "Right one": "A", "Grade level": 1 + number}
    for number in range(4)
]
PLACE = {"item_id": None, "question": "Question", "choices": ["A", "B"]}


def settings(folder: Path, rows: list[dict[str, Any]] = ROWS, **more: Any) -> Settings:
    path = folder / "sheet.json"
    path.write_text(json.dumps(rows))
    return Settings(path=path, **(PLACE | more))


def test_a_column_is_known_by_its_new_name(tmp_path: Path) -> None:
    found = load(settings(tmp_path, rename={"Grade level": "grade", "Right one": "right"}, answer="right"))
    assert found["grade"].tolist() == [1, 2, 3, 4]
    assert found["answer_text"].tolist() == ["0", "1", "2", "3"]
    assert "Grade level" not in found


def test_two_columns_may_change_names(tmp_path: Path) -> None:
    """Which no one after the other could."""
    swapped = load(settings(tmp_path, rename={"A": "B", "B": "A"}, answer="Right one"))
    assert swapped["answer_text"].tolist() == ["none"] * 4


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        ({"Grade": "grade"}, "rename: no column 'Grade', found Question, A, B, Right one, Grade level"),
        ({"Grade level": "Question"}, "rename: 'Grade level' to 'Question', which the file has already"),
    ],
)
def test_a_name_that_is_not_there_or_taken_is_one_line(tmp_path: Path, rename: dict[str, str], said: str) -> None:
    with pytest.raises(UphillError, match=f"^{tmp_path}/sheet.json: {said}"):
        load(settings(tmp_path, rename=rename, answer="Right one"))


@pytest.mark.parametrize("rename", [{"Grade level": "a grade"}, {"A": "x", "B": "x"}])
def test_new_names_are_names_and_differ(tmp_path: Path, rename: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="rename"):
        settings(tmp_path, rename=rename, answer="Right one")


def test_a_row_that_lacks_an_answer_is_named_by_file_row_and_the_users_column(tmp_path: Path) -> None:
    rows = [*ROWS[:2], {**ROWS[2], "Right one": "C"}, ROWS[3]]
    with pytest.raises(UphillError, match=r"sheet\.json: row 3 .*: Right one is 'C', expected exactly one of"):
        load(settings(tmp_path, rows, answer="Right one", rename={"Grade level": "grade"}))
