"""The published datasets and hub datasets: small files in the publishers' formats, the hub's layouts, and bad rows.

The hub itself is not reached: `datasets` reads repositories of the same layout from local folders, or is stood in for.
"""

import csv
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from uphill import registry
from uphill.datasets import ai2_arc, gsm8k, hub, mmlu_stem5, strategyqa
from uphill.datasets.items import build_items, check_rows
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.schemas.items import ITEMS

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = dict[str, Any]
Change = Callable[[Files], Any]

MODULES: dict[str, ModuleType] = {
    "ai2_arc": ai2_arc,
    "mmlu_stem5": mmlu_stem5,
    "strategyqa": strategyqa,
    "gsm8k": gsm8k,
}
ROWS = {"ai2_arc": 12, "mmlu_stem5": 40, "strategyqa": 4, "gsm8k": 4}


# -- small copies of what the publishers give ------------------------------------------------------------------------


def arc_row(name: str, key: str = "B", labels: str = "ABCD") -> dict[str, Any]:
    choices = [{"text": f"{name} choice {label}", "label": label} for label in labels]
    return {"id": name, "question": {"stem": f"What is {name}?", "choices": choices}, "answerKey": key}


def arc_files() -> Files:
    """Two items a file: the second has number labels, and three or five of them in the last two files."""
    files: Files = {}
    grades = {}
    for subset, prefix in (("Easy", "ARCEZ"), ("Challenge", "ARCCH")):
        for split in ("Train", "Dev", "Test"):
            labels = "123" if (subset, split) == ("Challenge", "Dev") else "1234"
            labels = "12345" if (subset, split) == ("Challenge", "Test") else labels
            names = [f"Mercury_{subset}{split}{number}" for number in range(2)]
            files[f"ARC-{subset}-{split}.jsonl"] = [arc_row(names[0]), arc_row(names[1], labels[-1], labels)]
            for name in names:
                grades[f"{prefix}_{name}"] = {
                    "grade": "Grade 05",
                    "bloom": "Applying",
                    "depth_of_knowledge": "II",
                    "difficulty": "High",
                }
    return {**files, ai2_arc.ANNOTATIONS: grades}


def mmlu_files() -> Files:
    return {
        f"{school}_{subject}_{split}.csv": [
            [f"{school} {subject} {split} {number}?", "one, two", 'say "a"', "π", "d\nd", "ABCD"[number]]
            for number in range(2)
        ]
        for subject in mmlu_stem5.SUBJECTS
        for school in mmlu_stem5.SCHOOLS
        for split in ("val", "test")
    }


def strategyqa_row(name: str, answer: bool, steps: int) -> dict[str, Any]:
    return {
        "qid": name,
        "term": "Socks",
        "description": "clothing",
        "question": f"Is {name} so?",
        "answer": answer,
        "facts": ["One fact.", "Another fact."],
        "decomposition": [f"Step {step}?" for step in range(steps)],
    }


def strategyqa_files() -> Files:
    return {
        "train.json": [strategyqa_row("a", True, 1), strategyqa_row("b", False, 3)],
        "dev.json": [strategyqa_row("c", True, 5), strategyqa_row("d", False, 2)],
    }


def gsm8k_row(lines: int, answer: str) -> dict[str, Any]:
    reasoning = "\n".join(f"Step {line} is <<1+{line}={line + 1}>>{line + 1}." for line in range(lines))
    return {"question": f"How much after {lines}?", "answer": f"{reasoning}\n#### {answer}"}


def gsm8k_files() -> Files:
    return {
        "train.jsonl": [gsm8k_row(1, "72"), gsm8k_row(9, "1,234")],
        "test.jsonl": [gsm8k_row(10, "-5"), gsm8k_row(2, "0.5")],
    }


FILES: dict[str, Callable[[], Files]] = {
    "ai2_arc": arc_files,
    "mmlu_stem5": mmlu_files,
    "strategyqa": strategyqa_files,
    "gsm8k": gsm8k_files,
}


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        path = folder / name
        if isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        elif path.suffix == ".jsonl":
            lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        elif path.suffix == ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        else:
            with path.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows)
    return folder


