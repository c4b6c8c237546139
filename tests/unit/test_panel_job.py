"""The job of a panel: its matrix against answers by hand, what it says of each respondent, its cautions."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from uphill.errors import UphillError
from uphill.hardness.answer_matrix import AnswerMatrix, read_panel
from uphill.hardness.item_response import MISSING
from uphill.hardness.panel import cautions, run_job
from uphill.running.noting import noted
from uphill.schemas.files import made_by, read, write_arrow
from uphill.schemas.grades import GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.respondents import RESPONDENTS
from uphill.schemas.responses import RESPONSES
from uphill.schemas.splits import SPLITS

IDS = ["a", "b", "c", "d"]
PART = "population/v"
IDENTITY = {"id": "of today", "settings": {}}


class Job(SimpleNamespace):
    """What a panel's job takes from the one that Snakemake runs."""

    def read(self, name: str, contract: Any) -> pd.DataFrame:
        return read(self.input[name], contract, "of today")

    def upstream(self, path: str) -> Any:
        return {PART: "s"} if "/grades/" in path else "of today"


class Paths(dict[str, Any]):
    """Snakemake's inputs: by name, as attributes too."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def rows(correct: dict[str, int], **cell: Any) -> pd.DataFrame:
    """Grades of one cell."""
    told = {"method": "icl", "model": "m", "dataset": "d", "experiment": "population", "variable": "v"}
    told |= {
        "train_dataset": "d",
        "train_on": "easy",
        "boot": 0,
        "n_train": 1,
        "noise_p": 0.0,
        "labels": "gold",
        **cell,
    }
    more = {
        "k": 1,
        "cot": False,
        "prompt": "p",
        "dropped": 0,
        "status": "ok",
        "parsed": "x",
        "p_gold": 0.5,
        "shares": None,
    }
    frame = pd.DataFrame({"item_id": list(correct), "correct": [bool(one) for one in correct.values()]})
    return frame.assign(**told, **more, f1=None, ended=None, grader="choice", also=None)[GRADES.schema.names]


ANSWERED = [
    rows({"a": 1, "b": 0, "c": 1}),
    rows({"b": 1, "d": 0}, boot=1),
    rows({"a": 0, "c": 0}, train_on="hard"),
    rows({"a": 1, "d": 1}, train_dataset="other"),
]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A panel of a model as it is and of what few-shot prompts make of it; a was shown to the first cell."""
    items = pd.DataFrame({"item_id": IDS, "question": "?", "choices": [["x", "y"]] * 4, "answer_idx": [0, 1, 0, 1]})
    items = items.assign(answer_text="x", reasoning="", pool="experiment")
    responses = pd.DataFrame(
        {"item_id": np.repeat(IDS, 2), "choice_idx": [0, 1] * 4, "logprob": [-1.0, -2, -1, -2, -2, -1, -2, -1]}
    ).assign(n_tokens=1, n_chars=1)
    drawn = pd.DataFrame({"train_on": ["easy", "easy", "easy"], "boot": 0, "item_id": ["a", "b", "c"]})
    drawn = drawn.assign(role=["train", "train", "test"], rank=[0, 1, 0], noise_draw=0.5, level="easy", value=1.0)
    part = {PART: {"id": "s", "settings": {"experiment": "population", "variable": "v"}}}
    made = {
        "questions": (items, ITEMS, "items/d.parquet", IDENTITY),
        "responses": (responses, RESPONSES, "responses/m/d/shard-0-of-1.parquet", IDENTITY),
        "grades": (pd.concat(ANSWERED), GRADES, "grades/icl/m/d.parquet", {"id": "g", "settings": {"slices": part}}),
        "splits": (drawn, SPLITS, "splits/d/v.parquet", IDENTITY),
    }
    for frame, contract, path, identity in made.values():
        if contract is RESPONSES:  # whose pass kept no states
            kept = pa.schema([field for field in contract.schema if field.name != contract.vector])
            table = pa.Table.from_pandas(frame, kept, preserve_index=False)
        else:
            table = contract.to_arrow(frame, path)
        write_arrow(table, tmp_path / path, contract, identity)
    read_from = {name: [str(tmp_path / path)] for name, (_, _, path, _) in made.items()}
    cells = {"method": "icl", "model": "m", "experiment": "population", "variable": "v", "split": "v", "taught": ""}
    return Job(
        input=Paths({**read_from, "questions": read_from["questions"][0]}),
        output=Paths(matrix=[str(tmp_path / "m.parquet")], respondents=[str(tmp_path / "r.parquet")]),
        settings={"panel": "p", "dataset": "d", "models": ["m"],
                  "cells": [{**cells, "train_on": ["easy", "hard"], "boots": None}]},
        made_by=IDENTITY,
    )  # fmt: skip


