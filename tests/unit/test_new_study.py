"""A config to begin with: columns are guessed where they are clear, and what is written passes every check."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from uphill import __main__
from uphill.datasets.file import load
from uphill.datasets.sources import RawRow
from uphill.errors import UphillError
from uphill.planning.study import read_study
from uphill.showing import beginning
from uphill.workflow import preflight

ROOT = Path(__file__).parents[2]
COUNT = 60
GRADES = [1 + number * 6 // COUNT for number in range(COUNT)]
RIGHT = [number * 7 % 4 for number in range(COUNT)]
"""The place of the right choice of each question, from 0."""


def choices(number: int) -> list[str]:
    return [f"{number} and {place}" for place in range(4)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config", "resources", "src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def sheet(delimiter: str = ",", mark: str = "", names: tuple[str, ...] = ("A", "B", "C", "D")) -> bytes:
    """As a spreadsheet saves it: names with spaces, line breaks in cells, quotes."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["Question text", *names, "Correct answer", "Grade level"])
    for number in range(COUNT):
        asked = f'Which is number {number}{delimiter} "so"\nto say?'
        writer.writerow([asked, *choices(number), "ABCD"[RIGHT[number]], GRADES[number]])
    return (mark + text.getvalue()).encode()


def objects(answer: Callable[[int], Any], **more: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"q-{number:03}",
            "question": f"Which is number {number}?",
            "options": choices(number),
            "answer": answer(number),
            **{name: value(number) for name, value in more.items()},
        }
        for number in range(COUNT)
    ]


