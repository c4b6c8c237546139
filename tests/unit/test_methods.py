"""The interface of methods: cells, prompts, resuming; each method on a small task with known answers."""

import re
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
from graded import graded
from hypothesis import given
from hypothesis import strategies as st

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.methods import ccs, icl, probe, random_probe, zero_shot
from uphill.methods.context import Cell, Context, Predicted, Source, chosen, run
from uphill.methods.noise import noised
from uphill.prompts.forms import shipped
from uphill.randomness import keyed_rng
from uphill.running.parts import Parts
from uphill.schemas.predictions import PREDICTIONS
from uphill.splits.draw import draw_splits
from uphill.splits.settings import SplitSettings

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
    graded = pd.DataFrame({"level": LEVELS, "value": 0.0}, index=table.index)
    splits = draw_splits(graded, name, "v", SplitSettings(2, 10, None, 5, 0))
    forms = {template: shipped().form(template) for template in ("0040", "0140", "0302")}
    made = Source(name, table, splits, forms["0040"], shipped().form("0305"), 20, forms=forms)
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


def task(*train_from: str) -> Context:
    target = source("a")
    sources = [target if name == "a" else source(name) for name in (train_from or ("a",))]
    columns = {"method": "x", "experiment": "e", "model": "m", "k": None, "cot": False, "prompt": "0040"}
    return Context(target, sources, "v", 0, lambda: pytest.fail("no model is needed"), columns)


def judged(study: Context, predicted: Predicted) -> dict[Cell, pd.DataFrame]:
    """Grades of each cell."""
    return {cell: graded(frame, study.target.items) for cell, frame in predicted}


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
    rows = study.target.responses.rows(frame["item_id"].tolist())
    for scores, n_tokens, row in zip(frame["scores"], frame["n_tokens"], rows, strict=True):
        assert scores.tolist() == study.target.responses.logprob[row, : len(scores)].tolist()
        assert n_tokens.tolist() == [1] * len(scores)
    frame = graded(frame, study.target.items)
    # The model always likes "no" best: right for odd items.
    assert (frame["correct"] == frame["item_id"].str[1:].astype(int) % 2).all()
    two = frame[frame["item_id"].str[1:].astype(int) % 5 != 0].set_index("item_id")
    assert two["p_gold"].iloc[0] in (pytest.approx(2 / 7), pytest.approx(5 / 7))


def test_probe_learns_what_the_states_say_within_and_across() -> None:
    study = task("a", "b")
    settings = probe.Settings(n_train=10)
    found = judged(study, probe.predict(study, settings, probe.cells(study, settings)))
    assert len(found) == 8
    assert min(frame["correct"].mean() for frame in found.values()) > 0.9


def test_calibrated_zero_shot_asks_for_more_than_a_places_median() -> None:
    """Every item's scores are the same but one's, which likes "yes" a little more than the others do."""
    study = task()
    study.target.responses.logprob[1] = [np.log(0.3), np.log(0.45), -np.inf]
    settings = zero_shot.Settings(calibrate=True)
    [(_, frame)] = zero_shot.predict(study, settings, zero_shot.cells(study, settings))
    found = graded(frame, study.target.items).set_index("item_id")
    # Of two: medians .2 / .7 and .5 / .7; of three: .2, .5 and .3, which fewer than half of the items have.
    assert found["parsed"]["a01"] == "yes"
    first, last = 0.3 / 0.75 - 0.2 / 0.7, 0.45 / 0.75 - 0.5 / 0.7
    assert found["p_gold"]["a01"] == pytest.approx(0.01 / (first - last + 0.02))
    assert found["p_gold"]["a02"] == pytest.approx(0.5)


def knowing_little(study: Context) -> Context:
    """The model likes the right choice in three of four items, and has no opinion on a third choice."""
    for source in study.sources:
        gold = source.items["answer_idx"].to_numpy(dtype=int)
        liked = np.where(np.arange(len(gold)) % 4 == 0, 1 - gold, gold)
        source.responses.logprob[:, :2] = np.where(np.arange(2) == liked[:, None], -1.0, -2.0)
    return study


