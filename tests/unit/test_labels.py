"""Labels: joined by id, of a teacher that never saw their items, and all that a student is taught."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graded import MADE
from small_task import items, source, task

from uphill.errors import UphillError
from uphill.methods import ccs, probe
from uphill.methods.context import Cell, Context, Source
from uphill.methods.noise import noised
from uphill.running.noting import forget, noted
from uphill.schemas.labels import LABELS, UNSURE
from uphill.schemas.predictions import PREDICTIONS
from uphill.weak_to_strong.interface import Answers
from uphill.weak_to_strong.labels import gold, predicted
from uphill.weak_to_strong.taught import taught

SETTINGS = probe.Settings(n_train=10, epochs=20)
OWN = predicted.Settings(dataset="a", method="probe", model="small")
SOFTLY = OWN.model_copy(update={"soft": True})


def questions(name: str = "a") -> pd.DataFrame:
    return items(name).reset_index().assign(pool="experiment")


def answers(table: pd.DataFrame, trained: list[str] | None = None, **grader: Any) -> Answers:
    """A teacher's scores: the log of known probabilities, drawn for each item."""
    rng = np.random.default_rng(3)
    shares = [rng.dirichlet(np.ones(len(choices))) for choices in table["choices"]]
    said = pd.DataFrame(
        {"item_id": table["item_id"], "scores": [np.log(one) for one in shares], "text": None, "ended": None}
    )
    said["n_tokens"] = [[] for _ in shares]
    own = {name: value for name, value in MADE.items() if name not in said}
    return Answers(said.assign(**own)[PREDICTIONS.schema.names], trained or [], grader)


def with_labels(labels: pd.DataFrame, study: Context | None = None) -> Context:
    """The small task, taught by some labels."""
    study = study or task()
    own: Source = replace(study.target, labels=labels.set_index("item_id"), label_name="mine")
    own.__dict__["responses"] = study.target.responses
    return replace(study, target=own, sources=[own])


def said(study: Context, settings: probe.Settings = SETTINGS) -> list[tuple[Cell, Any]]:
    """What a probe says, cell by cell, to the last bit."""
    cells = probe.cells(study, settings)
    return [
        (cell, [(row["item_id"], *row["scores"]) for row in frame.to_dict("records")])
        for cell, frame in probe.predict(study, settings, cells)
    ]


def test_labels_equal_to_right_answers_train_the_same_to_the_last_bit() -> None:
    labels = gold.label(gold.Settings(dataset="a"), questions(), None)
    LABELS.to_arrow(labels, "labels")
    assert said(with_labels(labels)) == said(task())


def test_certain_soft_labels_train_as_the_choices_do() -> None:
    labels = gold.label(gold.Settings(dataset="a"), questions(), None)
    sure = [np.eye(len(row.choices))[row.answer_idx].tolist() for row in questions().itertuples()]
    assert said(with_labels(labels.assign(soft=sure))) == said(task())


@pytest.mark.parametrize("settings", [OWN, SOFTLY], ids=["hard", "soft"])
def test_right_answers_of_the_students_items_reach_no_student(settings: predicted.Settings) -> None:
    """The first of the tests before any feature: noise instead of the truth leaves students as they were."""
    table = questions()
    labels = predicted.label(settings, table, answers(table))
    study = with_labels(labels)
    rng = np.random.default_rng(0)
    wrong = [int(rng.integers(len(choices))) for choices in study.target.items["choices"]]
    other = study.target.items.assign(answer_idx=pd.array(wrong, dtype="Int64"), answer_text="noise", reasoning="noise")
    blind: Source = replace(study.target, items=other)
    blind.__dict__["responses"] = study.target.responses
    assert said(replace(study, target=blind, sources=[blind])) == said(study)
    blinded = table.assign(answer_idx=pd.array(wrong, dtype="Int64"), answer_text="noise", reasoning="noise")
    pd.testing.assert_frame_equal(predicted.label(settings, blinded, answers(table)), labels)


def test_labels_are_the_choice_and_the_probabilities_of_known_scores() -> None:
    table = questions()
    known = answers(table)
    shares = [np.exp(one) for one in known.predictions["scores"]]
    hard, soft = predicted.label(OWN, table, known), predicted.label(SOFTLY, table, known)
    assert hard["answer_idx"].tolist() == [int(one.argmax()) for one in shares]
    assert hard["answer_text"].tolist() == [
        choices[index] for choices, index in zip(table["choices"], hard["answer_idx"], strict=True)
    ]
    assert hard["soft"].isna().all()
    assert set(hard["origin"]) == {"weak"}
    for found, expected in zip(soft["soft"], shares, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)  # float64 rounding of a softmax
    LABELS.to_arrow(soft, "labels")


