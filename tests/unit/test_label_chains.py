"""Teachers that are themselves taught by labels: chains of any length, of parts that no two of them share."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from test_pools import items, members
from test_weak_to_strong import ROW, TOLD, raw, teacher
from test_weak_to_strong import inputs as known

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.tables.table import Inputs, Teaching
from uphill.tables.weak_to_strong import TABLES
from uphill.workflow.study import Study

ONE: dict[str, Any] = {"kind": "predicted", "dataset": "dial", "method": "probe"}
CHAIN: dict[str, dict[str, Any]] = {
    "first": {**ONE, "model": "tiny", "pool": "supervisor_2", "soft": True},
    "second": {**ONE, "model": "small", "labels": "first", "pool": "supervisor_3"},
    "third": {**ONE, "model": "demo", "labels": "second"},
}


def chain(labels: dict[str, dict[str, Any]] = CHAIN, taught_by: Sequence[str] = ("third",)) -> dict[str, Any]:
    asked = {**ROW, "weak": "demo", "labels": list(taught_by)}
    found = raw(asked, labels=labels)
    found["datasets"]["dial"]["pools"] |= {"supervisor": 600, "parts": 3}
    return found


@pytest.mark.parametrize("drawn", ["keyed", "published"])
def test_parts_of_the_supervisor_pool_are_alike_and_apart(drawn: str) -> None:
    whole, parted = (items(90, supervisor=31, drawn=drawn, parts=parts) for parts in (1, 3))
    found = [members(parted, name) for name in ("supervisor", "supervisor_2", "supervisor_3")]
    assert [len(one) for one in found] == [11, 10, 10]
    assert sorted(item for one in found for item in one) == members(whole, "supervisor")
    assert members(parted, "experiment") == members(whole, "experiment")
    with pytest.raises(UphillError, match=r"pools.parts is 3 and the supervisor pool has 2 items, expected one"):
        items(90, supervisor=2, parts=3)


def test_each_teacher_learns_what_the_one_before_says_of_its_own_part() -> None:
    study = Study(check(chain()))
    labels = {job.wildcards["labels"]: job for job in study.of("label")}
    assert set(labels) == set(CHAIN)
    for name, (read, learned, pool) in {
        "first": (("tiny", ""), "supervisor", "supervisor_2"),
        "second": (("small", "@first"), "supervisor_2", "supervisor_3"),
        "third": (("demo", "@second"), "supervisor_3", "experiment"),
    }.items():
        [said] = labels[name].reads["predictions"]
        assert (said.wildcards["model"], said.wildcards["taught"]) == read
        [splits] = labels[name].reads["splits"]
        tested = list(dict.fromkeys([pool, "experiment", "test"]))
        assert splits.settings["pools"] == {"train": learned, "test": tested}
        assert labels[name].settings["settings"]["pool"] == pool
    [student] = [job for job in study.of("predictions_from_responses") if job.wildcards["taught"] == "@third"]
    assert labels["third"] in student.upstream
    told = study.job("table", {"table": "weak_to_strong"}).settings["teachers"]
    assert {name: one["labels"] for name, one in told.items()} == {"third": "second"}
    assert list(study.jobs).index(labels["first"]) < list(study.jobs).index(labels["second"])


def test_one_teacher_taught_in_two_ways_is_two_trainings() -> None:
    labels = {**CHAIN, "plain": {**ONE, "model": "demo"}}
    study = Study(check(chain(labels)))
    assert len(study.of("label")) == 3  # nobody learns by `plain`
    study = Study(check(chain(labels, taught_by=["third", "plain"])))
    [one] = [job.reads["predictions"] for job in study.of("label") if job.wildcards["labels"] == "plain"]
    [other] = [job.reads["predictions"] for job in study.of("label") if job.wildcards["labels"] == "third"]
    assert one[0].files != other[0].files


BAD: list[tuple[dict[str, dict[str, Any]], str]] = [
    (
        {"first": {"labels": "second", "pool": "supervisor_3"}, "second": {"pool": "supervisor_2"}},
        "labels.second is made of itself: labels.second for labels.first for labels.second; expected no circle",
    ),
    ({"second": {"pool": "experiment"}}, "learns of the experiment pool of dataset 'dial', by labels 'second'"),
    ({"second": {"pool": "supervisor_2"}}, "pool is 'supervisor_2', and the teacher learns of 'supervisor_2'"),
    ({"first": {"pool": "supervisor_4"}}, "learns of the supervisor_4 pool of dataset 'dial', by labels 'first'"),
    ({"second": {"pool": "hardness"}}, "labels.second.pool: is 'hardness', expected"),
    ({"second": {"labels": "frist"}}, "labels is 'frist', expected one of first"),
    ({"third": {"method": "icl"}, "second": {"soft": True}}, "are soft, which 'icl' cannot be trained on"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_chain_that_cannot_be_is_refused_in_one_line(changes: dict[str, dict[str, Any]], message: str) -> None:
    labels = {name: entry | changes.get(name, {}) for name, entry in CHAIN.items()}
    with pytest.raises(UphillError, match=re.escape(message)) as error:
        check(chain(labels))
    assert "\n" not in str(error.value)


def test_the_table_tells_trainings_of_one_teacher_apart() -> None:
    """The floor is the training that labelled, not another of the same model and method."""
    whole = known()
    assert whole.teaching is not None
    other = teacher(30, "small").assign(labels="first", experiment="teacher.probe.all.supervisor_2.experiment")
    answers = pd.concat([whole.teaching.answers, other], ignore_index=True)
    found = {}
    for labels, experiment in (("gold", TOLD["experiment"]), ("first", other["experiment"].iloc[0])):
        told = TOLD | {"labels": labels, "experiment": experiment}
        teaching = Teaching({"by_small": told}, answers, whole.teaching.trained)
        table = TABLES["weak_to_strong"].reduce(
            Inputs(whole.predictions, whole.tested, whole.levels, whole.study, teaching=teaching)
        )
        found[labels] = table.loc[table["test_on"] == "all", "weak_accuracy"].item()
    assert found == pytest.approx({"gold": 16 / 40, "first": 30 / 40})
