"""Further graders of the same outputs: what each reads, what tables show of them, and what cannot be."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from changed_studies import plan
from graded import MADE
from known_cells import answers

from uphill.engine.ending import Answer
from uphill.errors import UphillError
from uphill.grading.stage import grades, item
from uphill.methods.context import written
from uphill.schemas.predictions import PREDICTIONS
from uphill.tables.accuracy import of_levels
from uphill.tables.table import Analysis, Inputs

STRICT = {"kind": "number", "published": "strict"}
ALSO = {
    "strict": STRICT,
    "flexible": {"kind": "number", "published": "flexible"},
    "acc_norm": {"kind": "choice", "norm": "chars"},
}
QUESTIONS = pd.DataFrame(
    {
        "question": ["a?", "b?", "c?"],
        "choices": [[], [], []],
        "answer_idx": pd.array([None] * 3, dtype="Int64"),
        "answer_text": ["18", "5", "7"],
        "reasoning": "",
        "pool": "experiment",
    },
    index=pd.Index(["a", "b", "c"], name="item_id"),
)
TEXTS = ["So the answer is 18", "So the answer is 5.", "I count 7 of them"]
"""The published strict pattern loses the last digit of the first, and finds nothing in the third."""


def test_each_grader_reads_the_same_texts() -> None:
    frame = written(QUESTIONS, [Answer(text, 5, True) for text in TEXTS]).assign(**MADE)
    rows = QUESTIONS.astype(object).where(QUESTIONS.notna(), None).to_dict("index")
    known = {str(name): item(row) for name, row in rows.items()}
    also = {name: {"grader": "number", "settings": {"published": name}} for name in ("strict", "flexible")}
    table = PREDICTIONS.to_arrow(frame[PREDICTIONS.schema.names], "test")
    found = grades(table, known, {"grader": "number", "settings": {}, "dataset": "x", "also": also}).to_pandas()
    told = [{one["name"]: one["correct"] for one in each} for each in found["also"]]
    assert [one["strict"] for one in told] == [False, True, False]
    assert [one["flexible"] for one in told] == [True, True, True]
    for name, own in also.items():
        alone = grades(table, known, {**own, "dataset": "x"}).to_pandas()
        assert list(alone["correct"]) == [one[name] for one in told]
        assert alone["also"].isna().all()


ITEMS = [f"i{number:02d}" for number in range(40)]


def test_a_table_has_the_accuracy_by_each_beside_the_main_one() -> None:
    """Against means by hand, of boots that answer the same items."""
    rng = np.random.default_rng(0)
    rows = pd.concat(
        [
            answers(8, ITEMS, 1, method="zero_shot", train_on="none", n_train=0),
            answers(20, ITEMS, 3, train_on="easy", n_train=8),
        ],
        ignore_index=True,
    )
    strict = rng.random(len(rows)) < 0.3
    read = rows.assign(also=[np.array([{"name": "strict", "correct": bool(one)}]) for one in strict])
    tested = pd.DataFrame({"item_id": ITEMS, "level": "easy"})
    tested = tested.assign(dataset="d", variable="v", split="v", value=0.0)

    def table(frame: pd.DataFrame) -> pd.DataFrame:
        study = Analysis({"d": "zero_shot"}, 100, 0.95, 0)
        found = of_levels(Inputs(frame, tested, {("d", "v"): ["easy"]}, study))
        return found[found["test_on"] == "easy"].set_index("train_on")

    made, plain = table(read), table(rows.assign(also=None))
    for train_on in ("none", "easy"):
        own = strict[(rows["train_on"] == train_on).to_numpy()]
        assert made.loc[train_on, "accuracy_strict"] == pytest.approx(own.mean())
        assert made.loc[train_on, "accuracy_strict_low"] < own.mean() < made.loc[train_on, "accuracy_strict_high"]
    names = ["accuracy_strict", "accuracy_strict_low", "accuracy_strict_high"]
    pd.testing.assert_frame_equal(made.drop(columns=names), plain)
    assert list(made.columns)[-5:] == [*names, "circular", "source"]


def test_a_further_grader_makes_grades_again_and_no_prediction() -> None:
    before, also = plan(), plan(datasets__road_written__also_graded_by=ALSO)
    cells = {"method": "icl_cot", "model": "demo", "dataset": "road_written"}
    [grade] = also.job("grade", cells).parts
    assert list(grade.settings["also"]) == ["strict", "flexible"]
    assert list(grade.code) == ["uphill.grading.stated", "uphill.grading.number"]
    assert before.job("grade", cells).id != also.job("grade", cells).id
    assert before.job("predictions_on_model", cells).id == also.job("predictions_on_model", cells).id


def test_a_grader_of_scores_reads_scores() -> None:
    study = plan(datasets__dial__also_graded_by=ALSO)
    for part in study.job("grade", {"method": "icl", "model": "demo", "dataset": "dial"}).parts:
        assert part.settings["also"] == {"acc_norm": {"grader": "choice", "settings": {"norm": "chars"}}}


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ({"x": {"kind": "numbr"}}, "datasets.dial.also_graded_by.x.kind is 'numbr', .*did you mean 'number'"),
        ({"x": {"kind": "number", "publishd": "no"}}, "datasets.dial.also_graded_by.x.publishd"),
        ({"x": {}}, "datasets.dial.also_graded_by.x.kind is missing"),
        ({"x_low": STRICT}, "also_graded_by.x_low: the name ends like a bound"),
    ],
)
def test_what_cannot_be_is_one_line(also: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=message) as raised:
        plan(datasets__dial__also_graded_by=also)
    assert "\n" not in str(raised.value)
