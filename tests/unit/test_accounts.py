"""Tables of texts, of certainty and of costs, against counts made by hand; and which studies have them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from alice_studies import raw

from uphill.config.checked import check
from uphill.figures.plots.certainty import plot
from uphill.report.captions import of_table
from uphill.tables.certainty import certainty_rows
from uphill.tables.costs import cost_rows, of_generation, of_training
from uphill.tables.generations import generation_row
from uphill.workflow.study import Study

ENTRY = {"dataset": "d", "pool": "experiment", "model": "m", "ask": "bare", "temperature": 0.9, "n": 2}
OF = {"generation": "g", "dataset": "d"}


def texts() -> pd.DataFrame:
    """Two texts of each of three items."""
    return pd.DataFrame(
        {
            "item_id": ["a", "a", "b", "b", "c", "c"],
            "sample": [0, 1] * 3,
            "text": ["x", "y", "x", "x", "z", "w"],
            "n_tokens": [5, 7, 4, 4, 9, 1],
            "n_prompt_tokens": [10, 10, 20, 20, 30, 30],
            "ended": [True, True, True, False, True, True],
            "status": ["ok", "ok", "ok", "truncated", "none", "ok"],
            "correct": [True, False, True, False, False, False],
        }
    )


def test_a_generations_row_by_hand() -> None:
    row = generation_row("g", ENTRY, texts(), 0.95)
    assert (row["generation"], row["model"], row["items"], row["texts"], row["n"]) == ("g", "m", 3, 6, 2)
    assert row["tokens"] == pytest.approx(30 / 6)
    assert row["cut_rate"] == pytest.approx(1 / 6)
    assert row["parse_rate"] == pytest.approx(4 / 6)
    assert row["accuracy"] == pytest.approx(2 / 6)
    assert 0 <= float(str(row["low"])) < 1 / 3 < float(str(row["high"])) <= 1
    ungraded = generation_row("g", ENTRY, texts().drop(columns=["status", "correct"]), 0.95)
    assert {"accuracy", "parse_rate"}.isdisjoint(ungraded)


def test_texts_of_an_item_stand_together_in_its_interval() -> None:
    """A text that is written a hundred times says no more of the model than once."""
    once = texts().drop_duplicates("item_id")
    often = pd.concat([once.assign(sample=number) for number in range(100)])
    one, other = (generation_row("g", ENTRY, own, 0.95) for own in (once, often))
    assert other["accuracy"] == pytest.approx(one["accuracy"])
    assert float(str(other["high"])) - float(str(other["low"])) > 0.5


def clusters() -> pd.DataFrame:
    """Of five items: one certain, two with two clusters, one with a small one, one with none."""
    rows: list[tuple[Any, ...]] = [
        ("a", 0, 10, "right", 0.0, True),
        ("b", 0, 3, "wrong", 0.6, False),
        ("b", 1, 7, "right", 0.6, False),
        ("c", 0, 5, "wrong", 0.7, False),
        ("c", 1, 5, "right", 0.7, False),
        ("d", 0, 2, "wrong", 2.0, True),
        ("e", -1, 0, "", 2.3, False),
    ]
    found = pd.DataFrame(rows, columns=["item_id", "cluster", "size", "text", "entropy", "certain"])
    return found.assign(n_samples=10, n_singletons=0, n_unparsed=0, answer="")


def written() -> pd.DataFrame:
    items = [item for item in "abcde" for _ in range(3)]
    said = ["right", "wrong", "right"] * 5
    return pd.DataFrame({"item_id": items, "text": said, "correct": [one == "right" for one in said]})


def test_certainty_is_held_against_the_leader_of_the_largest_cluster() -> None:
    """Of two that are as large the first is taken, as labels take it."""
    mixed = clusters().sample(frac=1, random_state=1)
    table = certainty_rows("k", OF, mixed, written().sample(frac=1, random_state=2), 0.95).set_index("group")
    assert table.loc["all", ["items", "dropped"]].tolist() == [4, 1]
    assert table.loc["all", "share"] == pytest.approx((1 + 0.7 + 0.5 + 0.2) / 4)
    assert table.loc["all", "entropy"] == pytest.approx((0 + 0.6 + 0.7 + 2) / 4)
    accuracy = table["accuracy"].to_dict()
    assert accuracy == {
        "all": 0.5,
        "certain": 0.5,
        "uncertain": 0.5,
        "share 0.0 to 0.2": 0.0,
        "share 0.4 to 0.6": 0.0,
        "share 0.6 to 0.8": 1.0,
        "share 0.8 to 1.0": 1.0,
    }
    assert (table["low"] <= table["accuracy"]).all()
    assert table["dropped"].isna().sum() == len(table) - 1
    ungraded = certainty_rows("k", OF, clusters(), None, 0.95)
    assert ungraded["accuracy"].isna().all()
    assert list(ungraded["items"]) == list(table["items"])


def test_its_figure_has_a_point_for_each_share_and_the_line_of_a_true_certainty() -> None:
    table = certainty_rows("k", OF, clusters(), written(), 0.95)
    axis = plot(table, {}).axes[0]
    assert axis.get_title() == "k"
    line, *points = (line for line in axis.lines if line.get_marker() in ("None", "o"))
    assert list(line.get_xdata()) == list(line.get_ydata()) == [0, 1]
    found = {(round(float(one.get_xdata()[0]), 6), float(one.get_ydata()[0])) for one in points}
    assert found == {(0.2, 0.0), (0.5, 0.0), (0.7, 1.0), (1.0, 1.0)}
    assert [label.get_text() for label in axis.get_xticklabels(minor=True)] == ["n=1"] * 4
    assert "Nothing to draw" in plot(table.assign(accuracy=np.nan), {}).texts[0].get_text()


def test_costs_by_hand() -> None:
    """A prompt is read once for all of its item's texts."""
    told = {"items": 40, "updates": 9, "tokens": 1234, "seconds": 1800.0}
    table = cost_rows(
        [of_generation("g", ENTRY, texts(), 900.0), of_training("t", {"model": "b", "dataset": "d"}, told)]
    )
    generation, training = table.to_dict("records")
    assert (generation["prompts"], generation["texts"]) == (3, 6)
    assert (generation["read"], generation["written"]) == (60, 30)
    assert (training["model"], training["updates"], training["trained"], training["hours"]) == ("b", 9, 1234, 0.5)
    assert table[["trained", "updates"]].iloc[0].isna().all()
    assert generation["hours"] == 0.25