def test_labels_follow_the_graders_lengths() -> None:
    table = questions().head(1)
    told = answers(table).predictions.assign(scores=[[-3.0, -2.9, -9.0]], n_tokens=[[3, 1, 9]])
    for norm, best in (("none", 1), ("tokens", 0)):
        label = predicted.label(OWN, table, Answers(told, [], {"norm": norm}))
        assert label["answer_idx"].tolist() == [best]


def test_order_of_rows_changes_no_label_and_no_student() -> None:
    table = questions()
    labels, known = predicted.label(SOFTLY, table, answers(table)), answers(table)
    mixed = Answers(known.predictions.sample(frac=1, random_state=1), [], {})
    again = predicted.label(SOFTLY, table.sample(frac=1, random_state=2), mixed)
    pd.testing.assert_frame_equal(again.sort_values("item_id", ignore_index=True), labels)
    assert said(with_labels(labels.sample(frac=1, random_state=3))) == said(with_labels(labels))


def test_a_doubled_label_is_refused_where_it_is_read() -> None:
    labels = gold.label(gold.Settings(dataset="a"), questions(), None)
    with pytest.raises(UphillError, match=r"row \('a00',\) occurs twice, expected unique"):
        LABELS.to_arrow(pd.concat([labels, labels.head(1)]), "labels")


def test_a_training_item_without_a_label_is_refused() -> None:
    study = task()
    labels = gold.label(gold.Settings(dataset="a"), questions(), None)
    gone = study.train_items(probe.cells(study, SETTINGS)[0]).index[0]
    with pytest.raises(UphillError, match=rf"labels.mine: item '{gone}' has no label, expected one of each"):
        said(with_labels(labels[labels["item_id"] != gone]))


BAD: list[tuple[str, Any, str]] = [
    ("answer_idx", -1, "has the label -1, expected one of its 3 choices, from 0 on"),
    ("answer_idx", 3, "has the label 3, expected one of its 3 choices"),
    ("answer_idx", None, "has the label .*, expected one of its 3 choices"),
    ("soft", [0.5, 0.5], "expected 3 probabilities that add up to 1"),
    ("soft", [0.5, 0.6, -0.1], "expected 3 probabilities that add up to 1"),
    ("soft", [0.3, 0.3, 0.3], "expected 3 probabilities that add up to 1"),
]


@pytest.mark.parametrize(("column", "value", "message"), BAD)
def test_a_label_that_is_none_of_the_choices_is_refused(column: str, value: Any, message: str) -> None:
    own = gold.label(gold.Settings(dataset="a"), questions(), None).head(1).astype({"answer_idx": object})
    own[column] = pd.Series([value], dtype=object)
    with pytest.raises(UphillError, match=f"labels.mine: item 'a00' {message}|labels.mine: item 'a00'.*{message}"):
        taught(items("a").head(1), own.set_index("item_id"), "mine")


def test_soft_labels_of_some_items_alone_are_refused() -> None:
    own = gold.label(gold.Settings(dataset="a"), questions(), None).head(2)
    own["soft"] = pd.Series([[0.2, 0.3, 0.5], None], dtype=object)
    with pytest.raises(UphillError, match="item 'a01' has no soft label, expected one of every item or of none"):
        taught(items("a").head(2), own.set_index("item_id"), "mine")


def test_a_teacher_labels_nothing_that_it_was_trained_on() -> None:
    table = questions()
    with pytest.raises(UphillError, match="item 'a07': 'small' was trained on it, expected items that it never saw"):
        predicted.label(OWN, table, answers(table, ["a07", "b00"]))
    assert len(predicted.label(OWN, table, answers(table, ["b00"]))) == len(table)


def test_each_item_has_one_answer_of_the_teacher() -> None:
    table, known = questions(), answers(questions())
    for told, count in ((known.predictions.iloc[1:], 0), (pd.concat([known.predictions, known.predictions[:1]]), 2)):
        with pytest.raises(UphillError, match=f"item 'a00': {count} answers of 'small', expected one of each item"):
            predicted.label(OWN, table, Answers(told, [], {}))


