"""Parts of the published datasets by config keys: subsets, splits, subjects, and GSM8K's socratic solutions."""

from pathlib import Path
from typing import Any

import pytest
from published_files import COMMIT, FILES, MODULES, from_files, gsm8k_row, write
from pydantic import ValidationError
from test_hub_datasets import stand_in

from uphill.datasets import ai2_arc, gsm8k, hub, mmlu_stem5, strategyqa
from uphill.errors import UphillError

Row = dict[str, Any]

ARC_TRAINED_AND_TESTED = [f"ARC-{subset}-{split}" for subset in ("Easy", "Challenge") for split in ("Train", "Test")]
PARTS: list[tuple[str, Row, list[str], int]] = [
    ("ai2_arc", {"subsets": ["ARC-Challenge"]}, [f"ARC-Challenge-{split}" for split in ("Train", "Dev", "Test")], 6),
    ("ai2_arc", {"subsets": ["ARC-Challenge"], "splits": ["test"]}, ["ARC-Challenge-Test"], 2),
    ("ai2_arc", {"splits": ["test", "train"]}, ARC_TRAINED_AND_TESTED, 8),
    (
        "mmlu_stem5",
        {"subjects": ["physics"], "schools": ["college"]},
        ["college_physics_val", "college_physics_test"],
        4,
    ),
    (
        "mmlu_stem5",
        {"schools": ["high_school"], "splits": ["test"], "subjects": ["biology", "physics"]},
        ["high_school_physics_test", "high_school_biology_test"],
        4,
    ),
    ("strategyqa", {"splits": ["dev"]}, ["dev"], 2),
    ("gsm8k", {"splits": ["test"]}, ["test"], 2),
]


@pytest.mark.parametrize(("kind", "settings", "files", "count"), PARTS)
def test_a_part_is_what_the_whole_holds_of_it(
    kind: str, settings: Row, files: list[str], count: int, tmp_path: Path
) -> None:
    whole, part = (from_files(kind, tmp_path, FILES[kind](), **own).set_index("item_id") for own in ({}, settings))
    assert len(part) == count < len(whole)
    assert part.equals(whole.loc[part.index])
    assert part.index.tolist() == [name for name in whole.index if name in part.index]
    named = [path.stem for path in MODULES[kind].Settings(folder=tmp_path, **settings).files]
    assert named == [*files, *([Path(ai2_arc.ANNOTATIONS).stem] if kind == "ai2_arc" else [])]


def test_other_files_need_not_be_there(tmp_path: Path) -> None:
    write(tmp_path, {"test.jsonl": gsm8k_row_file()})
    assert gsm8k.load(gsm8k.Settings(folder=tmp_path, splits=["test"]))["item_id"].tolist() == ["test/0000"]
    with pytest.raises(UphillError, match=r"train\.jsonl: no such file"):
        gsm8k.load(gsm8k.Settings(folder=tmp_path))


def gsm8k_row_file() -> list[Row]:
    return [gsm8k_row(2, "5")]


def test_socratic_solutions_keep_the_question_of_each_step(tmp_path: Path) -> None:
    answer = "How many in May? ** She sold 48/2 = <<48/2=24>>24.\nHow many in all? ** She sold <<48+24=72>>72.\n#### 72"
    files = {"train_socratic.jsonl": [{"question": "q?", "answer": answer}], "test_socratic.jsonl": gsm8k_row_file()}
    found = from_files("gsm8k", tmp_path, files, config="socratic", num_steps="lines")
    assert found["item_id"].tolist() == ["train/0000", "test/0000"]
    assert found["reasoning"][0] == answer.partition("\n####")[0]
    assert (found["num_steps"].tolist(), found["answer_text"].tolist()) == ([2, 2], ["72", "5"])


def test_the_hub_is_asked_for_the_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for module, settings in (
        (ai2_arc, {"annotated": False, "subsets": ["ARC-Challenge"], "splits": ["test"]}),
        (mmlu_stem5, {"subjects": ["biology"], "schools": ["college"], "splits": ["dev"]}),
        (gsm8k, {"config": "socratic", "splits": ["train"]}),
    ):
        made = stand_in(monkeypatch, [])
        with pytest.raises(UphillError, match="no item among 0 rows"):
            module.load(module.Settings(revision=COMMIT, **settings))
        asked += [(config, split) for _, config, split, _ in made.asked]
    assert asked == [("ARC-Challenge", "test"), ("college_biology", "dev"), ("socratic", "train")]


def test_any_other_subject_of_mmlu_is_an_entry_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"question": "q?", "subject": "anatomy", "choices": ["a", "b", "c", "d"], "answer": 2}
    made = stand_in(monkeypatch, [row, row | {"question": "r?", "answer": 0}])
    settings = {"hub_id": "cais/mmlu", "revision": COMMIT, "config": "anatomy", "splits": ["validation", "test"]}
    found = hub.load(hub.Settings.model_validate(settings))
    assert found["item_id"].tolist() == ["validation/0000", "validation/0001", "test/0000", "test/0001"]
    assert found["answer_text"].tolist() == ["c", "a"] * 2
    assert [(config, split) for _, config, split, _ in made.asked] == [("anatomy", "validation"), ("anatomy", "test")]


def test_grades_of_an_unknown_item_are_named_where_all_that_they_grade_is_read(tmp_path: Path) -> None:
    files = FILES["ai2_arc"]()
    grade = next(iter(files[ai2_arc.ANNOTATIONS].values()))
    files[ai2_arc.ANNOTATIONS]["ARCCH_nobody"] = grade
    assert len(from_files("ai2_arc", tmp_path, files, subsets=["ARC-Easy"])) == 6
    assert len(from_files("ai2_arc", tmp_path, files, splits=["test"])) == 4
    for settings in ({}, {"subsets": ["ARC-Challenge"]}):
        with pytest.raises(UphillError, match="'ARCCH_nobody': no such item"):
            from_files("ai2_arc", tmp_path, files, **settings)


@pytest.mark.parametrize(
    ("module", "settings", "message"),
    [
        (ai2_arc, {"subsets": ["ARC-Hard"]}, "'ARC-Easy' or 'ARC-Challenge'"),
        (ai2_arc, {"subsets": []}, "at least 1 item"),
        (ai2_arc, {"splits": ["dev"]}, "'train', 'validation' or 'test'"),
        (ai2_arc, {"splits": ["test", "test"]}, "given twice"),
        (mmlu_stem5, {"subjects": ["anatomy"]}, "'mathematics'"),
        (mmlu_stem5, {"schools": ["primary"]}, "'high_school' or 'college'"),
        (gsm8k, {"config": "plain"}, "'main' or 'socratic'"),
        (gsm8k, {"splits": ["dev"]}, "'train' or 'test'"),
        (strategyqa, {"splits": ["test"]}, "'train' or 'dev'"),
    ],
)
def test_parts_that_do_not_exist_are_refused(module: Any, settings: Row, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        module.Settings(folder="x", **settings)


def test_the_hub_has_strategyqa_in_one_split() -> None:
    with pytest.raises(ValidationError, match=r"is \['dev'\] without a folder, expected it beside"):
        strategyqa.Settings.model_validate({"revision": COMMIT, "splits": ["dev"]})