@pytest.mark.parametrize("sign", ["zero_shot", "labels"])
def test_ccs_finds_what_the_states_say_without_labels(sign: str) -> None:
    study = knowing_little(task("a", "b"))
    # Far more to see than the ten items' own noise: in 64 features a search may find other consistent directions.
    for source in study.sources:
        gold = source.items["answer_idx"].to_numpy(dtype=int)
        source.responses.states[np.arange(len(gold)), gold] += 3
    settings = ccs.Settings.model_validate({"n_train": 10, "sign": sign, "restarts": 3, "epochs": 300})
    found = judged(study, ccs.predict(study, settings, ccs.cells(study, settings)))
    assert len(found) == 8
    assert min(frame["correct"].mean() for frame in found.values()) > 0.9
    # Its labels change nothing unless they are asked for.
    if sign == "zero_shot":
        for source in study.sources:
            source.items["answer_idx"] = 1 - source.items["answer_idx"]
        again = judged(study, ccs.predict(study, settings, ccs.cells(study, settings)))
        for cell, frame in found.items():
            assert again[cell]["parsed"].tolist() == frame["parsed"].tolist()


def test_the_sign_follows_the_model_or_the_labels() -> None:
    """A model that likes the wrong choice of most items turns a probe round; labels turn it back."""
    study = task()
    gold = study.target.items["answer_idx"].to_numpy(dtype=int)
    study.target.responses.logprob[:, :2] = np.where(np.arange(2) == gold[:, None], -2.0, -1.0)
    study.target.responses.states[np.arange(len(gold)), gold] += 3
    accuracy = {}
    for sign in ("zero_shot", "labels"):
        settings = ccs.Settings.model_validate({"n_train": 10, "sign": sign, "restarts": 3, "epochs": 300})
        found = judged(study, ccs.predict(study, settings, ccs.cells(study, settings)))
        accuracy[sign] = [frame["correct"].mean() for frame in found.values()]
    assert max(accuracy["zero_shot"]) < 0.2
    assert min(accuracy["labels"]) > 0.9


def test_a_random_probe_is_the_first_start_of_the_search() -> None:
    study = knowing_little(task("a", "b"))
    settings, unsearched = random_probe.Settings(n_train=10), ccs.Settings(n_train=10, epochs=0, restarts=1)
    found = dict(random_probe.predict(study, settings, random_probe.cells(study, settings)))
    expected = dict(ccs.predict(study, unsearched, ccs.cells(study, unsearched)))
    assert found.keys() == expected.keys()
    for cell, frame in found.items():
        pd.testing.assert_frame_equal(frame, expected[cell])


