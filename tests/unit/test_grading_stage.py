"""The grading of whole files: which grader judges what, what is kept, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from graded import MADE, graded

from uphill.config.checked import check
from uphill.config.study import Config
from uphill.engine.ending import Answer
from uphill.errors import UphillError
from uphill.grading.stage import run_job
from uphill.methods.context import chosen, written
from uphill.running.job import Running
from uphill.schemas.files import made_by, read, write
from uphill.schemas.grades import GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.predictions import PREDICTIONS
from uphill.workflow.stages.grades import grades, slices
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
QUESTIONS = pd.DataFrame(
    {
        "question": ["a?", "b?", "c?"],
        "choices": [["x", "a long one"], ["x", "y"], ["x", "y"]],
        "answer_idx": [1, 0, 1],
        "answer_text": ["a long one", "x", "y"],
        "reasoning": "",
        "pool": "experiment",
        "aliases": [["long"], [], ["why", "Y."]],
    },
    index=pd.Index(["a", "b", "c"], name="item_id"),
)
SCORES = chosen(QUESTIONS, np.log([[0.7, 0.3], [0.9, 0.1], [0.8, 0.2]]), np.array([[1, 3], [1, 1], [1, 1]]))
TEXTS = written(
    QUESTIONS,
    [Answer("So the answer is a long one.", 7, True), Answer("So the answer is y", 20, False), Answer("Y.", 2, True)],
)


def test_scores_are_graded_by_the_highest() -> None:
    found = graded(SCORES, QUESTIONS)
    assert found["parsed"].tolist() == ["x", "x", "x"]
    assert found["correct"].tolist() == [False, True, False]
    assert found["p_gold"].tolist() == pytest.approx([0.3, 0.9, 0.2])
    assert found["ended"].isna().all()
    assert set(found["grader"]) == {"choice"}


def test_length_is_normalised_where_scores_are_sums_over_tokens() -> None:
    """Of "x" and "a long one", log .7 by 1 and log .3 by 3 tokens or 10 characters: -.36 and -.40, or -.12."""
    assert graded(SCORES, QUESTIONS, "choice", norm="tokens")["parsed"][0] == "x"
    assert graded(SCORES, QUESTIONS, "choice", norm="chars")["parsed"][0] == "a long one"
    probe = chosen(QUESTIONS, np.log([[0.7, 0.3], [0.9, 0.1], [0.8, 0.2]]))
    for norm in ("chars", "tokens"):
        pd.testing.assert_frame_equal(graded(probe, QUESTIONS, "choice", norm=norm), graded(probe, QUESTIONS))


def test_texts_are_graded_by_what_they_state() -> None:
    found = graded(TEXTS, QUESTIONS)
    assert found["status"].tolist() == ["ok", "ok", "none"]
    assert found["correct"].tolist() == [True, False, False]
    assert found["ended"].tolist() == [True, False, True]
    assert found[["p_gold", "f1"]].isna().all(axis=None)
    other = graded(TEXTS, QUESTIONS, "span", aliases="aliases")
    assert other["correct"].tolist() == [True, False, True]
    assert other["f1"].tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("frame", "grader", "message"),
    [
        (TEXTS, "choice", "choice of item 'a': a text or an item without choices was given, expected scores"),
        (SCORES, "stated", "stated of item 'a': scores of choices were given, expected a text"),
        (TEXTS, "number", "number of item 'a': the right answer is 'a long one', expected a number"),
        (SCORES.assign(scores=[np.zeros(3)] * 3), "choice", "choice of item 'a': 3 scores for 2 choices"),
        (SCORES.assign(scores=[np.array([np.nan, 0])] * 3), "choice", "expected numbers, one of them finite"),
        (SCORES.assign(scores=[np.full(2, -np.inf)] * 3), "choice", "expected numbers, one of them finite"),
    ],
)
def test_what_a_grader_cannot_read_is_refused_by_name(frame: pd.DataFrame, grader: str, message: str) -> None:
    with pytest.raises(UphillError, match=r"datasets\.x\.grader: .*") as refused:
        graded(frame, QUESTIONS, grader)
    assert message in str(refused.value)


def test_a_choice_of_probability_0_is_one_all_the_same() -> None:
    with np.errstate(divide="ignore"):
        found = graded(chosen(QUESTIONS, np.log([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])), QUESTIONS)
    assert found["correct"].tolist() == [True, True, True]
    assert found["p_gold"].tolist() == [1, 1, 1]


class Files:
    """A file of predictions of two shares and its items, and the job that grades it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        self.items, self.predictions = "results/items/x.parquet", "results/predictions/x/x/x.parquet"
        self.made, self.ids = "results/grades/x/x/x.parquet", {"e/v": "1", "e/w": "2"}
        write(QUESTIONS.reset_index(), self.items, ITEMS, {"id": "items"})
        self.predict(SCORES)

    def predict(self, frame: pd.DataFrame) -> None:
        both = pd.concat([frame.assign(**MADE | {"experiment": "e", "variable": name[2:]}) for name in self.ids])
        recorded = {
            name: {"id": made, "settings": {"experiment": "e", "variable": name[2:]}} for name, made in self.ids.items()
        }
        versions = {name: {"torch": "2.0"} for name in self.ids}
        spec = {"id": "p", "settings": {"slices": recorded}, "versions": versions}
        write(both[PREDICTIONS.schema.names], self.predictions, PREDICTIONS, spec)

    def grade(self, grader: dict[str, str], expected: dict[str, str] | None = None) -> pd.DataFrame:
        shares = {
            name: {
                "id": f"{grader[name]} of {made}",
                "settings": {
                    **{"grader": grader[name], "settings": {}, "dataset": "x"},
                    **{"experiment": "e", "variable": name[2:]},
                },
            }
            for name, made in self.ids.items()
        }
        upstream = {"predictions/x/x/x.parquet": expected or self.ids, "items/x.parquet": "items"}
        params: Any = type(
            "Params", (dict,), {"spec": {"id": "g", "settings": {"slices": shares}, "upstream": upstream}}
        )()
        given: Any = type("Inputs", (list,), {"predictions": [self.predictions], "questions": [self.items]})
        run_job(
            Running(
                SimpleNamespace(
                    input=given([self.predictions, self.items]),
                    output=[self.made],
                    **{"wildcards": None, "resources": None, "threads": 1, "params": params},
                )
            )
        )
        return read(self.made, GRADES)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    return Files(tmp_path, monkeypatch)


