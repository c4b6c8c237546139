"""The job that trains a model: what it learns of each item, what it tells of it, and that a kill leaves no trace."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from engine_models import tiny
from small_task import items, source
from trained_studies import QUICK, study

from uphill.engine import text_training
from uphill.engine.opening import _check_made_by
from uphill.engine.text_recipe import ModelRecipe
from uphill.engine.text_training import Training
from uphill.errors import UphillError
from uphill.methods.model_training import by_pass, lessons, told
from uphill.running.job import Running, mock
from uphill.running.leftovers import sweep
from uphill.schemas.labels import LABELS
from uphill.weak_to_strong.labels import gold


def labels(name: str = "a", count: int = 6) -> pd.DataFrame:
    table = items(name).reset_index().assign(pool="experiment").head(count)
    return gold.label(gold.Settings(dataset=name), table, None).set_index("item_id")


def learned(given: pd.DataFrame, cot: bool = False) -> list[tuple[str, str, list[str]]]:
    LABELS.to_arrow(given.reset_index()[LABELS.schema.names], "labels")
    return [(one.item_id, one.text, list(one.choices)) for one in lessons(tiny(), source("a"), given, "mine", cot)]


def test_labels_are_learned_behind_the_prompt_that_their_items_are_asked_in() -> None:
    found = learned(labels())
    assert [(name, choices) for name, _, choices in found] == [
        ("a00", ["yes"]), ("a01", ["no"]), ("a02", ["yes"]), ("a03", ["no"]), ("a04", ["yes"]), ("a05", ["no"])
    ]  # fmt: skip
    assert found[1][1] == "Question: a 1? \nA) yes\nB) no\nAnswer:"
    reasoned = learned(labels(), cot=True)
    assert reasoned[1] == ("a01", "Q: a 1?\nA:", ["because So the answer is no"])


def test_a_text_is_learned_as_it_stands_and_no_answer_of_the_dataset_beside_it() -> None:
    given = labels()
    given.loc["a02", ["answer_idx", "answer_text", "reasoning", "text"]] = [pd.NA, "", "", "I am not sure: no"]
    found = {name: (text, choices) for name, text, choices in learned(given)}
    assert found["a02"] == ("Question: a 2? \nA) yes\nB) no\nAnswer:", ["I am not sure: no"])
    assert found["a01"][1] == ["no"]
    reasoned = {name: choices for name, _, choices in learned(given, cot=True)}
    assert (reasoned["a02"], reasoned["a03"]) == (["I am not sure: no"], ["because So the answer is no"])


def test_the_order_of_labels_changes_nothing() -> None:
    given = labels()
    assert learned(given.iloc[::-1]) == learned(given) == sorted(learned(given))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given.head(0), "labels.mine: no item has one, expected some to train on"),
        (lambda given: given.rename(index={"a01": "b7"}), "labels.mine: item 'b7' is none of dataset 'a'"),
        (lambda given: given.assign(text=[" ", *["x"] * 5]), "labels.mine: the text of item 'a00' is empty"),
        (lambda given: given.assign(answer_idx=7), "labels.mine: item 'a00' has the label 7, expected one of its"),
    ],
)
def test_labels_that_cannot_be_learned_are_named(change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        learned(change(labels()))


def test_losses_are_those_of_each_pass() -> None:
    # Ten items by fours: updates begin at items 0, 4, 8 of the first pass and 2, 6 of the second.
    assert by_pass([5, 4, 3, 2, 1], 10, 4) == [4.0, 1.5]
    assert by_pass([5, 4], 100, 8) == [4.5]
    what = told(Training(5, 70, [5, 4, 3, 2, 1], 1), 10, ModelRecipe(batch_items=4), 3.14)
    assert what == {"items": 10, "updates": 5, "tokens": 70, "loss": [4.0, 1.5], "cut": 1, "seconds": 3.1}


# -- the job ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a job's script runs, with the items and the labels that it reads."""
    for name in ("config", "resources", "workflow", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.excepthook", None)
    raw = study()
    raw["recipes"]["low_rank"] = {**QUICK, "adapter": {"r": 2, "alpha": 4, "dropout": 0.1}, "updates": 6}
    raw["recipes"]["whole"] = {**QUICK, "updates": 6, "cot": True}
    Path("mine.yaml").write_text(yaml.safe_dump(raw))
    run("items", dataset="dial")
    for name in ("right", "reasoned"):
        run("label", labels=name)
    return tmp_path


def run(rule: str, **wildcards: str) -> Any:
    given = mock(rule, config="mine.yaml", **wildcards)
    runpy.run_path(f"workflow/scripts/{rule}.py", {"snakemake": given})
    return given


def weights(given: Any) -> dict[str, bytes]:
    return {Path(path).name: Path(path).read_bytes() for path in given.output.model}


class Killed(BaseException):
    """The end of a process."""


@pytest.mark.parametrize(("rule", "model"), [("train_adapter", "teacher"), ("train_full", "student")])
def test_a_training_that_was_killed_ends_with_the_same_bytes(
    here: Path, rule: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, steps = text_training.InOrder.training_step, list[int]()

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        steps.append(self.state.global_step)
        if steps == [0, 1, 2, 3]:
            raise Killed
        return step(self, *args, **more)

    monkeypatch.setattr(text_training, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(text_training.InOrder, "training_step", dying)
    with pytest.raises(Killed):
        run(rule, model=model)
    given = run(rule, model=model)
    assert steps == [0, 1, 2, 3, 3, 4, 5]
    found, said = weights(given), json.loads(Path(given.output.training).read_text())
    # Until nothing can take the model away any more.
    scratch = Running(given).scratch_of(given.params.spec["id"])
    assert scratch.exists()
    sweep(scratch.parent, 0)
    assert not scratch.exists()
    assert (said["items"], said["updates"], said["cut"]) == ({"teacher": 40, "student": 176}[model], 6, 0)
    run(rule, model=model)
    assert weights(given) == found
    again = json.loads(Path(given.output.training).read_text())
    assert {**again, "seconds": 0} == {**said, "seconds": 0}
    assert len(steps) == 13


def test_weights_of_another_day_are_refused(here: Path) -> None:
    path = "results/models/teacher/adapter_model.safetensors"
    record = Path("results/.made/models/teacher/adapter_model.safetensors.json")
    record.parent.mkdir(parents=True)
    _check_made_by(path, "today")
    record.write_text(json.dumps({"spec": {"id": "today"}}))
    _check_made_by(path, "today")
    with pytest.raises(UphillError, match="made by another config or by older code; to have it made again: rm"):
        _check_made_by(path, "tomorrow")
