"""The zero-shot pass: every item once, finished parts kept, and the same numbers when the tables are read back."""

import copy
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from engine_models import BLOCKS, WIDTH, WINDOW, assert_same_states, met_before, naive_scores, tiny, words

from uphill.engine.asking import ask
from uphill.engine.hidden import default_layers, narrowest
from uphill.engine.loading import Loaded
from uphill.engine.passes import ResponseTable, log_sum_exp, softmax
from uphill.engine.responding import respond
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.prompts.forms import shipped
from uphill.running import noting
from uphill.running.parts import Parts
from uphill.schemas.files import write_arrow
from uphill.schemas.responses import RESPONSES

# As in test_scoring: float32 rounding of scores.
NATS = 1e-4


def item_table(n_items: int, seed: int = 0) -> pd.DataFrame:
    """Items of 2 to 4 choices; the last in three is generative."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(n_items):
        generative = number % 3 == 2
        choices = [words(rng, int(rng.integers(1, 4))) for _ in range(int(rng.integers(2, 5)))]
        gold = int(rng.integers(len(choices)))
        rows.append(
            {
                "item_id": f"item-{number}",
                "question": words(rng, int(rng.integers(2, 9))),
                "choices": [] if generative else choices,
                "answer_idx": None if generative else gold,
                "answer_text": choices[gold],
                "reasoning": "",
            }
        )
    frame = pd.DataFrame(rows)
    return frame.astype({"answer_idx": "Int64"})


def asked(items: pd.DataFrame) -> list[Prompt]:
    return ask(items.set_index("item_id"), shipped().form("0040"), None)


def expected_prompts(items: pd.DataFrame) -> list[Prompt]:
    """Prompts written out by hand, as template 0040 has them."""
    prompts = []
    for row in items.to_dict("records"):
        letters = "".join(f"\n{'ABCD'[place]}) {choice}" for place, choice in enumerate(row["choices"]))
        text = f"Question: {row['question']}{' ' + letters if letters else ''}\nAnswer:"
        prompts.append(Prompt(row["item_id"], text, row["choices"] or [row["answer_text"]]))
    return prompts


def checked(kind: str = "llama") -> Loaded:
    """A model whose ways to score are found out once for all tests."""
    return met_before(tiny(kind), "responding")


def parts_in(folder: Path) -> Parts:
    return Parts(folder / "parts", RESPONSES)


class Counter:
    """Counts the forward passes of a model."""

    def __init__(self, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        forward = loaded.model.base_model.forward

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return forward(*args, **kwargs)

        monkeypatch.setattr(loaded.model.base_model, "forward", counted)


def columns(tables: Sequence[pa.Table]) -> pd.DataFrame:
    return pd.concat([table.to_pandas() for table in tables], ignore_index=True)


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_shards_cover_every_item_once_in_order(shards: int, tmp_path: Path) -> None:
    items = item_table(7)
    tables = list(respond(checked(), asked(items), None, shards, parts_in(tmp_path)))
    assert len(tables) == shards
    found = columns(tables)
    rows = [
        (prompt.item_id, place, len(choice.split()), len(choice))
        for prompt in expected_prompts(items)
        for place, choice in enumerate(prompt.choices)
    ]
    assert list(found[["item_id", "choice_idx", "n_tokens", "n_chars"]].itertuples(index=False, name=None)) == rows
    whole = columns(list(respond(checked(), asked(items), None, 1, parts_in(tmp_path / "whole"))))
    # Other packs sum in another order, which can tip a float16 to its neighbour.
    np.testing.assert_allclose(found["logprob"], whole["logprob"], rtol=0, atol=NATS)
    assert_same_states(np.stack(found["state"]), np.stack(whole["state"]), units=1)


def test_prompts_are_cut_to_the_published_limit(tmp_path: Path) -> None:
    """A prompt, its longest choice and BOS in 12 tokens, or the beginning that leaves two beside the choice."""
    items = item_table(5)
    limited = dataclasses.replace(tiny(), max_prompt_tokens=12)
    found = columns(list(respond(limited, asked(items), None, 1, parts_in(tmp_path))))
    cut = []
    for prompt in expected_prompts(items):
        tokens = limited.tokenizer.encode(prompt.text, add_special_tokens=False)
        longest = max(len(choice.split()) for choice in prompt.choices)
        if len(tokens) + longest + 1 > 12:
            text = limited.tokenizer.decode(tokens[: 12 - 2 - longest])
            prompt = dataclasses.replace(prompt, text=text)
        cut.append(prompt)
    assert cut != expected_prompts(items)
    right = np.concatenate([scores.logprob for scores in score(checked(), cut)])
    np.testing.assert_allclose(found["logprob"], right, rtol=0, atol=NATS)


def test_more_shards_than_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UphillError, match=r"4 shards.*3 items"):
        list(respond(tiny(), asked(item_table(3)), None, 4, parts_in(tmp_path)))


@pytest.mark.parametrize("kind", ["llama", "mpt"])
def test_scores_and_states_are_those_of_one_sequence_per_choice(kind: str, tmp_path: Path) -> None:
    loaded = checked(kind)
    items = item_table(6)
    found = columns(list(respond(loaded, asked(items), None, 2, parts_in(tmp_path))))
    for prompt in expected_prompts(items):
        logprob, states = naive_scores(loaded, prompt, default_layers(BLOCKS))
        own = found[found["item_id"] == prompt.item_id]
        np.testing.assert_allclose(own["logprob"], logprob, rtol=0, atol=NATS)
        assert_same_states(np.stack(own["state"]), states)


def test_chosen_layers_are_kept(tmp_path: Path) -> None:
    loaded = checked()
    items = item_table(2)
    (table,) = respond(loaded, asked(items), [1], 1, parts_in(tmp_path))
    assert table.schema.field("state").type.list_size == WIDTH
    expected = np.concatenate([naive_scores(loaded, prompt, [1])[1] for prompt in expected_prompts(items)])
    assert_same_states(np.stack(columns([table])["state"]), expected)


def test_a_finished_part_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny()
    passes = Counter(loaded, monkeypatch)
    items, parts = item_table(9), parts_in(tmp_path)

    def run() -> list[pa.Table]:
        return list(respond(loaded, asked(items), None, 3, parts))

    # Killed after the first of three shards.
    first = next(respond(loaded, asked(items), None, 3, parts))
    passes.count = 0
    tables = run()
    rest = passes.count
    assert tables[0].equals(first)
    assert rest > 0
    passes.count = 0
    again = run()
    assert passes.count == 0
    assert all(left.equals(right) for left, right in zip(tables, again, strict=True))
    # One more shard of the three than were left, and the model was checked by the first: half as many passes again.
    for part in sorted(parts.folder.iterdir()):
        part.unlink()
    made = run()
    assert passes.count == rest * 3 // 2
    assert all(left.equals(right) for left, right in zip(tables, made, strict=True))


def test_a_damaged_part_is_made_again(tmp_path: Path) -> None:
    items, parts = item_table(4), parts_in(tmp_path)
    tables = list(respond(checked(), asked(items), None, 2, parts))
    damaged = sorted(parts.folder.iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert columns(list(respond(checked(), asked(items), None, 2, parts))).equals(columns(tables))


def test_parts_of_another_cut_are_not_taken(tmp_path: Path) -> None:
    items, parts = item_table(6), parts_in(tmp_path)
    list(respond(checked(), asked(items), None, 2, parts))
    found = columns(list(respond(checked(), asked(items), None, 3, parts)))
    assert found["item_id"].unique().tolist() == items["item_id"].tolist()


def test_tables_read_back_as_they_were_written(tmp_path: Path) -> None:
    items = item_table(8)
    tables = list(respond(checked(), asked(items), None, 3, parts_in(tmp_path)))
    paths = [tmp_path / f"shard-{number}.parquet" for number in range(3)]
    for table, path in zip(tables, paths, strict=True):
        write_arrow(table, path, RESPONSES, {"made": "here"})
    read = ResponseTable.read(paths)
    assert read.item_ids == items["item_id"].tolist()
    assert read.logprob.shape == read.exists.shape == (8, int(read.exists.sum(1).max()))
    assert read.states.shape == (*read.exists.shape, 2 * WIDTH)
    assert read.states.dtype == np.float16
    written = columns(tables).set_index(["item_id", "choice_idx"])
    for row, item_id in enumerate(read.item_ids):
        for place in range(read.exists.shape[1]):
            assert read.exists[row, place] == ((item_id, place) in written.index)
            if read.exists[row, place]:
                assert read.logprob[row, place] == written.loc[(item_id, place), "logprob"]
                assert np.array_equal(read.states[row, place], written.loc[(item_id, place), "state"])
            else:
                assert read.logprob[row, place] == -np.inf
                assert (read.states[row, place] == 0).all()
    assert read.rows(["item-5", "item-0"]).tolist() == [5, 0]
    gold = read.gold(items.sample(frac=1, random_state=0).set_index("item_id"))
    assert gold.tolist() == items["answer_idx"].fillna(0).tolist()
    with pytest.raises(UphillError, match="nowhere"):
        read.rows(["item-0", "nowhere"])


def response_table(logprob: list[list[float]], tokens: int = 5) -> ResponseTable:
    array = np.array([row + [-np.inf] * (4 - len(row)) for row in logprob])
    ids = [f"item-{row}" for row in range(len(logprob))]
    n_tokens = np.where(np.isfinite(array), tokens, 0)
    return ResponseTable(ids, array, n_tokens, n_tokens > 0, np.zeros((*array.shape, 1), dtype=np.float32))


def test_p_gold_is_the_softmax_over_the_choices_that_exist() -> None:
    rng = np.random.default_rng(0)
    logprob = [rng.uniform(-40, 0, int(count)).tolist() for count in rng.integers(2, 5, 50)]
    gold = np.array([int(rng.integers(len(row))) for row in logprob])
    expected = [np.log(np.exp(row[right]) / np.exp(row).sum()) for row, right in zip(logprob, gold, strict=True)]
    # Logarithms near 0 lose digits to the quotient that the oracle takes them of.
    np.testing.assert_allclose(response_table(logprob).log_p_gold(gold), expected, rtol=1e-9, atol=1e-12)


def test_p_gold_of_a_single_text_is_its_own_probability() -> None:
    table, gold = response_table([[-3.5], [-1.0, -1.0], [-0.25]]), np.zeros(3, dtype=int)
    np.testing.assert_allclose(table.log_p_gold(gold), [-3.5, np.log(0.5), -0.25], rtol=1e-12)
    assert table.length(gold).tolist() == [5, 1, 5]


def test_a_table_of_scores_has_a_place_for_every_choice() -> None:
    scores = list(score(checked(), asked(item_table(6))))
    table = ResponseTable.of(scores)
    assert table.item_ids == [found.item_id for found in scores]
    for row, found in enumerate(scores):
        assert table.logprob[row][table.exists[row]].tolist() == found.logprob.tolist()
        assert table.n_tokens[row][table.exists[row]].tolist() == found.n_tokens.tolist()
    assert (table.logprob[~table.exists] == -np.inf).all()


def test_softmax_neither_overflows_nor_underflows() -> None:
    found = softmax(np.array([[-2000.0, -2001.0, -np.inf], [900.0, 900.0, 900.0]]))
    share = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(found, [[share, 1 - share, 0], [1 / 3] * 3], rtol=1e-12)
    np.testing.assert_allclose(log_sum_exp(np.array([-2000.0, -2000.0])), -2000 + np.log(2), rtol=1e-15)


def test_an_item_that_does_not_fit_ends_the_job_before_its_first_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tiny()
    counter = Counter(loaded, monkeypatch)
    prompts = [Prompt("short", "w1", ["w2", "w3"]), Prompt("long", "w1 " * WINDOW, ["w2"])]
    with pytest.raises(UphillError, match="'long'"):
        next(respond(loaded, prompts, None, 2, parts_in(tmp_path)))
    assert counter.count == 0


def scaled(loaded: Loaded, factor: float, layer: int = 1) -> Loaded:
    """A model whose residual stream is `factor` times as large from block `layer` on."""
    model = copy.deepcopy(loaded.model)
    with torch.no_grad():
        model.model.layers[layer].mlp.down_proj.weight.mul_(factor)
    return dataclasses.replace(loaded, model=model)


def shrunk(loaded: Loaded, factor: float) -> Loaded:
    """A model whose last state is `factor` times as large, its head as much wider."""
    model = copy.deepcopy(loaded.model)
    with torch.no_grad():
        model.model.norm.weight.mul_(factor)
        model.lm_head.weight.div_(factor)
    return dataclasses.replace(loaded, model=model)


@pytest.mark.parametrize("kind", ["llama", "mistral"])
@pytest.mark.parametrize(
    ("change", "factor", "width"),
    [(scaled, 1.0, "float16"), (scaled, 1e5, "float32"), (shrunk, 1e-7, "float32"), (shrunk, 1e-3, "float16")],
)
def test_states_that_do_not_fit_float16_are_kept_in_float32(
    kind: str, change: Any, factor: float, width: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noting.forget()
    loaded, items = change(tiny(kind), factor), item_table(4)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        (table,) = respond(loaded, asked(items), [2, BLOCKS], 1, parts_in(tmp_path))
    assert table.schema.field("state").type.value_type == pa.from_numpy_dtype(np.dtype(width))
    assert ("float32" in caplog.text) == (width == "float32") == any("float32" in line for line in noting.noted())
    expected = np.concatenate([naive_scores(loaded, prompt, [2, BLOCKS])[1] for prompt in expected_prompts(items)])
    found = np.stack(columns([table])["state"]).astype(np.float64)
    assert np.isfinite(found).all()
    for half in (slice(0, WIDTH), slice(WIDTH, None)):
        lost = np.linalg.norm(found[:, half] - expected[:, half], axis=1)
        assert (lost <= (2**-10 + 1e-4) * np.linalg.norm(expected[:, half], axis=1)).all()
    # A resumed attempt says it too.
    noting.forget()
    list(respond(loaded, asked(items), [2, BLOCKS], 1, parts_in(tmp_path)))
    assert any("float32" in line for line in noting.noted()) == (width == "float32")
    noting.forget()


def test_shards_of_both_widths_are_read_as_one(tmp_path: Path) -> None:
    items = item_table(6)
    paths = [tmp_path / f"shard-{number}.parquet" for number in range(2)]
    tables = list(respond(checked(), asked(items), None, 2, parts_in(tmp_path)))
    place = tables[1].schema.get_field_index("state")
    wide = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate(tables[1]["state"].to_pylist()).astype(np.float32) * 1e5), 2 * WIDTH
    )
    tables[1] = tables[1].set_column(place, "state", wide)
    for table, path in zip(tables, paths, strict=True):
        write_arrow(table, path, RESPONSES, {"made": "here"})
    read = ResponseTable.read(paths)
    assert read.states.dtype == np.float32
    expected = np.concatenate([np.stack(columns([table])["state"]) for table in tables])
    np.testing.assert_array_equal(read.states[read.exists], expected)


def test_a_pass_that_keeps_no_states_scores_the_same(tmp_path: Path) -> None:
    items, path = item_table(6), tmp_path / "shard.parquet"
    (with_states,) = respond(checked(), asked(items), None, 1, parts_in(tmp_path / "a"))
    (without,) = respond(checked(), asked(items), None, 1, parts_in(tmp_path / "b"), states=False)
    assert without.equals(with_states.drop_columns("state"))
    write_arrow(without, path, RESPONSES, {"made": "here"})
    assert ResponseTable.read([path], states=False).states.shape[-1] == 0
    with pytest.raises(
        UphillError, match=r"shard\.parquet: keeps no hidden states, expected some of a pass that a probe"
    ):
        ResponseTable.read([path])


def test_shards_of_two_models_are_no_table(tmp_path: Path) -> None:
    paths = [tmp_path / f"{width}.parquet" for width in (4, 5)]
    for path, width in zip(paths, (4, 5), strict=True):
        (table,) = respond(checked(), asked(item_table(3)), None, 1, parts_in(tmp_path / path.stem), states=False)
        ids = pa.array([f"{path.stem} {item}" for item in table["item_id"].to_pylist()])
        states = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(len(table) * width, dtype=np.float16)), width)
        write_arrow(table.set_column(0, "item_id", ids).append_column("state", states), path, RESPONSES, {"id": "one"})
    with pytest.raises(UphillError, match=r"5\.parquet: states of 5 numbers, expected 4 as in .*4\.parquet"):
        ResponseTable.read(paths)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("width", [np.float16, np.float32])
def test_no_reader_sees_a_state_that_is_no_number(value: float, width: Any, tmp_path: Path) -> None:
    (table,) = respond(checked(), asked(item_table(3)), None, 1, parts_in(tmp_path))
    states = np.stack(columns([table])["state"]).astype(width)
    states[-1, 3] = value
    place = table.schema.get_field_index("state")
    broken = pa.FixedSizeListArray.from_arrays(pa.array(states.reshape(-1)), states.shape[1])
    write_arrow(table.set_column(place, "state", broken), tmp_path / "shard.parquet", RESPONSES, {"made": "here"})
    with pytest.raises(UphillError, match=r"shard\.parquet: item 'item-2': a hidden state is infinite or no number"):
        ResponseTable.read([tmp_path / "shard.parquet"])


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_state_that_is_no_number_ends_the_pass(value: float) -> None:
    states = np.ones((2, 8), dtype=np.float32)
    states[1, 5] = value
    with pytest.raises(UphillError, match="item 'odd': a kept hidden state is infinite or no number"):
        narrowest(states, 2, "odd")


@pytest.mark.parametrize("kind", [pa.list_(pa.float16()), pa.list_(pa.float64(), 4), pa.list_(pa.int16(), 4)])
def test_states_of_another_type_break_the_contract(kind: pa.DataType) -> None:
    table = pa.table({name: pa.array([], kind) for name, kind in {**_columns(), "state": kind}.items()})
    with pytest.raises(UphillError, match="expected lists of one length of float16 or float32"):
        RESPONSES.check(table, "here")


def _columns() -> dict[str, pa.DataType]:
    return {field.name: field.type for field in RESPONSES.schema}
