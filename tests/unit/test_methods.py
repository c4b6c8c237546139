"""The interface of methods: cells, prompts, resuming; each method on a small task with known answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from engine_models import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from uphill.errors import UphillError
from uphill.methods import icl, probe, zero_shot
from uphill.methods.noise import noised
from uphill.methods.task import Cell, Source, Task, chosen, rectangle, run
from uphill.parts import Parts
from uphill.randomness import keyed_rng
from uphill.responses import ResponseTable
from uphill.schemas import PREDICTIONS
from uphill.splits import SplitSettings, draw_splits

LEVELS = ["easy"] * 30 + ["hard"] * 30


def items(name: str) -> pd.DataFrame:
    count = len(LEVELS)
    return pd.DataFrame(
        {
            "question": [f"{name} {number}?" for number in range(count)],
            "choices": [["yes", "no"] if number % 5 else ["yes", "no", "never"] for number in range(count)],
            "answer_idx": pd.array([number % 2 for number in range(count)], dtype="Int64"),
            "answer_text": [["yes", "no"][number % 2] for number in range(count)],
            "reasoning": ["because"] * count,
        },
        index=pd.Index([f"{name}{number:02d}" for number in range(count)], name="item_id"),
    )


def source(name: str) -> Source:
    table = items(name)
    splits = draw_splits(
        pd.DataFrame({"level": LEVELS, "value": 0.0}, index=table.index), name, "v", SplitSettings(2, 10, None, 5, 0)
    )
    made = Source(name, table, splits, "0040", "0305", 20)
    rng = np.random.default_rng(1)
    exists = np.array([[True, True, len(choices) > 2] for choices in table["choices"]])
    states = rng.normal(size=(len(table), 3, 64)).astype(np.float32)
    gold = table["answer_idx"].to_numpy(dtype=int)
    states[np.arange(len(table)), gold] += 2
    logprob = np.where(exists, np.log([0.2, 0.5, 0.3]), -np.inf)
    # A frozen dataclass with a cached property: the value is set as reading the shards would set it.
    made.__dict__["responses"] = ResponseTable(
        list(table.index), logprob, exists.astype(int), exists, states * exists[..., None]
    )
    return made


def task(*train_from: str) -> Task:
    target = source("a")
    sources = [target if name == "a" else source(name) for name in (train_from or ("a",))]
    columns = {"method": "x", "experiment": "e", "model": "m", "k": None, "cot": False, "prompt": "0040"}
    return Task(target, sources, "v", 0, lambda: pytest.fail("no model is needed"), columns)


def test_supervised_cells_are_sources_by_levels_by_boots() -> None:
    cells = task("a", "b").supervised_cells(5)
    assert len(cells) == len(set(cells)) == 2 * 2 * 2
    assert {cell.n_train for cell in cells} == {5}


def test_training_items_are_the_first_of_the_cell_and_never_tested() -> None:
    study = task("a", "b")
    cell = Cell("b", "easy", 1, 4)
    train, test = study.train_items(cell), study.test_items(cell)
    assert len(train) == 4
    assert all(name.startswith("b") for name in train.index)
    assert all(name.startswith("a") for name in test.index)
    assert train.index.tolist() == study.source(cell).drawn("easy", 1, "train")["item_id"].tolist()[:4]
    own = Cell("a", "easy", 1, 10)
    assert not set(study.train_items(own).index) & set(study.test_items(own).index)


def test_zero_shot_tests_every_item_that_some_boot_tests() -> None:
    study = task()
    [(cell, frame)] = zero_shot.predict(study, zero_shot.Settings(), zero_shot.cells(study, zero_shot.Settings()))
    splits = study.target.splits
    assert cell.train_on == "none"
    assert set(frame["item_id"]) == set(splits.loc[splits["role"] == "test", "item_id"])
    # The model always likes "no" best: right for odd items.
    assert (frame["correct"] == frame["item_id"].str[1:].astype(int) % 2).all()
    two = frame[frame["item_id"].str[1:].astype(int) % 5 != 0].set_index("item_id")
    assert two["p_gold"].iloc[0] in (pytest.approx(2 / 7), pytest.approx(5 / 7))


def test_probe_learns_what_the_states_say_within_and_across() -> None:
    study = task("a", "b")
    settings = probe.Settings(n_train=10)
    found = dict(probe.predict(study, settings, probe.cells(study, settings)))
    assert len(found) == 8
    assert min(frame["correct"].mean() for frame in found.values()) > 0.9


def test_icl_prompt_shows_the_cells_examples_and_then_asks() -> None:
    study = task("a", "b")
    settings, cell = icl.Settings(k=2), Cell("b", "hard", 0, 2)
    asked = study.test_items(cell)
    [prompt, *_], dropped = icl._prompts(study, settings, cell, asked)
    assert dropped == [0] * len(asked)
    first, second, last = prompt.split("\n\n")
    shown = study.train_items(cell)
    assert shown["question"].iloc[0] in first
    assert first.endswith(f"Answer: {shown['answer_text'].iloc[0]}")
    assert shown["question"].iloc[1] in second
    assert asked["question"].iloc[0] in last
    assert last.endswith("Answer:")


def test_examples_beyond_the_window_are_left_out_if_the_config_says_so() -> None:
    study = replace(task("a"), open_model=lambda: tiny(max_position_embeddings=34))
    cell = Cell("a", "easy", 0, 4)
    asked = study.test_items(cell)
    kept, none = icl._prompts(study, icl.Settings(k=4), cell, asked)
    prompts, dropped = icl._prompts(study, icl.Settings(k=4, drop_examples=True), cell, asked)
    assert set(none) == {0}
    assert max(dropped) > 0
    for whole, prompt, count in zip(kept, prompts, dropped, strict=True):
        parts = whole.split("\n\n")
        # The last examples go, nearest to the question.
        assert prompt.split("\n\n") == [*parts[: 4 - count], parts[-1]]
    frame = next(icl.predict(study, icl.Settings(k=4, drop_examples=True), [cell]))[1]
    assert frame["dropped"].tolist() == dropped


def test_a_choice_that_does_not_exist_is_never_chosen() -> None:
    table = items("a").iloc[:3]
    frame = chosen(table, rectangle([np.array([-1.0, -2.0, -3.0]), np.array([-5.0, -4.0]), np.array([-1.0, -9.0])]))
    assert frame["prediction"].tolist() == ["yes", "no", "yes"]
    assert frame["p_gold"].iloc[1] == pytest.approx(1 / (1 + np.exp(-1)))


class Interrupted(RuntimeError):
    """Stands for a kill."""


def counting(stop_after: int | None, made: list[str]) -> Any:
    """A method that says which cells it makes, and may be killed between two of them."""

    def predict(study: Task, settings: None, cells: list[Cell]) -> Iterator[tuple[Cell, pd.DataFrame]]:
        for cell in cells:
            if stop_after is not None and len(made) == stop_after:
                raise Interrupted
            made.append(cell.name)
            yield cell, chosen(study.test_items(cell), np.zeros((len(study.test_items(cell)), 2)))

    return SimpleNamespace(cells=lambda study, settings: study.supervised_cells(5), predict=predict)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_table(tmp_path: Path) -> None:
    study, made = task("a", "b"), []

    def attempt(folder: str, stop_after: int | None) -> pa.Table:
        with Parts(tmp_path / folder, PREDICTIONS) as parts:
            return run(study, counting(stop_after, made), None, parts)  # type: ignore[arg-type]

    with pytest.raises(Interrupted):
        attempt("one", 3)
    assert len(list((tmp_path / "one").iterdir())) == 3
    resumed = attempt("one", None)
    assert len(made) == 8  # nothing was made twice
    assert not (tmp_path / "one").exists()
    assert resumed.equals(attempt("two", None))


def test_a_damaged_part_is_made_again(tmp_path: Path) -> None:
    study, made = task(), []
    folder = tmp_path / "parts"
    with pytest.raises(Interrupted), Parts(folder, PREDICTIONS) as parts:
        run(study, counting(2, made), None, parts)  # type: ignore[arg-type]
    damaged = sorted(folder.iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    with Parts(folder, PREDICTIONS) as parts:
        table = run(study, counting(None, made), None, parts)  # type: ignore[arg-type]
    assert made.count(damaged.stem) == 2
    assert len(made) == 5
    PREDICTIONS.check(table, "table")


def test_a_part_that_goes_before_the_end_is_an_error_and_not_a_shorter_table(tmp_path: Path) -> None:
    study, folder = task(), tmp_path / "parts"
    method = counting(None, [])
    make = method.predict

    def predict(study: Task, settings: None, cells: list[Cell]) -> Iterator[tuple[Cell, pd.DataFrame]]:
        yield from make(study, settings, cells)
        sorted(folder.iterdir())[1].unlink()  # as a second job that ends first would

    method.predict = predict
    with (
        pytest.raises(UphillError, match=r"parts: the finished cell a-easy-1-5 has gone; run the same command again"),
        Parts(folder, PREDICTIONS) as parts,
    ):
        run(study, method, None, parts)  # type: ignore[arg-type]


def test_sizes_and_noise_make_cells_and_hard_labels_are_noisier() -> None:
    study = replace(task(), sizes=[4, 8], noise=[0.0, 0.2], hard_noise=2.0)
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


@settings(max_examples=40, deadline=None)
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