def test_a_cells_choices_do_not_depend_on_the_cells_beside_it() -> None:
    study, settings = knowing_little(task("a", "b")), ccs.Settings(n_train=10, epochs=50, restarts=2)
    cells = ccs.cells(study, settings)
    together = dict(ccs.predict(study, settings, cells))
    [(cell, alone)] = ccs.predict(study, settings, cells[3:4])
    for one, other in zip(together[cell]["scores"], alone["scores"], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    assert together[cell]["item_id"].tolist() == alone["item_id"].tolist()


def in_words_of_the_model() -> Context:
    """The tiny model tells these choices apart, and forms of a prompt by their length."""
    study, loaded = task("a"), tiny()
    table = study.target.items
    table["choices"] = [
        [f"w{(number + place) % 40}" for place in range(2 + number % 2)] for number in range(len(table))
    ]
    table["answer_text"] = [choices[number % 2] for number, choices in enumerate(table["choices"])]
    return replace(study, open_model=lambda: loaded)


def test_probabilities_are_averaged_over_prompts() -> None:
    study, cell = in_words_of_the_model(), Cell("a", "easy", 0, 2)

    def asked(*prompts: str) -> pd.DataFrame:
        return next(icl.predict(study, icl.Settings(k=2, prompts=list(prompts)), [cell]))[1]

    raw = [asked(*prompts) for prompts in (["0040"], ["0302"], ["0040", "0302"])]
    # A mean over prompts is no sum over tokens.
    assert [frame["n_tokens"].map(len).gt(0).all() for frame in raw] == [True, True, False]
    own, other, both = (graded(frame, study.target.items) for frame in raw)
    assert (own["p_gold"] - other["p_gold"]).abs().max() > 0.01
    # A prompt's scores come out of float32 packs of one makeup, and are the same each time.
    assert both["p_gold"].to_numpy() == pytest.approx((own["p_gold"] + other["p_gold"]).to_numpy() / 2, abs=1e-6)
    pd.testing.assert_frame_equal(asked(), raw[0])


def test_a_mean_of_probabilities_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    scores = [10 * rng.normal(size=(5, 4)) for _ in range(3)]
    for values in scores:
        values[1, 2:] = -np.inf
    found = icl.averaged(scores)
    for item in range(5):
        shares = [[np.exp(x) / sum(np.exp(y) for y in values[item]) for x in values[item]] for values in scores]
        np.testing.assert_allclose(np.exp(found[item]), [sum(column) / 3 for column in zip(*shares, strict=True)])


def test_several_prompts_ask_without_examples_too() -> None:
    study = in_words_of_the_model()
    settings = icl.Settings(k=0, prompts=["0040", "0140"], calibrate=True)
    assert icl.misfit(settings, generative=False) is None
    assert icl.misfit(icl.Settings(k=0), generative=False) is not None
    assert icl.misfit(settings, generative=True) is not None
    cells = icl.cells(study, settings)
    assert [cell.train_on for cell in cells] == ["none"]
    [(cell, frame)] = icl.predict(study, settings, cells)
    assert len(frame) == len(study.test_items(cell))
    assert graded(frame, study.target.items)["p_gold"].between(0, 1).all()


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


def test_examples_beyond_the_published_limit_are_left_out_and_counted() -> None:
    loaded = replace(tiny(), max_prompt_tokens=40)
    study = replace(task("a"), open_model=lambda: loaded, max_prompt_tokens=40)
    cell = Cell("a", "easy", 0, 4)
    asked = study.test_items(cell)
    whole, _ = icl._prompts(replace(study, max_prompt_tokens=None), icl.Settings(k=4), cell, asked)
    frame = next(icl.predict(study, icl.Settings(k=4), [cell]))[1]
    prompts, dropped = icl._prompts(study, icl.Settings(k=4), cell, asked)
    assert frame["dropped"].tolist() == dropped
    assert max(dropped) > 0
    for before, prompt, count in zip(whole, prompts, dropped, strict=True):
        parts = before.split("\n\n")
        assert prompt.split("\n\n") == [*parts[: 4 - count], parts[-1]]


def test_a_choice_that_does_not_exist_is_never_chosen() -> None:
    table = items("a").iloc[:3]
    scores = np.array([[-1.0, -2.0, -3.0], [-5.0, -4.0, -np.inf], [-1.0, -9.0, 0.0]])
    raw = chosen(table, scores)
    assert [row.tolist() for row in raw["scores"]] == [[-1.0, -2.0, -3.0], [-5.0, -4.0], [-1.0, -9.0]]
    frame = graded(raw, table)
    assert frame["parsed"].tolist() == ["yes", "no", "yes"]
    assert frame["p_gold"].iloc[1] == pytest.approx(1 / (1 + np.exp(-1)))


class Interrupted(RuntimeError):
    """Stands for a kill."""


def counting(stop_after: int | None, made: list[str]) -> Any:
    """A method that says which cells it makes, and may be killed between two of them."""

    def predict(study: Context, settings: None, cells: list[Cell]) -> Iterator[tuple[Cell, pd.DataFrame]]:
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

    def predict(study: Context, settings: None, cells: list[Cell]) -> Iterator[tuple[Cell, pd.DataFrame]]:
        yield from make(study, settings, cells)
        sorted(folder.iterdir())[1].unlink()  # as a second job that ends first would

    method.predict = predict
    with (
        pytest.raises(UphillError, match=r"parts: the finished cell a-easy-1-5 has gone; run the same command again"),
        Parts(folder, PREDICTIONS) as parts,
    ):
        run(study, method, None, parts)  # type: ignore[arg-type]


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


def test_no_two_cells_have_one_name() -> None:
    """Else a cell would be taken for another's finished part: names may hold dashes, and noise many digits."""
    cells = [
        *(Cell("a", "b-1", 0, 8), Cell("a-b", "1", 0, 8), Cell("a", "b", 1, 0), Cell("a-b", "1-0", 8, 0)),
        *(Cell("a", "1", 0, 8, noise) for noise in (0.1, 0.1234567, 0.1234568, 0.2)),
    ]
    assert len({cell.name for cell in cells}) == len(cells)
    assert all(re.fullmatch(r"[\w.+-]+", cell.name) for cell in cells)