def from_files(kind: str, folder: Path, files: Files, **settings: Any) -> pd.DataFrame:
    module = MODULES[kind]
    return module.load(module.Settings(folder=write(folder, files), **settings))


# -- good rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODULES)
def test_every_good_row_becomes_an_item(kind: str, tmp_path: Path) -> None:
    rows = from_files(kind, tmp_path, FILES[kind]())
    assert len(rows) == ROWS[kind]
    assert rows.attrs["dropped"] == 0
    check_rows(rows, kind)
    items = build_items(rows, kind, Pools(hardness=1), 0)
    ITEMS.to_arrow(items, kind)
    assert items["item_id"].is_unique


def test_kinds_are_found_by_name() -> None:
    assert {*MODULES, "hub"} <= set(registry.names("uphill.datasets", "load"))
    assert "sources" not in registry.names("uphill.datasets", "load")


def test_reading_the_config_does_not_import_datasets() -> None:
    code = "import sys; from uphill.datasets import hub, ai2_arc, gsm8k; print('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("kind", MODULES)
def test_settings_name_the_files_that_are_read(kind: str, tmp_path: Path) -> None:
    module = MODULES[kind]
    files = module.Settings(folder=write(tmp_path, FILES[kind]())).files
    assert sorted(path.name for path in files) == sorted(FILES[kind]())
    assert all(path.is_file() for path in files)


def test_arc_gives_grades_as_whole_numbers(tmp_path: Path) -> None:
    rows = from_files("ai2_arc", tmp_path, arc_files())
    human = rows[["human_grade", "human_difficulty", "human_bloom", "human_depth_of_knowledge"]]
    assert (human.drop_duplicates().to_numpy().tolist(), set(map(str, human.dtypes))) == ([[5, 3, 3, 2]], {"int64"})
    assert rows["subset"].tolist() == ["ARC-Easy"] * 6 + ["ARC-Challenge"] * 6
    assert rows["split"].tolist() == ["train", "train", "validation", "validation", "test", "test"] * 2


def test_arc_reads_number_labels_and_three_or_five_options(tmp_path: Path) -> None:
    rows = from_files("ai2_arc", tmp_path, arc_files()).set_index("item_id")
    assert rows["choices"].map(len).value_counts().to_dict() == {4: 10, 3: 1, 5: 1}
    for name, right in (("EasyTrain0", "B"), ("EasyTrain1", "4"), ("ChallengeDev1", "3"), ("ChallengeTest1", "5")):
        row = rows.loc[f"Mercury_{name}"]
        assert row["answer_text"] == row["choices"][row["answer_idx"]] == f"Mercury_{name} choice {right}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grade", "Biology"),
        ("grade", "Earth and Space Sciences"),
        ("grade", None),
        ("bloom", ""),
        ("difficulty", None),
        ("depth_of_knowledge", None),
    ],
)
def test_arc_leaves_out_an_item_with_a_missing_grade(field: str, value: str | None, tmp_path: Path) -> None:
    files = arc_files()
    files[ai2_arc.ANNOTATIONS]["ARCCH_Mercury_ChallengeDev0"][field] = value
    rows = from_files("ai2_arc", tmp_path, files)
    assert (len(rows), rows.attrs["dropped"]) == (11, 0)
    assert "Mercury_ChallengeDev0" not in set(rows["item_id"])


def test_arc_keeps_every_item_if_grades_are_not_asked_for(tmp_path: Path) -> None:
    files = arc_files()
    del files[ai2_arc.ANNOTATIONS]
    rows = from_files("ai2_arc", tmp_path, files, annotated=False)
    assert len(rows) == 12
    assert not [column for column in rows if column.startswith("human")]


def test_arc_joins_grades_by_subset_and_id(tmp_path: Path) -> None:
    files = arc_files()
    grades = files[ai2_arc.ANNOTATIONS]
    grades["ARCEZ_Mercury_ChallengeDev0"] = grades.pop("ARCCH_Mercury_ChallengeDev0")
    with pytest.raises(UphillError, match="'ARCEZ_Mercury_ChallengeDev0': no such item, expected ARCEZ_ or ARCCH_"):
        from_files("ai2_arc", tmp_path, files)
    assert len(from_files("ai2_arc", tmp_path, files, strict=False)) == 11


