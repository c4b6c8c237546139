"""Questions with choices as true or false: balanced, and each by its own key."""

import copy
from typing import Any

import pandas as pd
import pytest
import yaml
from changed_studies import ROOT

from uphill.config.checked import check
from uphill.datasets import world
from uphill.datasets.binary import as_binary
from uphill.datasets.items import make_items
from uphill.errors import UphillError
from uphill.workflow.study import Study

ROWS = world.load(world.Settings(domain="dial", n_items=1000, seed=5))


def shown(rows: pd.DataFrame) -> dict[str, tuple[str, int]]:
    found = as_binary(rows, "dial", 0, "dial")
    return {row.item_id: (row.question, row.answer_idx) for row in found.itertuples()}


def test_a_true_item_shows_the_right_choice_and_a_false_one_another() -> None:
    found = as_binary(ROWS, "dial", 0, "dial")
    for before, after in zip(ROWS.itertuples(), found.itertuples(), strict=True):
        asked, answer = after.question.rsplit("\nProposed answer: ", 1)
        assert asked == before.question
        right = before.choices[before.answer_idx]
        assert (answer == right) == (after.answer_idx == 1)
        assert answer in before.choices
        assert after.choices == ["false", "true"]
        assert after.answer_text == after.choices[after.answer_idx]
    assert set(found["reasoning"]) == {""}
    assert found["num_steps"].equals(ROWS["num_steps"])
    # A standard error of a share of 1,000 is .016; four of them.
    assert abs(found["answer_idx"].mean() - 0.5) < 0.064


def test_wrong_choices_are_shown_alike() -> None:
    found = as_binary(ROWS, "dial", 0, "dial")
    places = [
        [choice for choice in before.choices if choice != before.choices[before.answer_idx]].index(
            after.question.rsplit(": ", 1)[1]
        )
        for before, after in zip(ROWS.itertuples(), found.itertuples(), strict=True)
        if after.answer_idx == 0
    ]
    shares = pd.Series(places).value_counts(normalize=True)
    assert (shares - 1 / 3).abs().max() < 0.085  # four standard errors of a share of some 500


def test_an_items_label_hangs_on_no_other_item_and_on_no_order() -> None:
    whole = shown(ROWS)
    some = shown(ROWS.sample(n=300, random_state=1))
    assert all(whole[item] == other for item, other in some.items())
    assert as_binary(ROWS, "dial", 1, "dial")["answer_idx"].tolist() != [label for _, label in whole.values()]
    assert as_binary(ROWS, "road", 0, "road")["answer_idx"].tolist() != [label for _, label in whole.values()]


def test_yes_and_no_are_asked_alike() -> None:
    rows = pd.DataFrame(
        {"item_id": [f"q{n}" for n in range(60)], "question": "Is it?", "choices": [["no", "yes"]] * 60,
         "answer_idx": [n % 2 for n in range(60)], "answer_text": "", "reasoning": ""}
    )  # fmt: skip
    found = as_binary(rows, "q", 0, "q")
    said = [question.rsplit(": ", 1)[1] for question in found["question"]]
    assert [(one == "yes") == bool(n % 2) for n, one in enumerate(said)] == found["answer_idx"].astype(bool).tolist()


def test_written_answers_are_refused() -> None:
    written = ROWS.head(2).assign(choices=[[], []])
    with pytest.raises(UphillError, match=r"dial: item '.*' has no choices, expected some, to ask if one is right"):
        as_binary(written, "dial", 0, "dial")


def raw(dataset: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    found["datasets"][dataset] |= changes
    return found


def test_a_config_says_so_in_one_key() -> None:
    study = Study(check(raw("dial", binary=True)))
    items = make_items(
        study.job("items", {"dataset": "dial"}).settings | {"source": {"domain": "dial", "n_items": 900, "seed": 3}}
    )
    assert {tuple(choices) for choices in items["choices"]} == {("false", "true")}
    plain = Study(check(raw("dial")))
    assert "binary" not in plain.job("items", {"dataset": "dial"}).settings
    with pytest.raises(UphillError, match=r"datasets\.road_written\.binary is on, expected a source with choices"):
        check(raw("road_written", binary=True))