def test_shares_of_the_same_identity_are_kept(files: Files) -> None:
    both = {"e/v": "choice", "e/w": "choice"}
    first = files.grade(both)
    assert len(first) == 2 * len(QUESTIONS)
    assert made_by(files.made)["versions"]["e/v"]["torch"].startswith("2.0, ")
    marked = first.assign(parsed="kept")
    write(marked, files.made, GRADES, made_by(files.made))
    files.ids = {"e/v": "1", "e/w": "made anew"}
    files.predict(SCORES)
    found = files.grade(both).groupby("variable")["parsed"].agg(set)
    assert found["v"] == {"kept"}
    assert found["w"] == {"x"}


def test_a_damaged_file_is_graded_again(files: Files) -> None:
    both = {"e/v": "choice", "e/w": "choice"}
    first = files.grade(both)
    content = Path(files.made).read_bytes()
    Path(files.made).write_bytes(content[:50])
    pd.testing.assert_frame_equal(files.grade(both), first)
    assert Path(files.made).read_bytes() == content


def test_predictions_of_another_identity_are_not_graded(files: Files) -> None:
    with pytest.raises(UphillError, match=r"predictions/x/x/x\.parquet: 'e/w' made by another config or by older code"):
        files.grade({"e/v": "choice", "e/w": "choice"}, {"e/v": "1", "e/w": "of today"})


def config(**graders: dict[str, str]) -> Config:
    raw = yaml.safe_load((ROOT / "config/demo-all.yaml").read_text())
    raw["population"][0]["methods"].append("icl_cot")
    for dataset, entry in graders.items():
        raw["datasets"][dataset] = raw["datasets"][dataset] | {"grader": entry}
    return check(raw)


@pytest.mark.parametrize(
    ("graders", "expected"),
    [
        (
            {},
            {"dial icl": "choice", "dial probe": "choice", "dial icl_cot": "stated", "road_written icl_cot": "stated"},
        ),
        ({"dial": {"kind": "letter"}}, {"dial icl": "choice", "dial icl_cot": "letter", "road icl_cot": "stated"}),
        ({"dial": {"kind": "choice", "norm": "chars"}}, {"dial probe": "choice", "dial icl_cot": "stated"}),
        ({"road_written": {"kind": "number"}}, {"road_written icl_cot": "number", "dial icl_cot": "stated"}),
    ],
)
def test_a_datasets_grader_judges_what_it_can_read(
    monkeypatch: pytest.MonkeyPatch, graders: dict[str, dict[str, str]], expected: dict[str, str]
) -> None:
    monkeypatch.chdir(ROOT)
    study = config(**graders)
    assert {name: study.grader(*name.split())[0] for name in expected} == expected
    _, settings = study.grader("dial", "icl")
    assert getattr(settings, "norm", None) == graders.get("dial", {}).get("norm", "none")


def test_another_grader_changes_grades_and_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    before, after = (Study(each) for each in (config(), config(dial={"kind": "letter"})))
    changed = {job.title for job, now in zip(before.jobs, after.jobs, strict=True) if job.id != now.id}
    assert {title for title in changed if title.startswith("Grades")} == {"Grades of icl_cot with demo on dial"}
    assert not [title for title in changed if " with demo on " in title and not title.startswith("Grades")]
    assert "Table population" in changed
    # A slice knows its own predictions, and no others of their file.
    own = slices(after, "icl", "demo", "dial")
    read = {part: job.spec["upstream"]["predictions/icl/demo/dial.parquet"] for part, job in own.items()}
    assert all(list(known) == [part] for part, known in read.items())
    assert len(own) > 2
    whole = grades(after, "icl", "demo", "dial").spec
    assert {part: share["id"] for part, share in whole["settings"]["slices"].items()} == {
        part: job.id for part, job in own.items()
    }
