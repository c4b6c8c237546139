"""Noise on labels: which cells it makes, and what it spoils."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_task import items, task

from uphill.methods.context import Cell
from uphill.methods.noise import noised
from uphill.randomness import keyed_rng


def test_sizes_and_noise_make_cells_and_hard_labels_are_noisier() -> None:
    study = replace(task(), sizes=[4, 8], noise=[0.0, 0.2], noise_factors={"hard": 2.0})
    cells = study.supervised_cells(5)
    assert {cell.n_train for cell in cells} == {4, 8}
    assert {cell.noise_p for cell in cells if cell.train_on == "easy"} == {0.0, 0.2}
    assert {cell.noise_p for cell in cells if cell.train_on == "hard"} == {0.0, 0.4}
    assert len({cell.name for cell in cells}) == len(cells) == 2 * 2 * 2 * 2


def test_a_noisy_cell_trains_on_the_same_items_with_other_labels() -> None:
    study = task()
    clean, noisy = (study.train_items(Cell("a", "easy", 0, 10, noise_p)) for noise_p in (0.0, 1.0))
    assert clean.index.tolist() == noisy.index.tolist()
    assert clean["question"].tolist() == noisy["question"].tolist()
    assert clean["answer_idx"].tolist() != noisy["answer_idx"].tolist()
    for row in noisy.itertuples():
        assert row.answer_text == row.choices[row.answer_idx]


@given(low=st.floats(0, 1), high=st.floats(0, 1), boot=st.integers(0, 9))
def test_a_higher_noise_spoils_what_a_lower_one_spoils(low: float, high: float, boot: int) -> None:
    low, high = sorted((low, high))
    draws, table = keyed_rng("draws", boot).random(40), items("a").head(40)
    some, more = noised(table, draws, low, ("k",)), noised(table, draws, high, ("k",))
    struck = (draws > 1 - low).nonzero()[0]
    assert some["answer_idx"].iloc[struck].tolist() == more["answer_idx"].iloc[struck].tolist()
    untouched = (draws <= 1 - low).nonzero()[0]
    pd.testing.assert_frame_equal(some.iloc[untouched], table.iloc[untouched])


def test_noise_spoils_the_share_of_labels_that_the_study_reckons_with() -> None:
    """p = .6 of four choices leaves .4 + .6 / 4 = .55 right (Hase et al. 2024, code release)."""
    count = 4000
    table = pd.DataFrame(
        {
            "choices": [list("abcd")] * count,
            "answer_idx": pd.array([1] * count, dtype="Int64"),
            "answer_text": "b",
            "reasoning": "",
        }
    )
    found = noised(table, keyed_rng("draws").random(count), 0.6, ("k",))
    # Four standard errors of a share of 4000 draws are .031.
    assert (found["answer_idx"] == 1).mean() == pytest.approx(0.55, abs=0.031)


def test_a_written_answer_becomes_that_of_another_item_with_its_reasoning() -> None:
    table = items("a").head(20).assign(choices=[[] for _ in range(20)], answer_text=[f"{n}" for n in range(20)])
    table = table.assign(reasoning=[f"so {n}" for n in range(20)])
    found = noised(table, keyed_rng("draws", 3).random(20), 1.0, ("k",))
    assert (found["reasoning"] == "so " + found["answer_text"]).all()
    assert found["answer_text"].tolist() != table["answer_text"].tolist()
