"""Generation: sharing the prefix, batching and stopping change no answer; draws are each answer's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import VOCABULARY, WINDOW, WORDS, ragged_prompts, texts, tiny, token_ids, word_tokenizer, words
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, Gemma2Config

from uphill.engine import decoding, ways
from uphill.engine.ending import Answer
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.engine.sampling import GREEDY, Sampling
from uphill.errors import UphillError
from uphill.randomness import keyed_rng

LONGEST = 12
KINDS = ("llama", "mistral", "qwen2", "gpt_neox", "gpt2", "gemma2")
WARM = Sampling(temperature=0.7, top_p=0.8, n=2, key=("test",))


def gemma2(**_: Any) -> Loaded:
    """A model that caps the logits of its attention and of its output."""
    torch.manual_seed(2)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    caps = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 10.0, "query_pre_attn_scalar": 16}
    tokens = {"bos_token_id": VOCABULARY["<s>"], "eos_token_id": VOCABULARY["</s>"], "pad_token_id": 0}
    config = Gemma2Config(
        vocab_size=len(VOCABULARY),
        intermediate_size=48,
        head_dim=8,
        tie_word_embeddings=False,
        initializer_range=0.3,
        max_position_embeddings=WINDOW,
        **{**sizes, **caps, **tokens},
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    return Loaded(model, word_tokenizer(), torch.device("cpu"), pack_tokens=4096)


def model_of(kind: str) -> Loaded:
    return gemma2() if kind == "gemma2" else tiny(kind)


def prompts(shared_words: int, count: int = 8) -> list[str]:
    """Prompts of 2 to 12 own words, longer and shorter ones mixed."""
    return [prompt.text for prompt in ragged_prompts(count, seed=11, shared_words=shared_words)]


def names(asked: Sequence[str]) -> list[str]:
    """Ids that go with the prompts, wherever they stand."""
    return [f"id of {prompt}" for prompt in asked]


def first_line(text: str) -> int | None:
    end = text.find("\n")
    return None if end < 0 else end


def plain(loaded: Loaded, prompt: str, bos: bool = True) -> str:
    """The first line of transformers' own greedy continuation of one prompt, which knows of no line ends."""
    ids = torch.tensor([token_ids(prompt, bos)])
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=LONGEST,
        use_cache=False,
        pad_token_id=0,
    )
    text: str = loaded.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return text.split("\n")[0].strip()


@torch.no_grad()
def drawn(loaded: Loaded, prompt: str, answer: int, sampling: Sampling = WARM) -> str:
    """One sampled answer's first line, token by token: a pass over all of it, then numpy in float64."""
    rng = keyed_rng(*sampling.key, f"id of {prompt}", answer)
    ids = token_ids(prompt, bos=True)
    new: list[int] = []
    while len(new) < LONGEST and not {VOCABULARY["\n"], VOCABULARY["</s>"]} & set(new):
        logits = loaded.model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1].double().numpy()
        chances = np.exp(logits / sampling.temperature - (logits / sampling.temperature).max())
        chances /= chances.sum()
        kept: set[int] = set()
        for token in np.argsort(-chances):
            if sum(chances[list(kept)]) < sampling.top_p:
                kept.add(int(token))
        nucleus = [chance if token in kept else 0 for token, chance in enumerate(chances)]
        point = rng.random() * sum(nucleus)
        new.append(next(token for token in range(len(nucleus)) if sum(nucleus[: token + 1]) > point))
    return " ".join(WORDS[token - VOCABULARY["w0"]] for token in new if token >= VOCABULARY["w0"])


