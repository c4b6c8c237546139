"""A set that tells no right answer is asked, and nothing that needs one is done with it."""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from item_files import Row

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.hardness import mdl_lora, mdl_zero_shot, surface, text_logprob
from uphill.hardness.data import Graded, HardnessData

ROOT = Path(__file__).parents[2]


def unanswered(**changes: Any) -> Row:
    raw = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    source = {"kind": "file", "path": "mine.jsonl", "choices": None, "answer": None}
    raw["datasets"]["bare"] = {
        "source": source,
        **{"prompt": "0306", "cot_prompt": "0306", "grader": {"kind": "ifeval"}, "unsupervised": "ask"},
        "pools": {"hardness": 0},
    } | changes
    raw["methods"] |= {"ask": {"kind": "icl", "k": 0, "cot": True}, "shots": {"kind": "icl", "k": 2, "cot": True}}
    return raw


def test_a_set_without_right_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    raw = unanswered()
    raw["all_to_all"] = [{"dataset": "bare", "methods": ["ask"]}]
    config = check(raw)
    assert (config.generative("bare"), config.answered("bare"), config.answered("dial")) == (True, False, True)
    assert config.graded("bare").answered is False
    assert not {"answer_num_words", "answer_num_chars", "mdl_zero_shot"} & set(config.variables("bare"))


@pytest.mark.parametrize(
    ("changes", "methods", "message"),
    [
        ({}, ["shots"], "'shots' trains on dataset 'bare', whose source has answer: null"),
        (
            {"grader": {"kind": "number"}},
            ["ask"],
            "datasets.bare.source.answer is null, .*the grader 'number' compares",
        ),
        ({"grader": None}, ["ask"], "datasets.bare.source.answer is null, .*the grader 'stated' compares"),
    ],
)
def test_what_needs_right_answers_is_refused(
    changes: Row, methods: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    raw = unanswered(**changes)
    raw["all_to_all"] = [{"dataset": "bare", "methods": methods}]
    with pytest.raises(UphillError, match=message) as caught:
        check(raw)
    assert "\n" not in str(caught.value)


def test_measures_say_nothing_of_answers_that_are_not_there() -> None:
    graded, answered = Graded("d", (), True, 20, answered=False), Graded("d", (), True, 20)
    settings: Any = None
    assert mdl_zero_shot.variables("m", settings, graded) == mdl_lora.variables("m", settings, graded) == []
    assert mdl_lora.variables("m", settings, answered) == ["m", "m_bits"]
    assert text_logprob.variables("m", settings, graded) == ["question_logprob", "reasoning_logprob"]
    items = pd.DataFrame({"question": ["a b"], "answer_text": [""], "reasoning": ["c"]}, index=["x"])
    found = surface.measure("m", settings, HardnessData(graded, items, 0))
    assert dict(zip(found["variable"], found["value"], strict=True)) == {
        "question_num_words": 2,
        "reasoning_num_words": 1,
    }