def test_a_study_with_texts_has_the_three_and_reads_each_file_once() -> None:
    study = Study(check(raw({"plain": {}})))
    made = {job.wildcards["account"]: job for job in study.of("account")}
    assert set(made) == {"generations", "certainty", "costs"}
    every = [path for job in study.of("generate") for path in job.made]
    writing = [path for job in study.of("generate") for path in job.outputs["writing"]]
    for job in made.values():
        assert sorted(job.inputs["texts"]) == sorted(every)
        assert job.files[0] in study.job("report", {}).inputs["tables"]
    trained = [job for job in study.jobs if job.stage == "train"]
    assert sorted(made["costs"].inputs["training"]) == sorted(job.outputs["training"][0] for job in trained)
    assert sorted(made["costs"].inputs["writing"]) == sorted(writing)
    assert {job.id for job in trained} <= set(made["costs"].spec["upstream"].values())
    assert made["certainty"].inputs["clusters"] == [path for job in study.of("cluster") for path in job.files]
    [figure] = [job for job in study.of("figure") if job.wildcards["figure"] == "certainty"]
    assert figure.reads["drawn"] == [made["certainty"]]
    titles = [of_table(name, job.settings)[0] for name, job in made.items()]
    assert len(set(titles)) == 3


def test_a_study_without_texts_has_none_of_them() -> None:
    plain = raw({}, population=[{"dataset": "road", "variable": "num_steps", "methods": ["zero_shot_cot"]}])
    assert not Study(check(plain)).of("account")


def test_what_rests_on_clusters_is_no_sample_and_no_other_model() -> None:
    """What follows a deleted or changed file of clusters, written down by hand."""
    study = Study(check(raw({"plain": {}})))
    rests = {job.title for job in study.of("cluster")}
    assert rests == {"Clusters plain.clusters"}
    for job in study.jobs:  # each after those that it reads from
        files = {path for other in study.jobs if other.title in rests for path in other.files}
        if any(path in files for read in job.upstream for path in read.files):
            rests.add(job.title)
    assert rests == {
        "Clusters plain.clusters",
        *(f"Texts of generation plain.{name}, shard 1 of 1" for name in ("doubts", "rewrites")),
        "Grades of generation plain.rewrites",
        "Labels plain.labels",
        "Training the adapter plain.student",
        "zero_shot_cot with plain.student on road",
        "Grades of zero_shot_cot with plain.student on road",
        "Table students",
        *(f"Table {name} of texts and trainings" for name in ("generations", "certainty", "costs")),
        *("Tables as a paper prints them", "Figure students", "Figure certainty", "Report"),
    }