def make_talkative(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A model whose lines end at times: the line break's logit is high, and so is that of the end of text."""
    head = loaded.model.get_output_embeddings()
    forward = head.forward

    def louder(rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = forward(rows)
        logits[..., [VOCABULARY["\n"], VOCABULARY["</s>"]]] += 2.0
        return logits

    monkeypatch.setattr(head, "forward", louder)
    return loaded


@pytest.fixture(params=KINDS)
def talkative(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return make_talkative(model_of(request.param), monkeypatch)


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
@pytest.mark.parametrize("shared", [30, 0])
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
def test_batch_size_and_order_change_nothing(talkative: Loaded) -> None:
    asked = prompts(0, count=20)
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
@pytest.mark.parametrize("sampling", [GREEDY, WARM])
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
    assert texts(generate(talkative, asked, LONGEST, 5, **settings)) == expected
    # Prompts and answers of 24 tokens at most are three widths; steps have 5, 3, 2 or 1 rows.
    assert len(tapes.outputs) <= 3 * 4
    assert tapes.replays > 2 * len(tapes.outputs)
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
@pytest.mark.parametrize("window", [24, 5])
@pytest.mark.parametrize("kind", ["mistral", "gemma3"])
@pytest.mark.parametrize("shared", [30, 0])
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
@pytest.mark.parametrize("shared", [30, 0])
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


def counting(loaded: Loaded, monkeypatch: pytest.MonkeyPatch, follows: dict[str, str], else_: str = "w7") -> Loaded:
    """A model that knows which word comes after which."""
    after = {VOCABULARY[word]: VOCABULARY[following] for word, following in follows.items()}
    forward = loaded.model.forward

    def counted(input_ids: torch.Tensor, **kwargs: Any) -> Any:
        output = forward(input_ids=input_ids, **kwargs)
        output.logits = torch.zeros_like(output.logits)
        for row, token in enumerate(input_ids[:, -1].tolist()):
            output.logits[row, -1, after.get(token, VOCABULARY[else_])] = 1.0
        return output

    monkeypatch.setattr(loaded.model, "forward", counted)
    return loaded


def test_an_answer_stops_where_the_rule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that counts w0, w1, ... and breaks the line after w4: the rule sees the text, not tokens."""
    loaded = counting(tiny(), monkeypatch, {**{f"w{i}": f"w{i + 1}" for i in range(4)}, "w4": "\n", "\n": "w0"})
    asked = ["w9 w2", "w9 w8 w4", "w9 w0"]
    assert texts(generate(loaded, asked, LONGEST, 3, rule=first_line)) == ["w3 w4", "", "w1 w2 w3 w4"]
    assert texts(generate(loaded, ["w9 w0"], 2, 3, rule=first_line)) == ["w1 w2"]

    def second_line(text: str) -> int | None:
        return None if text.count("\n") < 2 else text.rindex("\n")

    assert texts(generate(loaded, asked[:1], LONGEST, 3, rule=second_line)) == ["w3 w4 \n w0 w1 w2 w3 w4"]
    # The rule of the written answers knows of neither: they go on.
    assert [len(text.split(" ")) for text in texts(generate(loaded, asked, LONGEST, 3))] == [
        LONGEST,
        LONGEST - 1,
        LONGEST,
    ]


def test_every_end_of_text_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer's, and those that the model's config lists."""
    loaded = counting(tiny(), monkeypatch, {"w1": "w2", "w2": "w3", "w3": "</s>"})
    assert texts(generate(loaded, ["w9 w1", "w9 w3"], LONGEST, 2)) == ["w2 w3", ""]
    monkeypatch.setattr(loaded.model.config, "eos_token_id", [VOCABULARY["w3"], VOCABULARY["w30"]])
    assert texts(generate(loaded, ["w9 w1"], LONGEST, 2)) == ["w2"]


def test_an_answer_says_how_long_it_is_and_whether_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the rule, by an end of text, at the limit, and by either with the last token that the limit allows."""
    loaded = counting(tiny(), monkeypatch, {"w1": "w2", "w2": "w3", "w3": "</s>", "w4": "\n", "\n": "w5"})
    asked = ["w9 w1", "w9 w4", "w9 w5"]
    found = list(generate(loaded, asked, 3, 3, rule=first_line))
    assert found == [Answer("w2 w3", 3, True), Answer("", 1, True), Answer("w7 w7 w7", 3, False)]
    assert list(generate(loaded, asked[:1], 2, 3, rule=first_line)) == [Answer("w2 w3", 2, False)]
    # A line that the limit cuts off may have gone on.
    assert list(generate(loaded, asked[1:2], 3, 3, rule=lambda _: None)) == [Answer("w5 w7", 3, False)]


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


def test_a_prompt_without_room_for_its_answer_is_refused() -> None:
    rng = np.random.default_rng(0)
    # With the BOS and the answer: exactly the window, then one more.
    fits, long = (words(rng, WINDOW - 1 - LONGEST + more) for more in (0, 1))
    assert len(texts(generate(tiny(), [WORDS[0], fits], LONGEST, batch=2))) == 2
    with pytest.raises(UphillError, match=rf"item 'b'.*{WINDOW + 1} tokens.*{WINDOW}"):
        texts(generate(tiny(), [fits, long], LONGEST, batch=2, item_ids=["a", "b"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1}, "temperature is -1, expected 0 or more"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        ({"n": 0}, "n is 0"),
        ({"temperature": 0, "n": 2}, "n is 2.*1 at temperature 0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        Sampling(**settings)
