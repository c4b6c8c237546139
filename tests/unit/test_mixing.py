"""Training on several datasets or in several forms in one cell: shares, who is put how, and what cannot be."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from changed_studies import plan
from small_task import judged, source, task

from uphill.errors import UphillError
from uphill.methods import icl, probe
from uphill.methods.asking import zero_shot_prompts
from uphill.methods.context import Cell, Context
from uphill.methods.mixing import ITEM, OF, drawn_form, mixed, together
from uphill.planning.cells import cells_of
from uphill.schemas.mixtures import mixture_name, parts_of

A, B = source("a"), source("b")


def mixture(name: str) -> Context:
    return replace(task(), sources=[mixed(name, {"a": A, "b": B}, "v", 0)])


@pytest.mark.parametrize(
    ("parts", "name"), [({"b": 1, "a": 1}, "a+b"), ({"a": 6, "b": 2}, "a=3+b"), ({"a": 2, "b": 3}, "a=2+b=3")]
)
def test_a_mixture_has_one_name(parts: dict[str, int], name: str) -> None:
    assert mixture_name(parts) == name
    whole = sum(parts.values())
    told = parts_of(name)
    assert {key: share / sum(told.values()) for key, share in told.items()} == {
        key: share / whole for key, share in parts.items()
    }


@pytest.mark.parametrize(("name", "shares"), [("a+b", (1, 1)), ("a=3+b", (3, 1)), ("a+b=4", (1, 4))])
def test_any_first_items_have_the_shares_and_are_the_first_of_each_datasets_own_draw(
    name: str, shares: tuple[int, int]
) -> None:
    study, whole = mixture(name), sum(shares)
    for train_on, boot in [(level, boot) for level in ("easy", "hard") for boot in (0, 1)]:
        for n_train in (whole, 2 * whole, 7):
            items = study.train_items(Cell(name, train_on, boot, n_train))
            count = Counter(items[OF])
            for part, share in zip("ab", shares, strict=True):
                assert abs(count[part] - n_train * share / whole) < (1e-9 if n_train % whole == 0 else whole)
                own = {"a": A, "b": B}[part].drawn(train_on, boot, "train")["item_id"].tolist()
                assert list(items.loc[items[OF] == part, ITEM]) == own[: count[part]]
            assert list(items.index) == [f"{of}/{item}" for of, item in zip(items[OF], items[ITEM], strict=True)]
            assert [question.split()[0] for question in items["question"]] == list(items[OF])


def test_no_item_is_both_trained_on_and_tested() -> None:
    study, cell = mixture("a+b"), Cell("a+b", "easy", 0, 10)
    trained = study.train_items(cell)
    assert not set(trained.loc[trained[OF] == "a", ITEM]) & set(study.test_items(cell).index)


def test_a_probe_learns_of_each_dataset_what_it_learns_of_it_alone() -> None:
    """On a copy of the states, so that half of each is as good as all of one: the rows are those of the items."""
    study = mixture("a+b")
    table = study.sources[0].responses
    for name, own in (("a", A), ("b", B)):
        mine = [row for row, item in enumerate(table.item_ids) if item.startswith(f"{name}/")]
        there = own.responses.rows([table.item_ids[row].removeprefix(f"{name}/") for row in mine])
        np.testing.assert_array_equal(table.states[mine], own.responses.states[there])
        np.testing.assert_array_equal(table.logprob[mine], own.responses.logprob[there])
    cells = probe.cells(study, probe.Settings(n_train=10))
    assert {(cell.train_dataset, cell.train_on) for cell in cells} == {("a+b", "easy"), ("a+b", "hard")}
    graded = judged(study, probe.predict(study, probe.Settings(n_train=10), cells))
    assert all(rows["correct"].mean() > 0.7 for rows in graded.values())


def test_each_item_is_put_as_its_own_dataset_puts_it() -> None:
    other = replace(B, prompt=B.forms["0140"])
    study = replace(task(), sources=[mixed("a+b", {"a": A, "b": other}, "v", 0)])
    cell = Cell("a+b", "easy", 0, 8)
    items = study.train_items(cell)
    shown = together(study, cell, items, lambda source, own: zero_shot_prompts(source, own, cot=False))
    by = {"a": A, "b": other}
    for prompt, of, item in zip(shown, items[OF], items[ITEM], strict=True):
        [alone] = zero_shot_prompts(by[of], by[of].items.loc[[item]], cot=False)
        assert (prompt.text, prompt.choices) == (alone.text, alone.choices)
        [usual] = zero_shot_prompts({"a": A, "b": B}[of], {"a": A, "b": B}[of].items.loc[[item]], cot=False)
        assert (prompt.text == usual.text) == (of == "a")


TEMPLATES = ["0040", "0140"]


def test_each_example_is_put_in_the_form_that_its_id_draws() -> None:
    study, cell, settings = task(), Cell("a", "easy", 0, 10), icl.Settings(k=10, train_prompts=TEMPLATES)
    items = study.test_items(cell).head(1)
    [[prompt]] = icl.asked(study, settings, cell, items)
    drawn = [drawn_form("a", str(item), TEMPLATES, 0) for item in study.train_items(cell).index]
    assert set(drawn) == set(TEMPLATES)
    alone = {form: icl.Settings(k=10, prompts=[form]) for form in TEMPLATES}
    examples = {form: icl.asked(study, own, cell, items)[0][0].text.split("\n\n") for form, own in alone.items()}
    told = prompt.text.split("\n\n")
    assert [examples[str(form)][place] for place, form in enumerate(drawn)] == told[:10]
    assert told[10:] == examples["0040"][10:], "the question itself is in its dataset's own form"
    again = [drawn_form("a", str(item), TEMPLATES, 0) for item in reversed(study.train_items(cell).index)]
    assert again[::-1] == drawn


def row(train_from: list[Any]) -> dict[str, Any]:
    return {
        "population": [{"dataset": "dial", "variable": "num_steps", "methods": ["probe"], "train_from": train_from}]
    }


def test_a_config_trains_on_datasets_and_mixtures_of_them() -> None:
    study = plan(**row(["dial", ["road", "dial"], {"road": 3, "dial": 1}]))
    [arm] = [one for one in study.arms() if one.kind == "population"]
    assert arm.sources == ("dial", "dial+road", "dial+road=3")
    assert arm.involved == ("dial", "road")
    slice = study.job("predictions_from_responses", {"method": "probe", "model": "demo", "dataset": "dial"}).parts[0]
    assert slice.settings["sources"] == ["dial", "dial+road", "dial+road=3"]
    assert "results/splits/road/num_steps.parquet" in slice.inputs["splits"]
    counts = Counter(cells.source for cells in cells_of(study, "probe", "demo", "dial") if cells.source != "dial")
    assert counts == {"dial+road": 1, "dial+road=3": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (row([["dial"]]), r"train_from.*\['dial'\], expected two different datasets"),
        (row([["dial", "road"], {"road": 2, "dial": 2}]), "'dial[+]road' is given twice"),
        (row([["dial", "raod"]]), "population.0.train_from is 'raod', expected one of .*did you mean 'road'"),
        ({**row([["dial", "road"]]), "splits__train_on_test": True}, "has .dial[+]road. and splits.train_on_test"),
        ({"methods__icl": {"kind": "icl", "k": 0, "train_prompts": TEMPLATES}}, "methods.icl.train_prompts.*k: 0"),
        ({"methods__lora": {"kind": "lora", "cot": True, "train_prompts": TEMPLATES}}, "expected none with cot"),
        ({"methods__lora": {"kind": "lora", "train_prompts": ["9999"]}}, "methods.lora.train_prompts: "),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=message) as raised:
        plan(**changes)
    assert "\n" not in str(raised.value)
