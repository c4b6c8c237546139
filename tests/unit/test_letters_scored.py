"""Letters as the answers that are scored: by methods that score choices, in examples, and in what limits count."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from engine_models import tiny
from graded import graded
from small_task import source, task

from uphill.config.checked import check
from uphill.engine.asking import ask
from uphill.engine.fitting import answer_rooms
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.methods import asking, icl
from uphill.methods.context import Cell, Context, as_scored
from uphill.prompts.forms import shipped
from uphill.prompts.templates import PromptFormat

ROOT = Path(__file__).parents[2]
LETTERED, TEXTS = shipped().form("0080"), shipped().form("0040")


def lettered(**changes: Any) -> Context:
    made = source("a")
    target = replace(made, prompt=LETTERED, forms={"0040": TEXTS, "0080": LETTERED})
    return replace(task(), target=target, sources=[target], open_model=tiny, **changes)


def test_few_shot_examples_and_choices_are_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that likes B best is right where the second choice is."""
    seen: list[Prompt] = []

    def likes_b(_: Any, prompts: Sequence[Prompt], desc: str) -> list[Any]:
        seen.extend(prompts)
        scores = [np.array([-1.0 if choice == "B" else -3.0 for choice in prompt.choices]) for prompt in prompts]
        return [Scored(prompt.item_id, values) for prompt, values in zip(prompts, scores, strict=True)]

    monkeypatch.setattr("uphill.engine.scoring.score", likes_b)
    study, settings, cell = lettered(), icl.Settings(k=2), Cell("a", "easy", 0, 2)
    [(_, frame)] = icl.predict(study, settings, [cell])
    assert {tuple(prompt.choices) for prompt in seen} == {("A", "B"), ("A", "B", "C")}
    places = study.train_items(cell)["answer_idx"]
    examples = seen[0].text.split("\n\n")[:2]
    assert [text.rpartition("Answer: ")[2] for text in examples] == ["AB"[place] for place in places]
    found = graded(frame, study.target.items)
    gold = study.target.items.loc[found["item_id"], "answer_idx"].to_numpy()
    assert (found["correct"] == (gold == 1)).all()
    assert set(found["parsed"]) == {"no"}


class Scored:
    """Scores as the engine gives them."""

    def __init__(self, item_id: str, logprob: Any) -> None:
        self.item_id, self.logprob, self.n_tokens = item_id, logprob, np.ones(len(logprob), dtype=np.int64)


def test_forms_that_score_letters_and_texts_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def flat(_: Any, prompts: Sequence[Prompt], desc: str) -> list[Any]:
        asked.append({choice for prompt in prompts for choice in prompt.choices})
        return [Scored(prompt.item_id, np.zeros(len(prompt.choices))) for prompt in prompts]

    monkeypatch.setattr("uphill.engine.scoring.score", flat)
    study = lettered()
    settings, [cell] = icl.Settings(k=0, prompts=["0040", "0080"]), study.unsupervised_cells()
    list(icl.predict(study, settings, [cell]))
    assert asked == [{"yes", "no", "never"}, {"A", "B", "C"}]
    told = icl.asked(
        study, icl.Settings(k=0, prompts=["0040", "0080"]), study.unsupervised_cells()[0], study.target.items
    )
    assert [{choice for prompt in form for choice in prompt.choices} for form in told] == asked


def test_the_zero_shot_pass_scores_letters() -> None:
    """The very scores of the prompt with A, B, ... as its choices."""
    items = source("a").items.head(6)
    loaded = tiny()
    by_form = [one.logprob for one in score(loaded, ask(items, LETTERED, None))]
    shown = PromptFormat(TEXTS)
    by_hand = [
        Prompt(str(name), shown.query(icl.question_of(row)), list("ABC")[: len(row["choices"])])
        for name, row in zip(items.index, items.to_dict("records"), strict=True)
    ]
    for scored, expected in zip(by_form, score(loaded, by_hand), strict=True):
        np.testing.assert_array_equal(scored, expected.logprob)


def test_adapters_are_fitted_to_letters() -> None:
    target = lettered().target
    prompts = asking.zero_shot_prompts(target, target.items.head(5), cot=False)
    assert [prompt.choices for prompt in prompts] == [["A", "B", "C"], *[["A", "B"]] * 4]
    reasoned = replace(target, cot_prompt=shipped().form("0085"))
    [prompt] = asking.zero_shot_prompts(reasoned, target.items.tail(1), cot=True)
    assert prompt.choices == ["because So the answer is B"]


def test_without_reasoning_an_adapter_needs_none() -> None:
    bare = replace(source("a"), cot_prompt=shipped().form("03012"))
    items = bare.items.assign(reasoning="")
    asking.check_reasoning(bare, items)
    assert [prompt.choices for prompt in asking.zero_shot_prompts(bare, items.head(2), cot=True)] == [["yes"], ["no"]]
    with pytest.raises(UphillError, match="has no reasoning"):
        asking.check_reasoning(replace(bare, cot_prompt=shipped().form("0305")), items)


def test_the_published_limit_counts_letters() -> None:
    items = source("a").items.head(4).assign(choices=[["a rose " * 9, "the sea"]] * 4, answer_text="the sea")
    loaded = replace(tiny(), max_prompt_tokens=40)
    texts, letters = (answer_rooms(loaded, as_scored(items, PromptFormat(form))) for form in (TEXTS, LETTERED))
    assert {(room.longest, room.gold) for room in letters} == {(1, 1)}
    assert min(room.longest for room in texts) > 9


# -- in a config -----------------------------------------------------------------------------------------------------


def config(**changes: Any) -> dict[str, Any]:
    raw = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    raw["datasets"]["dial"] |= changes
    return raw


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": "0080", "grader": {"kind": "choice", "norm": "chars"}}, "'chars', and datasets.dial.prompt '0080'"),
        ({"prompt": "00401"}, "datasets.dial.prompt is '00401', expected four keys"),
    ],
)  # fmt: skip
def test_what_letters_and_prefaces_cannot_be_beside_is_refused(
    changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UphillError, match=message) as caught:
        check(config(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "0080", "grader": {"kind": "choice", "norm": "tokens"}},
        {"prompt": "00n0", "grader": {"kind": "choice", "norm": "chars"}},
        {"prompt": "0040", "cot_prompt": "03051"},
    ],
)
def test_what_they_can_be_beside_is_taken(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    check(config(**changes))