def by_letter(number: int) -> str:
    return "ABCD"[RIGHT[number]]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(__main__.app, ["new", *arguments])
    if isinstance(result.exception, UphillError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def items(name: str = "exam") -> pd.DataFrame:
    """The items of a config that was written, which passes what a run is checked by."""
    study = read_study(Path(f"{name}.yaml"))
    assert CliRunner().invoke(__main__.app, ["check", f"{name}.yaml"]).exit_code == 0
    preflight.check(study)
    assert study.root == f"results/{name}"
    return load(study.config.source_settings(name))


FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "csv": ("exam.csv", lambda path: path.write_bytes(sheet())),
    "semicolons and a mark": ("exam.csv", lambda path: path.write_bytes(sheet(";", "\ufeff"))),
    "tsv": ("exam.tsv", lambda path: path.write_bytes(sheet("\t"))),
    "columns by number": (
        "exam.csv",
        lambda path: path.write_bytes(sheet(names=("Option 1", "Option 2", "Option 3", "Option 4"))),
    ),
    "json lines": (
        "exam.jsonl",
        lambda path: path.write_text("\n".join(map(json.dumps, objects(by_letter, grade=GRADES.__getitem__)))),
    ),
    "json": ("exam.json", lambda path: path.write_text(json.dumps(objects(RIGHT.__getitem__)))),
    "texts": (
        "exam.json",
        lambda path: path.write_text(json.dumps(objects(lambda number: choices(number)[RIGHT[number]]))),
    ),
    "parquet": ("exam.parquet", lambda path: pd.DataFrame(objects(by_letter)).to_parquet(path)),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_written_reads_every_question_as_it_is(kind: str) -> None:
    """Held against what was put into the file."""
    name, write = FILES[kind]
    write(Path(name))
    said = run("exam", name)
    found = items()
    assert found["answer_idx"].tolist() == RIGHT
    assert [list(each) for each in found["choices"]] == [choices(number) for number in range(COUNT)]
    assert found["question"].str.contains("number").all()
    assert f"a study of {COUNT} questions of {name}" in said
    graded = [column for column in ("grade_level", "grade") if column in found]
    assert (found[graded[0]].tolist() == GRADES) if graded else "none, difficulty is measured" in said


def test_written_answers_are_asked_for_in_words() -> None:
    rows = [{"question": f"What is {number} + {number}?", "answer": str(2 * number)} for number in range(COUNT)]
    Path("exam.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "none, answers are written" in run("exam", "exam.jsonl")
    assert items()["answer_text"].tolist() == [str(2 * number) for number in range(COUNT)]


def test_columns_that_are_said_are_not_guessed() -> None:
    rows = [
        {"frage": "Was?", "a1": "x", "a2": f"y{number}", "richtig": 1 + number % 2, "stufe": number % 6}
        for number in range(COUNT)
    ]
    Path("exam.json").write_text(json.dumps(rows))
    named = ("--question", "frage", "--choices", "a1", "--choices", "a2", "--answer", "richtig", "--grade", "stufe")
    run("exam", "exam.json", *named, "--answer-is", "one_based")
    found = items()
    assert found["answer_idx"].tolist() == [number % 2 for number in range(COUNT)]
    assert found["stufe"].tolist() == [number % 6 for number in range(COUNT)]


def test_a_dataset_of_the_hub_is_named_with_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows come over the network, so that no item of it is looked at by `check`."""
    asked: list[Any] = []

    def rows(*arguments: Any, part: Any = None, **more: Any) -> list[RawRow]:
        asked.append(arguments[:4])
        found = objects(by_letter, grade=GRADES.__getitem__, **{"School year": GRADES.__getitem__})
        return [RawRow("hub", number, row, arguments[4]) for number, row in enumerate(found, start=1)]

    monkeypatch.setattr(beginning, "hub_rows", rows)
    said = run("exam", "owner/exam", "--revision", "0" * 40, "--config", "main", "--split", "test")
    assert asked == [("owner/exam", "main", "test", "0" * 40)]
    assert CliRunner().invoke(__main__.app, ["check", "exam.yaml"]).exit_code == 0
    source = yaml.safe_load(Path("exam.yaml").read_text())["datasets"]["exam"]["source"]
    assert source == {
        **{"kind": "hub", "hub_id": "owner/exam", "revision": "0" * 40, "config": "main", "splits": ["test"]},
        **{"item_id": "id", "question": "question", "choices": "options", "answer": "answer", "metadata": ["grade"]},
    }
    # No key gives a column of the hub another name.
    assert "grades    grade\n" in said


def written(rows: list[dict[str, Any]]) -> Callable[[], object]:
    return lambda: Path("exam.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(("name", "said"), [("my: quiz", "no name of a study"), ("tables", "a folder of every study")])
def test_a_study_has_a_name_that_a_folder_can_have(name: str, said: str) -> None:
    written(objects(by_letter))()
    with pytest.raises(UphillError, match=said):
        run(name, "exam.json")
    assert not list(Path().glob("*.yaml"))


@pytest.mark.parametrize(
    ("prepare", "arguments", "said"),
    [
        (lambda: None, ["gone.csv"], "gone.csv: no such file"),
        (written(objects(by_letter)), ["exam.json", "--question", "frage"], "exam.json: no column 'frage', found id, "),
        (written([{"frage": "Was?", "answer": "x"}]), ["exam.json"], "exam.json: no column is called question, "),
        (written([{"question": "Q?", "wert": "x"}]), ["exam.json"], "exam.json: no column is called answer, "),
        (
            written([{"Question": "Q?", "question": "Q?", "answer": "x"}]),
            ["exam.json"],
            "exam.json: Question, question may each be the question; say which it is: --question COLUMN",
        ),
        # Places that may be counted from 0 or from 1 are not guessed, nor is an answer that is no choice.
        (
            written(objects(lambda number: 1 + RIGHT[number] % 3)),
            ["exam.json"],
            "exam.json: answer is 0 in none of 60 rows, as if counted from 1; expected answer_is: one_based",
        ),
        (written(objects(lambda _: "E")), ["exam.json"], "exam.json: row 1 .*: answer is 'E', outside the choices"),
        (written(objects(by_letter)[:4]), ["exam.json"], "exam.json: too few questions for a study: 4 questions"),
        (
            written(objects(by_letter, grade=GRADES.__getitem__)[:10] + objects(by_letter, grade=lambda _: 7)[10:12]),
            ["exam.json", "--grade", "grade"],
            "exam.json: too few questions for a study: dataset 'exam', variable 'grade': level 'hard' has 2 items, ",
        ),
        (lambda: Path("exam.xlsx").write_bytes(b"PK"), ["exam.xlsx"], "exam.xlsx: a spreadsheet, expected its rows"),
        (lambda: Path("exam.yaml").touch(), ["exam.json"], "exam.yaml: there already, expected a new file"),
        (lambda: None, ["owner/exam"], "owner/exam: no such file, and of a dataset of the hub expected --revision"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_is_one_line_and_writes_nothing(
    prepare: Callable[[], object], arguments: list[str], said: str
) -> None:
    prepare()
    before = sorted(Path().iterdir())
    with pytest.raises(UphillError, match=f"^{said}") as found:
        run("exam", *arguments)
    assert "\n" not in str(found.value)
    assert sorted(Path().iterdir()) == before


def test_the_shipped_spreadsheet_is_read_as_it_looks() -> None:
    """The worked example of docs/data.md: thirty questions, semicolons, a byte-order mark, names with spaces."""
    run("quiz", "resources/examples/quiz.csv")
    found = items("quiz").set_index("question")
    assert len(found) == 30
    assert found.at["What is 6 x 7?", "answer_text"] == "42"
    assert found.at['Which word is the opposite of "early"?', "answer_text"] == "late"
    assert found["grade_level"].value_counts().tolist() == [5] * 6
    assert found["answer_idx"].value_counts().min() >= 7, "the right answer is at no favourite place"
