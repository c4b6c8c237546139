"""The published datasets from files: every good row becomes an item with what its publisher says of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from published_files import (
    COMMIT,
    FILES,
    MODULES,
    ROWS,
    arc_files,
    from_files,
    gsm8k_files,
    mmlu_files,
    strategyqa_files,
    write,
)
from pydantic import ValidationError

from uphill import registry
from uphill.datasets import ai2_arc, gsm8k, mmlu_stem5, strategyqa
from uphill.datasets.items import build_items, check_rows
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.schemas.items import ITEMS


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
