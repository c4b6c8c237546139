"""A panel's answers as a matrix file, nobody on what it was trained on, and what each respondent is worth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.hardness.answer_matrix import Answered, AnswerMatrix, build, read_matrix, write_matrix
from uphill.hardness.item_response import MISSING, RIGHT, WRONG, fit
from uphill.hardness.respondents import by_choice, by_grades, describe
from uphill.schemas import parquet


def answered(*rows: tuple[str, str, bool | None]) -> list[Answered]:
    return [Answered(*row) for row in rows]


ROWS = answered(("b", "i2", True), ("a", "i1", False), ("b", "i1", None), ("a", "i10", True), ("a", "i2", True))


def test_items_and_respondents_are_in_the_order_of_their_names() -> None:
    for rows in (ROWS, ROWS[::-1]):
        found = build(rows)
        assert (found.item_ids, found.models) == (["i1", "i10", "i2"], ["a", "b"])
        assert found.answers.tolist() == [[WRONG, RIGHT, RIGHT], [MISSING, MISSING, RIGHT]]


def test_nobody_answers_what_it_was_trained_on() -> None:
    found = build(ROWS, trained_on={"a": ["i10", "not asked"]})
    assert found.answers.tolist() == [[WRONG, MISSING, RIGHT], [MISSING, MISSING, RIGHT]]


cells = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "02", "x y"])), st.sampled_from([True, False, None])
)


@given(given_cells=cells, trained=st.sets(st.sampled_from(["1", "02"])))
def test_a_matrix_is_what_a_table_of_its_answers_says(
    given_cells: dict[tuple[str, str], bool | None], trained: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [Answered(*names, right) for names, right in given_cells.items()]
    names = sorted({name for name, _ in given_cells})
    mask = {"a": trained} if "a" in names else {}
    kept = {key: right for key, right in given_cells.items() if not (key[0] == "a" and key[1] in trained)}
    if len(names) < 2 or {True, False} - set(kept.values()):
        with pytest.raises(UphillError):
            build(rows, mask)
        return
    path = tmp_path_factory.mktemp("matrix") / "m.parquet"
    write_matrix(build(rows, mask), path)
    found = read_matrix(path, "item_id", [])
    value = {True: RIGHT, False: WRONG, None: MISSING}
    assert found.models == names
    for row, name in enumerate(found.models):
        for column, item in enumerate(found.item_ids):
            assert found.answers[row, column] == value[kept.get((name, item))]


@pytest.mark.parametrize(
    ("rows", "trained_on", "message"),
    [
        ([*ROWS, Answered("a", "i1", True)], {}, "'a' answers item 'i1' twice, expected one answer of each"),
        (
            [Answered("a", "i1", True, "x.jsonl: line 1"), Answered("a", "i1", True, "x.jsonl: line 9")],
            {},
            r"twice \(x.jsonl: line 1; x.jsonl: line 9\), expected",
        ),
        (ROWS[1:2], {}, r"1 respondents \(a\), expected two or more"),
        ([*ROWS, Answered("item_id", "i1", True)], {}, "called 'item_id', expected a name, and not that of the ids"),
        ([*ROWS, Answered(" ", "i1", True)], {}, "called ' '"),
        (ROWS, {"c": ["i1"]}, "'c' was trained and answers nothing, expected one of a, b"),
        (ROWS[::3], {}, "of one kind at most, expected both"),
        (ROWS, {"a": ["i1"]}, "of one kind at most"),
    ],
)
def test_what_is_no_panel_is_refused(rows: list[Answered], trained_on: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        build(rows, trained_on)


def test_the_file_says_what_made_it_and_is_refused_under_another_name(tmp_path: Path) -> None:
    write_matrix(build(ROWS), tmp_path / "m.parquet", {"id": "abc"})
    assert json.loads(parquet.metadata(tmp_path / "m.parquet")[b"uphill"]) == {"id": "abc"}
    with pytest.raises(UphillError, match=r"written as Parquet, expected a name that ends in \.parquet"):
        write_matrix(build(ROWS), tmp_path / "m.csv")


def items_of(answers: list[int | None]) -> pd.DataFrame:
    index = pd.Index([f"i{number}" for number in range(len(answers))], name="item_id")
    return pd.DataFrame({"answer_idx": pd.array(answers, dtype="Int64")}, index=index)


def test_a_model_answers_by_its_likeliest_choice() -> None:
    logprob = np.log([[0.2, 0.8, 0.1], [0.9, 0.1, 0.3], [0.3, 0.2, 0.4]])
    exists = np.ones((3, 3), dtype=bool)
    table = ResponseTable(["i2", "i0", "i1"], logprob, 2 * exists, exists, np.zeros((3, 3, 0), dtype=np.float16))
    found = list(by_choice("m", items_of([0, 0, 1]), table))
    assert found == answered(("m", "i0", True), ("m", "i1", False), ("m", "i2", True))
    with pytest.raises(UphillError, match="'m': item 'i1' has no right choice"):
        list(by_choice("m", items_of([0, None, 1]), table))


@pytest.mark.parametrize(("unread", "expected"), [(False, [True, False, False]), (True, [True, False, None])])
def test_a_cell_answers_by_its_grades(unread: bool, expected: list[bool | None]) -> None:
    grades = pd.DataFrame(
        {"item_id": ["x", "y", "z"], "correct": [True, False, False], "status": ["ok", "ok", "truncated"]}
    )
    assert [one.right for one in by_grades("cell", grades, unread)] == expected


# -- what each is worth ----------------------------------------------------------------------------------------------


def panel(seed: int = 0) -> tuple[AnswerMatrix, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    ability, difficulty = np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), rng.normal(size=80)
    p_right = expit(1.5 * (ability[:, None] - difficulty))
    p_right = np.vstack([p_right, np.full(80, 0.25)])  # one that guesses
    answers = (rng.random(p_right.shape) < p_right).astype(np.int8)
    answers[1, :40] = MISSING
    return AnswerMatrix(
        [f"i{n}" for n in range(80)], ["weak", "half", "fair", "good", "best", "guess"], answers
    ), ability


def test_respondents_are_told_from_one_that_guesses() -> None:
    matrix, _ = panel()
    found = fit(matrix.answers)
    table = describe(matrix, found, [4] * 80).set_index("respondent")
    assert table["at_chance"].to_dict() == {**dict.fromkeys(matrix.models, False), "guess": True} | {
        "weak": bool(table.loc["weak", "p_chance"] > 0.025)
    }
    assert table["ability"].loc[["fair", "good", "best"]].is_monotonic_increasing
    assert table["n_answers"].to_dict() == {**dict.fromkeys(matrix.models, 80), "half": 40}
    for row, name in enumerate(matrix.models):
        right, asked, total = 0, 0, 0.0
        for column, answer in enumerate(matrix.answers[row]):
            if answer != MISSING:
                asked, right = asked + 1, right + (answer == RIGHT)
                p = 1 / (1 + np.exp(-found.slope[column] * (found.ability[row] - found.difficulty[column])))
                total += found.slope[column] ** 2 * p * (1 - p)
        at_least = sum(binom.pmf(count, asked, 0.25) for count in range(right, asked + 1))
        expected = [right / asked, 0.25, at_least, total / asked]
        np.testing.assert_allclose(
            table.loc[name, ["accuracy", "chance", "p_chance", "information"]].astype(float), expected
        )
    answers = pd.DataFrame(matrix.answers, matrix.models, matrix.item_ids, dtype=float).replace(MISSING, np.nan)
    for name in matrix.models:
        assert table.loc[name, "rest"] == pytest.approx(answers.loc[name].corr(answers.drop(index=name).mean()))


def test_chance_is_that_of_the_items_answered_and_none_where_answers_are_written() -> None:
    matrix = AnswerMatrix(
        ["a", "b", "c"], ["m", "n", "silent"], np.array([[1, 0, -1], [0, 1, 1], [-1, -1, -1]], np.int8)
    )
    found = fit(matrix.answers)
    chance = describe(matrix, found, [2, 4, 10])["chance"]
    np.testing.assert_allclose(chance, [3 / 8, (1 / 2 + 1 / 4 + 1 / 10) / 3, np.nan])
    written = describe(matrix, found)
    assert written["chance"].tolist()[:2] == [0, 0]
    assert written["at_chance"].tolist() == [False, False, True]  # of one that says nothing, nothing is known
    for wrong in ([2, 4], [2, 0, 4]):
        with pytest.raises(ValueError, match="n_choices: expected a number, 1 or more, for each of 3 items"):
            describe(matrix, found, wrong)