@pytest.mark.parametrize("kind", MODULES)
def test_a_repeated_row_is_one_item(kind: str, tmp_path: Path) -> None:
    if kind in ("ai2_arc", "strategyqa"):  # the others number their rows
        files = FILES[kind]()
        rows = files[next(iter(files))]
        rows.append(rows[0])
        assert len(from_files(kind, tmp_path, files)) == ROWS[kind]


def test_recurring_questions_with_ids_of_their_own_are_kept(tmp_path: Path) -> None:
    """As NYSEDREGENTS_2009_4_25 and _2012_4_20 are: the same question, the choices in another order, another key."""
    files = arc_files()
    first, second = files["ARC-Easy-Train.jsonl"][0], files["ARC-Easy-Dev.jsonl"][0]
    second["question"] = {
        "stem": first["question"]["stem"],
        "choices": [
            {"text": choice["text"], "label": label}
            for choice, label in zip(first["question"]["choices"][::-1], "ABCD", strict=True)
        ],
    }
    second["answerKey"] = "C"
    rows = from_files("ai2_arc", tmp_path, files).set_index("item_id")
    pair = rows.loc[[first["id"], second["id"]]]
    assert pair["answer_idx"].tolist() == [1, 2]
    assert pair["question"].nunique() == pair["answer_text"].nunique() == 1


