"""Stressed items: what is changed and what is not, each by its own key; and what tables find of it."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from changed_studies import ROOT

from uphill.config.checked import check
from uphill.datasets import world
from uphill.datasets.items import build_items, make_items
from uphill.datasets.pools import Pools
from uphill.datasets.stress import Stress, stressed
from uphill.errors import UphillError
from uphill.report.cautions import cautions
from uphill.report.questions import questions
from uphill.running import noting
from uphill.tables import contamination
from uphill.tables.table import Analysis, Inputs
from uphill.workflow.study import Study

ROWS = world.load(world.Settings(domain="dial", n_items=1000, seed=5))
POOLS = Pools(hardness=100, test=400)
MARKS = {"marked": "{choice} hums", "unmarked": "{choice} taps"}


def made(rows: pd.DataFrame = ROWS, name: str = "dial", binary: bool = False, **stress: Any) -> pd.DataFrame:
    settings = {"kind": "world", "dataset": name, "pools": POOLS.model_dump(mode="json"), "seed": 0, "binary": binary}
    if rows is ROWS:
        source = {"domain": "dial", "n_items": 1000, "seed": 5}
        return make_items({**settings, "source": source, "stress": stress}).set_index("item_id", drop=False)
    change = Stress(**stress)
    return build_items(rows, name, POOLS, 0, change=lambda items: stressed(items, change, None, 0, name)).set_index(
        "item_id", drop=False
    )


PLAIN = build_items(ROWS, "dial", POOLS, 0).set_index("item_id", drop=False)
TESTED = PLAIN["pool"] == "test"


def test_labels_are_skewed_over_the_same_items_and_options() -> None:
    """At a rate of 1 every label is the one; other rates are shares, and the order that is kept leads back."""
    found = made(skew={"to": "B", "train": 1.0, "test": 0.25})
    assert set(found.loc[~TESTED, "answer_idx"]) == {1}
    assert found.loc[TESTED, "at_place"].mean() == pytest.approx(0.25, abs=0.0866)  # 4 standard errors of 400
    assert (found["at_place"] == (found["answer_idx"] == 1)).all()
    restored, answers = [], []
    for row in found.itertuples():
        order = [int(place) for place in row.published_order.split()]
        own = dict(zip(order, row.choices, strict=True))
        restored.append([own[place] for place in range(len(own))])
        answers.append(order[row.answer_idx])
    assert restored == PLAIN["choices"].tolist()
    assert answers == PLAIN["answer_idx"].tolist()
    assert found[["question", "answer_text", "pool", "num_steps"]].equals(
        PLAIN[["question", "answer_text", "pool", "num_steps"]]
    )
    assert set(found["stress"]) == {"skew"}


@pytest.mark.parametrize("text", ["All of the above", "Both A and B", "None of these", "C", "(B) and (D)", "Neither"])
def test_an_item_whose_choices_name_others_is_left_alone_and_counted(text: str) -> None:
    choices = [[*ROWS["choices"][0][:3], text], *ROWS["choices"][1:]]
    rows = ROWS.assign(choices=choices, answer_idx=[3, *ROWS["answer_idx"][1:]])
    noting.forget()
    found = made(rows, skew={"to": "A", "train": 1.0, "test": 1.0})
    left = found.loc[ROWS["item_id"][0]]
    assert (list(left["choices"]), left["answer_idx"], left["stress"]) == (choices[0], 3, "none")
    assert (found["answer_idx"] != 0).sum() == 1
    (caution,) = cautions({}, noting.noted())
    assert (caution.title, caution.cases) == ("Items whose labels are not skewed", ["1 of 1,000 items of dial."])
    noting.forget()


def test_a_mark_is_on_the_right_choice_at_the_rate_and_on_one_choice_always() -> None:
    found = made(feature={**MARKS, "train": 1.0, "test": 0.5})
    marked = [[text.endswith(" hums") for text in choices] for choices in found["choices"]]
    assert {sum(one) for one in marked} == {1}
    agrees = pd.Series([one.index(True) for one in marked], index=found.index) == found["answer_idx"]
    assert agrees.tolist() == found["feature_agrees"].tolist()
    assert agrees[~TESTED].all()
    assert agrees[TESTED].mean() == pytest.approx(0.5, abs=0.1)
    bare = [[text.rsplit(" ", 1)[0] for text in choices] for choices in found["choices"]]
    assert bare == PLAIN["choices"].tolist()
    assert {len(text.split()) for choices in found["choices"] for text in choices} == {2}


def test_an_impossible_item_has_the_answers_of_another_of_its_pool_and_not_its_own() -> None:
    found = made(impossible={"train": 0.3, "test": 1.0})
    gone = found[found["impossible"]]
    assert found.loc[TESTED, "impossible"].all()
    assert found.loc[~TESTED, "impossible"].mean() == pytest.approx(0.3, abs=0.075)
    for row in gone.itertuples():
        donor, own = PLAIN.loc[row.answers_of], PLAIN.loc[row.Index]
        assert (list(row.choices), row.answer_idx) == (list(donor["choices"]), donor["answer_idx"])
        assert (row.question, row.num_steps) == (own["question"], own["num_steps"])
        assert own["answer_text"] not in row.choices
        assert donor["pool"] == row.pool
    rest = found[~found["impossible"]]
    assert rest[PLAIN.columns].equals(PLAIN.loc[rest.index])
    assert set(rest["stress"]) == {"none"}


@pytest.mark.parametrize(("to", "rate"), [("true", 0.9), ("false", 0.1)])
def test_a_set_made_true_or_false_is_skewed_by_what_is_shown(to: str, rate: float) -> None:
    found = made(binary=True, skew={"to": to, "train": 0.9, "test": 0.5})
    assert found.loc[~TESTED, "answer_idx"].mean() == pytest.approx(rate, abs=0.05)
    assert found.loc[TESTED, "answer_idx"].mean() == pytest.approx(0.5, abs=0.1)
    assert (found["at_place"] == (found["answer_text"] == to)).all()


ALL = {
    "skew": {"to": "C", "train": 0.8, "test": 0.25},
    "feature": {**MARKS, "train": 0.9, "test": 0.4},
    "impossible": {"train": 0.2, "test": 0.2},
}


def test_draws_hang_on_the_items_id_and_no_order_or_name_and_grow_with_the_rate() -> None:
    whole = made(**ALL)
    shuffled = made(ROWS.sample(frac=1, random_state=1, ignore_index=True), **ALL)
    told = ["choices", "answer_idx", "stress", "feature_agrees", "at_place", "impossible"]
    pd.testing.assert_frame_equal(shuffled[told], whole[told])
    some = made(ROWS.head(700), feature=ALL["feature"])
    kept = some.index[some["pool"] == whole.loc[some.index, "pool"]]
    assert (some.loc[kept, "feature_agrees"] == whole.loc[kept, "feature_agrees"]).all()
    more = made(feature={**MARKS, "train": 0.95, "test": 0.6})["feature_agrees"]
    assert (more | ~whole["feature_agrees"]).all()
    assert (whole.loc[whole["impossible"], "stress"] == "impossible+skew+feature").all()


@pytest.mark.parametrize(
    ("stress", "said"),
    [
        ({}, "datasets.dial.stress: is empty, expected skew, feature or impossible"),
        ({"skew": {"to": "true", "train": 1.0, "test": 0.5}}, "stress has skew.to 'true', expected a letter"),
        (
            {"skew": {"to": "A", "train": 1.5, "test": 0.5}},
            "skew.train: is 1.5, expected less than or equal",
        ),
        ({"feature": {"marked": "x", "unmarked": "{choice}", "train": 1.0, "test": 0.5}}, "expected a text with"),
        ({"feature": {"marked": "{choice} b", "unmarked": "{choice}", "train": 1.0, "test": 0.5}}, "as many words"),
    ],
)
def test_a_config_of_no_stress_is_refused(stress: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UphillError, match=said):
        study("dial", stress)


def study(dataset: str, stress: Mapping[str, Any], test: int = 400) -> Study:
    raw: dict[str, Any] = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    raw["datasets"][dataset] |= {"stress": stress, "pools": {"hardness": 0, "test": test}}
    return Study(check(raw))


def test_a_config_without_a_test_pool_or_of_written_answers_is_refused() -> None:
    with pytest.raises(UphillError, match=r"datasets.dial.stress expected pools.test beside it"):
        study("dial", {"impossible": {"train": 0.1, "test": 0.1}}, test=0)
    with pytest.raises(UphillError, match=r"datasets.road_written.stress has feature, expected a source with choices"):
        study("road_written", {"feature": {**MARKS, "train": 1.0, "test": 0.5}})


def test_items_that_cannot_be_stressed_are_refused() -> None:
    alike = ROWS.assign(choices=[["no", "yes"]] * len(ROWS), answer_idx=0)
    with pytest.raises(UphillError, match=r"dial: every item has the same choices, expected others, or binary: true"):
        made(alike, skew={"to": "A", "train": 1.0, "test": 0.5})
    with pytest.raises(UphillError, match=r"dial: item 'dial-.*' is to be impossible, and every other of its pool"):
        made(alike, impossible={"train": 1.0, "test": 0.5})
    with pytest.raises(UphillError, match=r"dial: has a column 'stress', expected none: stress writes it"):
        made(ROWS.assign(stress="much"), impossible={"train": 1.0, "test": 0.5})


def predicted(right: Mapping[str, "np.ndarray[Any, Any]"], found: pd.DataFrame) -> pd.DataFrame:
    """Grades of items in three boots, and without supervision in one, by what is trained on."""
    rows = []
    for trained, correct in right.items():
        for boot in range(1 if trained == "none" else 3):
            rows.append(found[["item_id"]].assign(train_on=trained, boot=boot, correct=correct.astype(bool)))
    same = {"experiment": "population", "model": "m", "dataset": "d", "variable": "v", "labels": "gold", "cot": False}
    table = pd.concat(rows, ignore_index=True).assign(**same, k=0, noise_p=0.0, train_dataset="d", source="f")
    trained = table["train_on"] != "none"
    return table.assign(method=np.where(trained, "probe", "zero_shot"), n_train=np.where(trained, 8, 0))


@pytest.mark.parametrize(
    ("flag", "stress"),
    [
        ("feature_agrees", {"feature": {**MARKS, "train": 1.0, "test": 0.5}}),
        ("at_place", {"skew": {"to": "A", "train": 1.0, "test": 0.5}}),
        ("impossible", {"impossible": {"train": 0.5, "test": 0.5}}),
    ],
)
def test_what_is_planted_is_found_and_what_is_not_is_not(flag: str, stress: Mapping[str, Any]) -> None:
    """A student who follows the mark, or the label's place, in three items of ten, and one who does not."""
    found = made(**stress)
    found = found[TESTED].reset_index(drop=True)
    rng = np.random.default_rng(3)
    flagged = found[flag].to_numpy(dtype=bool)
    knows = rng.random(len(found)) < 0.3
    led = rng.random(len(found)) < 0.5
    learned = rng.random(len(found)) < 0.2
    honest = knows | learned & (~flagged if flag == "impossible" else True)
    fooled = np.where(led, flagged, honest)
    answers = {
        name: _answer(flag, predicted({"none": knows, "easy": trained}, found), found)
        for name, trained in (("honest", honest), ("fooled", fooled))
    }
    assert answers == {"honest": "no", "fooled": "yes"}


def _answer(flag: str, grades: pd.DataFrame, found: pd.DataFrame) -> str:
    level = np.where(found["num_steps"] < 5, "easy", "hard")
    slices = [{"splits": ["population", "d", "v", "v"], "methods": ["probe", "zero_shot"], "models": ["m"]}]
    columns = {"d": found.set_index("item_id")[[flag]]}
    table = contamination.TABLES["contamination"].reduce(
        Inputs(
            predictions=grades,
            tested=found[["item_id"]].assign(dataset="d", variable="v", split="v", level=level, value=0.0),
            levels={("d", "v"): ("easy", "hard")},
            study=Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0, margin=0.1),
            hardness=found[["item_id"]].assign(variable="v", value=0.0, dataset="d"),
            columns=columns,
            own={"slices": [{**slices[0], "flag": flag, "above": 0.5, "equals": None}]},
        )
    )
    [asked] = [one for one in questions({"contamination": table}) if one.cases]
    return asked.answer