def told_by(job: Job) -> tuple[AnswerMatrix, pd.DataFrame]:
    run_job(job)  # type: ignore[arg-type] # as much of a job as it takes
    return read_panel(job.output.matrix[0], "of today"), read(job.output.respondents[0], RESPONDENTS, "of today")


def test_each_cell_is_a_respondent_that_answers_nothing_it_was_trained_on(job: Job) -> None:
    matrix, told = told_by(job)
    found = dict(zip(matrix.models, matrix.answers.tolist(), strict=True))
    assert matrix.item_ids == IDS
    assert found == {
        "m": [1, 0, 0, 1],
        # a is its own example; b, of a later rank, is not among the one that it was shown.
        "icl with m on 1 easy of d, boot 0 (population/v)": [MISSING, 0, 1, MISSING],
        "icl with m on 1 easy of d, boot 1 (population/v)": [MISSING, 1, MISSING, 0],
        "icl with m on 1 hard of d, boot 0 (population/v)": [0, MISSING, 0, MISSING],
        "icl with m on 1 easy of other, boot 0 (population/v)": [1, MISSING, MISSING, 1],
    }
    by_name = told.set_index("respondent")
    assert by_name.loc["m", ["method", "share", "accuracy"]].tolist() == ["", 1.0, 0.5]
    first = by_name.loc["icl with m on 1 easy of d, boot 0 (population/v)"]
    assert first[["train_on", "boot", "n_answers", "share"]].tolist() == ["easy", 0, 2, 0.5]
    assert by_name["ability"].idxmax() == "icl with m on 1 easy of other, boot 0 (population/v)"
    assert made_by(job.output.matrix[0])["id"] == "of today"
    lines = "\n".join(noted())
    assert "scale of panel p: m is at chance (50.0 % of 4 answers right, 50.0 % by guessing), and only adds" in lines
    assert "5 respondents are of 1 model (m): relatives answer alike" in lines


def test_some_boots_and_levels_are_chosen(job: Job) -> None:
    job.settings["cells"][0] |= {"train_on": ["easy"], "boots": [1]}
    assert told_by(job)[0].models == ["icl with m on 1 easy of d, boot 1 (population/v)", "m"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boots": [0, 1]}, r"panels.p: 'icl' has no boot 1 on 'hard', expected answers of it"),
        ({"train_on": ["medium"]}, r"panels.p: 'icl' has no boot 0 on 'medium'"),
    ],
)
def test_a_cell_that_is_not_there_is_refused(job: Job, change: dict[str, Any], message: str) -> None:
    job.settings["cells"][0] |= change
    with pytest.raises(UphillError, match=message):
        told_by(job)


def test_what_is_of_another_day_is_refused(job: Job, tmp_path: Path) -> None:
    told_by(job)
    with pytest.raises(UphillError, match=r"m\.parquet: made by another config"):
        read_panel(job.output.matrix[0], "of yesterday")
    job.upstream = lambda path: {PART: "other"} if "/grades/" in path else "of today"
    with pytest.raises(UphillError, match=r"icl/m/d\.parquet: 'population/v' made by another config"):
        told_by(job)


def test_a_panel_that_left_items_out_is_cautioned_of() -> None:
    items = pd.DataFrame({"pool": "experiment"}, index=pd.Index(IDS, name="item_id"))
    told = pd.DataFrame({"respondent": ["a", "b", "c"], "model": ["a", "b", "c"], "at_chance": False, "rest": 0.5})
    answers = np.array([[1, 1, 1, 0], [0, 1, MISSING, 1], [1, 0, MISSING, 1]], np.int8)
    [line] = cautions(told, AnswerMatrix(IDS, ["a", "b", "c"], answers), items)
    assert line == "25 % of the items were answered by fewer than half of the 3 respondents, 1 at least"
    answers[1, 2] = 0
    assert list(cautions(told, AnswerMatrix(IDS, ["a", "b", "c"], answers), items)) == []


def test_respondents_who_make_another_mistake_are_cautioned_of() -> None:
    """Who answers easy items by a rule that is wrong there finds hard what others find easy."""
    items = pd.DataFrame({"pool": "experiment"}, index=pd.Index(IDS, name="item_id"))
    told = pd.DataFrame({"respondent": ["a", "b", "c"], "model": ["a", "b", "c"], "at_chance": False})
    matrix = AnswerMatrix(IDS, ["a", "b", "c"], np.ones((3, len(IDS)), np.int8))
    [line] = cautions(told.assign(rest=[0.4, 0.05, -0.2]), matrix, items)
    assert line == (
        "2 of 3 respondents find other items hard than the others do, most of all c (correlation -0.20): of such a "
        "panel a scale is no one difficulty"
    )
    assert list(cautions(told.assign(rest=[0.4, 0.2, np.nan]), matrix, items)) == []
