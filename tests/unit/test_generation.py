"""Generation: sharing the prefix, batching and stopping change no answer; draws are each answer's own."""

from typing import Any

import numpy as np
import pytest
import torch
from covering import covering
from engine_models import VOCABULARY, WORDS, met_before, texts, tiny
from plain_decoding import (
    KINDS,
    LONGEST,
    WARM,
    drawn,
    first_line,
    make_talkative,
    model_of,
    names,
    own_part_slowly,
    plain,
    prompts,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from uphill.engine import decoding, prefix_attention, ways
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.engine.sampling import GREEDY, Sampling
from uphill.errors import UphillError


@pytest.fixture
def talkative(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return make_talkative(met_before(model_of(request.param), "talkative"), monkeypatch)


@pytest.fixture
def llama(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return make_talkative(tiny(), monkeypatch)


@pytest.fixture
def plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model goes through transformers' `generate`."""
    monkeypatch.setattr(ways, "WAYS", (ways.SIDE_BY_SIDE, ways.ALONE, ways.WHOLE))


@pytest.fixture
def no_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model does."""
    for way in ("by_generate", "by_whole_passes"):
        monkeypatch.setattr(ways, way, lambda *_: pytest.fail("took a plain way"))


# Behind a shared prefix, and with none but the BOS.
@covering(strength=1, indirect=["talkative"], talkative=KINDS, shared=[30, 0])
@pytest.mark.usefixtures("no_plain_way")
def test_answers_are_those_of_plain_generation(talkative: Loaded, shared: int) -> None:
    asked = prompts(shared, count=12)
    expected = [plain(talkative, prompt) for prompt in asked]
    # The comparison says something about stopping only if some answers stop and some do not.
    lengths = {len(answer.split()) for answer in expected}
    assert min(lengths) < LONGEST
    assert len(lengths) > 2
    for batch in (1, 5, 100):
        assert texts(generate(talkative, asked, LONGEST, batch, rule=first_line)) == expected


@pytest.mark.usefixtures("no_plain_way")
@pytest.mark.parametrize("talkative", KINDS, indirect=True)
def test_batch_size_and_order_change_nothing(talkative: Loaded) -> None:
    asked = prompts(0, count=14)
    settings = {"rule": first_line, "sampling": WARM}
    for extra in ({"rule": first_line}, settings):
        each = WARM.n if extra is settings else 1
        expected = np.reshape(texts(generate(talkative, asked, LONGEST, 1, item_ids=names(asked), **extra)), (-1, each))
        for seed, batch in enumerate((3, 8, 100)):
            order = np.random.default_rng(seed).permutation(len(asked)).tolist()[: len(asked) - seed]
            chosen = [asked[index] for index in order]
            found = texts(generate(talkative, chosen, LONGEST, batch, item_ids=names(chosen), **extra))
            assert found == expected[order].ravel().tolist()


@pytest.mark.usefixtures("no_plain_way")
@covering(strength=1, indirect=["talkative"], talkative=KINDS, sampling=[GREEDY, WARM])
def test_recorded_steps_give_the_same_answers(
    talkative: Loaded, sampling: Sampling, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Fixed shapes, a step launched ahead of what is known, and replays that know of no Python."""
    asked = prompts(30, count=12)
    settings = {"rule": first_line, "sampling": sampling, "item_ids": names(asked)}
    expected = texts(generate(talkative, asked, LONGEST, 1, **settings))
    tapes = Tapes()
    monkeypatch.setattr(ways, "recorder", lambda _: tapes.record)
    monkeypatch.setattr(decoding, "GRAIN", 8)
    monkeypatch.setattr(prefix_attention, "FIRST_ROOM", 8)
    assert texts(generate(talkative, asked, LONGEST, 5, **settings)) == expected
    # Prompts and answers of 24 tokens at most are three widths; steps have 5, 3, 2 or 1 rows. Room is made twice at
    # most, and what was recorded before is recorded anew.
    assert len(tapes.outputs) <= 3 * 4 + 2 * 4
    assert tapes.replays > 2 * len(tapes.outputs)
    assert not caplog.records


@pytest.mark.usefixtures("no_plain_way")
@pytest.mark.parametrize("talkative", ["qwen2", "gpt2"], indirect=True)
@pytest.mark.parametrize("shared", [30, 0])
def test_rows_that_are_read_to_their_own_ends_give_the_same_answers(
    talkative: Loaded, shared: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a GPU, by a slow kernel, recorded: one tape for all lengths that there is room for."""
    asked = prompts(shared, count=12)
    settings = {"rule": first_line, "sampling": WARM, "item_ids": names(asked)}
    expected = texts(generate(talkative, asked, LONGEST, 1, **settings))
    tapes, used = Tapes(), []

    def kernel(*given: Any) -> Any:
        used.append(given)
        return own_part_slowly(*given)

    monkeypatch.setattr(ways, "recorder", lambda _: tapes.record)
    monkeypatch.setattr(decoding, "GRAIN", 8)
    monkeypatch.setattr(decoding, "reads_own_lengths", lambda _: True)
    monkeypatch.setattr(prefix_attention, "own_part", kernel)
    assert texts(generate(talkative, asked, LONGEST, 5, **settings)) == expected
    assert used
    assert len(tapes.outputs) <= 4  # of 5, 3, 2 or 1 rows
    assert not caplog.records


@pytest.mark.usefixtures("no_plain_way")
@pytest.mark.parametrize(("wrong", "message"), [("fails", "fails (no capture)"), ("other", "nats off")])
def test_a_step_that_cannot_be_recorded_is_launched_as_it_is(
    wrong: str, message: str, llama: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = prompts(0)
    expected = texts(generate(llama, asked, LONGEST, 3, rule=first_line))

    def record(function: Any) -> Any:
        if wrong == "fails":
            raise RuntimeError("no capture\nand more lines")
        output = function().clone()
        return lambda: output.mul_(2), output

    monkeypatch.setattr(ways, "recorder", lambda _: record)
    assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == expected
    (line,) = [record.message for record in caplog.records]
    assert message in line


@pytest.mark.usefixtures("no_plain_way")
def test_prompts_without_anything_to_share() -> None:
    loaded = tiny("qwen2", bos=False)
    asked = prompts(0)
    found = generate(loaded, asked, LONGEST, batch=3, rule=first_line)
    assert texts(found) == [plain(loaded, prompt, bos=False) for prompt in asked]


@pytest.mark.usefixtures("no_plain_way")
@pytest.mark.parametrize("pack_tokens", [1, 20])
def test_prompts_are_read_a_few_at_a_time_where_memory_is_short(llama: Loaded, pack_tokens: int) -> None:
    llama.pack_tokens = pack_tokens
    asked = prompts(0)
    expected = [plain(llama, prompt) for prompt in asked]
    assert texts(generate(llama, asked, LONGEST, batch=8, rule=first_line)) == expected


@pytest.mark.parametrize("shared", [30, 0])
def test_a_model_that_cannot_share(
    shared: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """MPT allows no gap between a shared prefix and a prompt's own part."""
    loaded = make_talkative(tiny("mpt"), monkeypatch)
    asked = prompts(shared, count=12)
    expected = [plain(loaded, prompt) for prompt in asked]
    assert texts(generate(loaded, asked, LONGEST, batch=5, rule=first_line)) == expected
    (line,) = [record.message for record in caplog.records if record.name.startswith("uphill")]
    assert line.startswith("decoding by a shared prefix: in a cut-down copy it ")
    assert line.endswith("; taking transformers' generate")


# The BOS, 12 words at most and the answer are 25 tokens.
@covering(kind=["mistral", "gemma3"], window=[24, 5], shared=[30, 0])
@pytest.mark.usefixtures("no_plain_way")
def test_a_window_slides_over_prefix_and_answer(
    kind: str, window: int, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_talkative(tiny(kind, sliding_window=window), monkeypatch)
    asked = prompts(shared, count=12)
    expected = [plain(loaded, prompt) for prompt in asked]
    assert texts(generate(loaded, asked, LONGEST, batch=5, rule=first_line)) == expected


@pytest.mark.usefixtures("plain_way")
def test_the_plain_way_draws_and_stops_alike(llama: Loaded) -> None:
    asked = prompts(0)
    found = texts(generate(llama, asked, LONGEST, 5, rule=first_line, sampling=WARM, item_ids=names(asked)))
    assert found == [drawn(llama, prompt, answer) for prompt in asked for answer in range(WARM.n)]
    # It stops a row where the rule says so: 2 of 12 steps.
    assert texts(generate(llama, asked, LONGEST, 5, rule=lambda text: 2 if "w" in text else None))


@pytest.mark.usefixtures("no_plain_way")
@covering(strength=1, indirect=["talkative"], talkative=KINDS, shared=[30, 0])
def test_draws_are_those_of_a_naive_loop(talkative: Loaded, shared: int) -> None:
    asked = prompts(shared, count=6)
    found = texts(generate(talkative, asked, LONGEST, 4, rule=first_line, sampling=WARM, item_ids=names(asked)))
    assert found == [drawn(talkative, prompt, answer) for prompt in asked for answer in range(WARM.n)]
    assert len(set(found)) > len(asked)


def test_more_answers_and_other_keys(llama: Loaded) -> None:
    """The first two of three answers are the two; another key draws others; greedy answers need no ids."""
    asked = prompts(0)

    def answers(**changes: Any) -> list[str]:
        sampling = Sampling(**{"temperature": 1.0, "n": 2, "key": ("a",), **changes})
        return texts(generate(llama, asked, LONGEST, 8, rule=first_line, sampling=sampling, item_ids=names(asked)))

    two, three, other = answers(), answers(n=3), answers(key=("b",))
    assert [answer for number, answer in enumerate(three) if number % 3 < 2] == two
    assert sum(a != b for a, b in zip(two, other, strict=True)) > len(two) // 2
    with pytest.raises(ValueError, match="item_ids"):
        texts(generate(llama, asked, LONGEST, 8, sampling=Sampling()))


class Tapes:
    """What a CUDA graph is, without one: the operations of a call, done again on the very tensors they were done on."""

    def __init__(self) -> None:
        self.outputs: list[torch.Tensor] = []
        self.replays = 0

    def record(self, function: Any) -> Any:
        calls: list[Any] = []

        class Tape(TorchDispatchMode):
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                if func is torch.ops.aten._local_scalar_dense.default:
                    raise RuntimeError("a number is read on the host")
                result = func(*args, **(kwargs or {}))
                calls.append((func, args, kwargs or {}, result))
                return result

        with Tape():
            output = function()
        self.outputs.append(output)

        def replay() -> None:
            self.replays += 1
            # Graphs share their memory.
            for other in self.outputs:
                other.fill_(torch.nan)
            for func, args, kwargs, result in calls:
                for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)

        return replay, output


class Passes:
    """Shapes of the token blocks that a model reads."""

    def __init__(self, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shapes: list[tuple[int, ...]] = []
        embedding = loaded.model.get_input_embeddings()
        forward = embedding.forward

        def noted(ids: torch.Tensor) -> torch.Tensor:
            self.shapes.append(tuple(ids.shape))
            result: torch.Tensor = forward(ids)
            return result

        monkeypatch.setattr(embedding, "forward", noted)


def test_each_token_is_read_once(llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix once, each prompt once for all its answers, and no row that is over."""
    asked = [f"w1 w2 w3 w4 w5 {word} w7 w8" for word in WORDS[:9]]
    settings = {"rule": first_line, "sampling": WARM, "item_ids": names(asked)}
    texts(generate(llama, asked, LONGEST, 4, **settings))  # the agreement check
    passes = Passes(llama, monkeypatch)
    made = sum(answer.n_tokens for answer in generate(llama, asked, LONGEST, 4, **settings))
    prefix, own = 6, 3
    assert passes.shapes[0] == (1, prefix)
    steps = [rows for rows, width in passes.shapes[1:] if width == 1]
    read = [rows for rows, width in passes.shapes[1:] if width == own - 1]
    assert len(steps) + len(read) + 1 == len(passes.shapes)
    assert max(steps) == 4
    assert sum(steps) == made
    # A prompt whose two answers start in different steps is read for each.
    assert len(asked) <= sum(read) <= len(asked) * WARM.n
    assert made < len(asked) * WARM.n * LONGEST


def test_one_prompt_and_no_prompt() -> None:
    loaded = tiny()
    assert texts(generate(loaded, [], LONGEST, batch=4)) == []
    assert texts(generate(loaded, ["w1 w2 w3"], LONGEST, 4, rule=first_line)) == [plain(loaded, "w1 w2 w3")]
    # Nothing but the BOS.
    assert texts(generate(loaded, [""], LONGEST, 4, rule=first_line)) == [plain(loaded, "")]


def test_out_of_memory_halves_the_batch(
    llama: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A device that holds three rows: those that were half-way start again, draws and all."""
    asked = prompts(0, count=14)
    settings = {"rule": first_line, "sampling": WARM, "item_ids": names(asked)}
    expected = texts(generate(llama, asked, LONGEST, 3, **settings))
    forward = llama.model.forward
    limit, passes = 3, iter(range(10_000))

    def small(input_ids: torch.Tensor, **kwargs: Any) -> Any:
        # Memory is plenty at first.
        if len(input_ids) > limit and next(passes) > 4:
            raise torch.OutOfMemoryError
        return forward(input_ids=input_ids, **kwargs)

    monkeypatch.setattr(llama.model, "forward", small)
    assert texts(generate(llama, asked, LONGEST, 14, **settings)) == expected
    messages = [record.message for record in caplog.records]
    assert messages == [f"out of memory: going on with {count} answers side by side" for count in (7, 3)]
    limit = 0
    with pytest.raises(torch.OutOfMemoryError):
        texts(generate(llama, asked, LONGEST, 2, **settings))
    assert llama.model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("way", ["shared", "plain"])
def test_logits_that_are_no_numbers(
    way: str, wrong: float, llama: Loaded, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    texts(generate(llama, prompts(0), 1, 4))
    if way == "plain":
        request.getfixturevalue("plain_way")
    forward = llama.model.forward

    def broken(input_ids: torch.Tensor, **kwargs: Any) -> Any:
        output = forward(input_ids=input_ids, **kwargs)
        output.logits[input_ids[:, -1] == VOCABULARY["w33"], -1, 5] = wrong
        return output

    monkeypatch.setattr(llama.model, "forward", broken)
    for sampling in (WARM, Sampling(temperature=0)):
        with pytest.raises(UphillError, match="item 'bad': a logit is infinite or no number"):
            texts(generate(llama, ["w1 w2", "w1 w33"], 3, 4, sampling=sampling, item_ids=["good", "bad"]))