def test_mmlu_reads_quoted_cells_and_numbers_its_rows(tmp_path: Path) -> None:
    rows = from_files("mmlu_stem5", tmp_path, mmlu_files())
    assert rows["choices"].tolist() == [["one, two", 'say "a"', "π", "d\nd"]] * 40
    assert rows["item_id"].tolist()[:5] == [
        "high_school_computer_science/validation/0000",
        "high_school_computer_science/validation/0001",
        "high_school_computer_science/test/0000",
        "high_school_computer_science/test/0001",
        "college_computer_science/validation/0000",
    ]
    assert rows["human_hardness"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 5
    assert rows["subject"].unique().tolist() == list(mmlu_stem5.SUBJECTS)


def test_mmlu_keeps_an_item_whose_wrong_choices_repeat(tmp_path: Path) -> None:
    """Three published items do; what is right is still clear."""
    files = mmlu_files()
    files["college_physics_test.csv"][1] = ["How much?", "1", "2", "3", "3", "B"]
    rows = from_files("mmlu_stem5", tmp_path, files).set_index("item_id")
    assert rows.loc["college_physics/test/0001", "choices"] == ["1", "2", "3", "3"]


def test_strategyqa_joins_facts_and_counts_steps(tmp_path: Path) -> None:
    rows = from_files("strategyqa", tmp_path, strategyqa_files())
    assert rows["item_id"].tolist() == list("abcd")
    assert rows["answer_text"].tolist() == ["yes", "no", "yes", "no"]
    assert rows["num_steps"].tolist() == [1, 3, 5, 2]
    assert set(rows["reasoning"]) == {"One fact. Another fact."}


@pytest.mark.parametrize(("rule", "steps"), [("lines", [1, 9, 10, 2]), ("lines_plus_one", [2, 10, 10, 3])])
def test_gsm8k_counts_steps_by_either_rule(rule: str, steps: list[int], tmp_path: Path) -> None:
    rows = from_files("gsm8k", tmp_path, gsm8k_files(), num_steps=rule)
    assert rows["num_steps"].tolist() == steps


def test_gsm8k_counts_as_the_paper_did_unless_told() -> None:
    assert gsm8k.Settings(folder=".").num_steps == "lines_plus_one"
    assert gsm8k.Settings(folder=".").generative
    assert not strategyqa.Settings(folder=".").generative


def test_gsm8k_keeps_line_breaks_annotations_and_the_answer_as_written(tmp_path: Path) -> None:
    rows = from_files("gsm8k", tmp_path, gsm8k_files())
    assert rows["reasoning"][3] == "Step 0 is <<1+0=1>>1.\nStep 1 is <<1+1=2>>2."
    assert rows["answer_text"].tolist() == ["72", "1,234", "-5", "0.5"]
    assert rows["item_id"].tolist() == ["train/0000", "train/0001", "test/0000", "test/0001"]
    assert rows["choices"].tolist() == [[]] * 4


def test_line_separators_inside_a_text_do_not_end_the_row(tmp_path: Path) -> None:
    files = gsm8k_files()
    files["train.jsonl"][0]["question"] = "One\u2028two\u0085three?"
    assert from_files("gsm8k", tmp_path, files)["question"][0] == "One\u2028two\u0085three?"


def test_blank_lines_do_not_shift_ids(tmp_path: Path) -> None:
    files = gsm8k_files()
    files["train.jsonl"].insert(1, "")
    assert from_files("gsm8k", tmp_path, files)["item_id"].tolist()[1] == "train/0001"


# -- bad rows: file, row, id, and what was expected ------------------------------------------------------------------


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
    assert all(len(cases) >= 10 for cases in [*BAD.values(), HUB_BAD])


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


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "missing, expected folder .the publishers' files. or the hash of a commit of"),
        ({"revision": "main"}, "is 'main', expected the hash of a commit"),
        ({"revision": COMMIT[:12]}, r"expected the hash of a commit \(40 hex digits\)"),
        ({"revision": COMMIT, "folder": "x"}, "expected either folder or revision"),
        ({"folder": "x", "path": "y"}, "Extra inputs"),
    ],
)
def test_source_is_one_pinned_place(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.settings_of(MODULES[kind], settings)


def test_arc_from_the_hub_needs_the_file_of_grades() -> None:
    with pytest.raises(ValidationError, match=f"expected the path of {ai2_arc.ANNOTATIONS}"):
        ai2_arc.Settings(revision=COMMIT)
    assert ai2_arc.Settings(revision=COMMIT, annotated=False).files == []
    assert ai2_arc.Settings(revision=COMMIT, annotations="a.json").files == [Path("a.json")]


@pytest.mark.parametrize("kind", MODULES)
def test_settings_survive_the_way_to_the_job(kind: str) -> None:
    grades = {"annotations": "a.json"} if kind == "ai2_arc" else {}
    for given in ({"folder": "x"}, {"revision": COMMIT, **grades}, {"folder": "x", "strict": False, **grades}):
        settings = registry.settings_of(MODULES[kind], given)
        assert registry.settings_of(MODULES[kind], settings.model_dump(mode="json")) == settings


# -- the hub ---------------------------------------------------------------------------------------------------------


def hub_row(kind: str, row: Any) -> dict[str, Any]:
    """A row of the publisher's as the hub lays it out."""
    if kind == "ai2_arc":
        choices = row["question"]["choices"]
        listed = {name: [choice[name] for choice in choices] for name in ("text", "label")}
        return {**row, "question": row["question"]["stem"], "choices": listed}
    if kind == "mmlu_stem5":
        return {"question": row[0], "subject": "any", "choices": row[1:5], "answer": "ABCD".index(row[5])}
    return {name: value for name, value in row.items() if name != "evidence"}  # StrategyQA's, of lists in lists


def hub_splits(kind: str, files: Files) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Config, split and rows."""
    if kind == "strategyqa":
        yield "default", "train", [hub_row(kind, row) for rows in files.values() for row in rows]
        return
    for name, rows in files.items():
        if name == ai2_arc.ANNOTATIONS:
            continue
        config, _, split = {"ai2_arc": name.rpartition("-"), "mmlu_stem5": name.rpartition("_")}.get(
            kind, ("main", "", name)
        )
        split = {"Train": "train", "Dev": "validation", "val": "validation"}.get(Path(split).stem, Path(split).stem)
        yield config, split.lower(), [hub_row(kind, row) for row in rows]


def hub_repository(folder: Path, splits: Iterator[tuple[str, str, list[dict[str, Any]]]]) -> Path:
    """A repository of plain Parquet with a card that lists its configs, as the hub's have."""
    configs: dict[str, list[str]] = {}
    for config, split, rows in splits:
        path = folder / config / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_parquet(path)
        configs.setdefault(config, []).append(f"  - split: {split}\n    path: {config}/{split}-*\n")
    card = "".join(f"- config_name: {name}\n  data_files:\n{''.join(files)}" for name, files in configs.items())
    (folder / "README.md").write_text(f"---\nconfigs:\n{card}---\n")
    return folder


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


# -- any hub dataset, by column mapping ------------------------------------------------------------------------------


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