def test_who_is_taught_what_a_teacher_is_sure_of_is_taught_nothing_else() -> None:
    """Against the probabilities themselves; the items that come next were drawn next."""
    table, known = questions(), answers(questions())
    most = {row.item_id: np.exp(row.scores).max() for row in known.predictions.itertuples()}
    settings = OWN.model_copy(update={"confident": 0.6})
    labels = predicted.label(settings, table, known).set_index("item_id")
    assert (labels["origin"] == UNSURE).to_dict() == {item: share <= 0.6 for item, share in most.items()}
    assert labels["answer_idx"].equals(predicted.label(OWN, table, known).set_index("item_id")["answer_idx"])
    study = with_labels(labels.reset_index())
    for cell in probe.cells(study, SETTINGS):
        for count in (3, 10):
            drawn = study.source(cell).drawn(cell.train_on, cell.boot, "train")["item_id"]
            expected = [item for item in drawn if most[item] > 0.6][:count]
            assert len(expected) > 0
            assert list(study.train_items(replace(cell, n_train=count)).index) == expected
    assert len(said(study)) == len(probe.cells(study, SETTINGS))


def test_a_teacher_that_is_sure_of_nothing_teaches_nobody() -> None:
    table, known = questions(), answers(questions())
    with pytest.raises(UphillError, match=r"'small' gives no choice more than 0\.999999, expected some; a lower"):
        predicted.label(OWN.model_copy(update={"confident": 0.999999}), table, known)


def test_a_draw_of_which_its_teacher_is_sure_of_nothing_is_left_out_and_noted() -> None:
    labels = predicted.label(OWN, questions(), answers(questions()))
    drawn = source("a").drawn("easy", 0, "train")["item_id"]
    unsure = labels.assign(origin=labels["origin"].mask(labels["item_id"].isin(drawn), UNSURE))
    forget()
    study = with_labels(unsure)
    cells = {(cell.train_on, cell.boot) for cell in probe.cells(study, SETTINGS)}
    assert cells == {("easy", 1), ("hard", 0), ("hard", 1)}
    also = set(drawn) & set(source("a").drawn("easy", 1, "train")["item_id"])
    assert set(noted()) == {
        "lost labels.mine: sure of none of 10 items of easy, draw 0: left out",
        f"lost labels.mine: sure of {10 - len(also)} of 10 items of easy, draw 1",
    }
    with pytest.raises(UphillError, match=r"labels\.mine: none of the items that were drawn has a sure label"):
        probe.cells(with_labels(labels.assign(origin=UNSURE)), SETTINGS)
    forget()


@pytest.mark.parametrize(("scores", "said"), [(None, "expected scores"), ([0.1], "1 scores for 3 choices")])
def test_a_text_or_other_scores_are_no_label(scores: Any, said: str) -> None:
    table = questions().head(1)
    told = answers(table).predictions.astype({"scores": object})
    told.at[0, "scores"] = scores
    with pytest.raises(UphillError, match=f"item 'a00': .*{said}"):
        predicted.label(OWN, table, Answers(told, [], {}))


def test_noise_makes_a_soft_label_certain() -> None:
    table = questions()
    labels = predicted.label(SOFTLY, table, answers(table)).set_index("item_id")
    own = taught(items("a"), labels, "mine")
    draws = np.where(np.arange(len(own)) < 30, 1.0, 0.0)
    changed = noised(own, draws, 0.5, ("k",))
    for place, (soft, index) in enumerate(zip(changed["soft"], changed["answer_idx"], strict=True)):
        if place < 30:
            assert list(soft) == np.eye(len(own["choices"].iloc[place]))[index].tolist()
        else:
            assert list(soft) == list(own["soft"].iloc[place])


def test_what_is_tested_has_no_answer_and_needs_none() -> None:
    """Methods are given test items without what is right; with it they say the same."""
    study = task()
    cell = probe.cells(study, SETTINGS)[0]
    shown = study.test_items(cell)
    assert shown["answer_idx"].isna().all()
    assert set(shown["answer_text"]) | set(shown["reasoning"]) == {""}
    told = replace(study, max_prompt_tokens=10_000)  # with the published limit an answer's tokens count
    assert told.test_items(cell)["answer_idx"].notna().all()
    assert said(told) == said(study)
    settings = ccs.Settings(n_train=10, epochs=5, restarts=1)
    found, other = (
        [frame["scores"].map(tuple).tolist() for _, frame in ccs.predict(one, settings, ccs.cells(one, settings))]
        for one in (study, told)
    )
    assert found == other


def test_columns_say_what_was_trained_on() -> None:
    from uphill.methods.context import _complete

    table = questions()
    study = with_labels(gold.label(gold.Settings(dataset="a"), table, None))
    for one, labels in ((study, "mine"), (task(), "gold")):
        cell, frame = next(iter(probe.predict(one, SETTINGS, probe.cells(one, SETTINGS))))
        assert set(_complete(one, cell, frame)["labels"]) == {labels}
    assert source("a").label_name == "gold"
