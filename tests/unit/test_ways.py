"""Ways to decode: each is held to whole passes before it is used; what a checkpoint says of decoding plays no part."""

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from covering import covering
from engine_models import VOCABULARY, texts, tiny, token_ids
from plain_decoding import LONGEST, WARM, drawn, first_line, gemma2, make_talkative, names, plain, prompts
from transformers import GenerationConfig

from uphill.engine import rehearsal, ways
from uphill.engine.checks import Shape
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.errors import UphillError
from uphill.running import noting

CHECKPOINTS: dict[str, Any] = {
    "no_repeat_ngram_size": 1,
    "encoder_no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(4, 40)),
    "begin_suppress_tokens": list(range(4, 40)),
    "bad_words_ids": [[token] for token in range(4, 40)],
    "forced_bos_token_id": 7,
    "forced_eos_token_id": 7,
    "sequence_bias": [[[9], 50.0]],
    "repetition_penalty": 5.0,
    "encoder_repetition_penalty": 5.0,
    "exponential_decay_length_penalty": [1, 5.0],
    "length_penalty": 3.0,
    "min_length": 40,
    "min_new_tokens": 11,
    "max_length": 3,
    "max_new_tokens": 1,
    "max_time": 1e-6,
    "stop_strings": ["w"],
    "early_stopping": True,
    "num_beams": 3,
    "num_beam_groups": 3,
    "diversity_penalty": 2.0,
    "constraints": [1],
    "penalty_alpha": 0.6,
    "do_sample": True,
    "temperature": 9.0,
    "top_k": 2,
    "top_p": 0.1,
    "top_h": 0.5,
    "min_p": 0.9,
    "typical_p": 0.1,
    "epsilon_cutoff": 0.3,
    "eta_cutoff": 0.3,
    "guidance_scale": 4.0,
    "watermarking_config": {"greenlist_ratio": 0.5, "bias": 20.0},
    "renormalize_logits": True,
    "remove_invalid_values": True,
    "token_healing": True,
    "num_return_sequences": 3,
    "use_cache": False,
    "cache_implementation": "static",
    "cache_config": {"max_cache_len": 3},
    "max_cache_len": 3,
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_attentions": True,
    "prompt_lookup_num_tokens": 3,
    "num_assistant_tokens": 3,
    "assistant_early_exit": 1,
    "dola_layers": "low",
    "use_mtp": True,
    "custom_generate": "somebody/something",
    "trust_remote_code": True,
    "pad_token_id": 9,
    "bos_token_id": 9,
    "decoder_start_token_id": 9,
    "something_that_is_yet_to_come": 3,
}
"""What a checkpoint's generation config can say, each with a value that would change an answer, or crash."""


def settle(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Leave no way but one."""
    monkeypatch.setattr(ways, "WAYS", tuple(dict.fromkeys((way, ways.WHOLE))))


@torch.inference_mode()
def taken(loaded: Loaded, asked: Sequence[str], batch: int = 5, longest: int = LONGEST) -> str:
    """The way that is chosen."""
    heads = [token_ids(prompt, bos=True) for prompt in asked]
    return ways.Ways(loaded, heads, 1, longest, batch).name


@pytest.fixture
def llama(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return make_talkative(tiny(), monkeypatch)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_nothing_of_a_checkpoints_generation_config_counts(
    name: str, llama: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where transformers' `generate` does the work, which would take it."""
    settle(monkeypatch, ways.SIDE_BY_SIDE)
    llama.checks.add(f"decoding by {ways.SIDE_BY_SIDE}", Shape(99, 2, 1, states=False), None)
    asked = prompts(0, count=3)
    right = [plain(llama, prompt) for prompt in asked]
    said = copy.deepcopy(llama.model.generation_config)
    setattr(said, name, CHECKPOINTS[name])
    monkeypatch.setattr(llama.model, "generation_config", said)
    assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == right
    assert llama.model.generation_config is said


@pytest.mark.parametrize("way", ways.WAYS)
def test_all_of_it_together_counts_on_no_way(way: str, llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, way)
    asked = prompts(0, count=4)
    right = [plain(llama, prompt) for prompt in asked]
    said = copy.deepcopy(llama.model.generation_config)
    for name, value in CHECKPOINTS.items():
        setattr(said, name, value)
    monkeypatch.setattr(llama.model, "generation_config", said)
    assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == right


def test_transformers_merges_nothing_of_a_checkpoint(llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it has today, and whatever else stands in the file."""
    settle(monkeypatch, ways.SIDE_BY_SIDE)
    said = GenerationConfig()
    for name in [*vars(said), *CHECKPOINTS]:
        setattr(said, name, "from the checkpoint")
    said.eos_token_id = VOCABULARY["</s>"]
    monkeypatch.setattr(llama.model, "generation_config", said)
    merged: list[GenerationConfig] = []
    prepare = type(llama.model)._prepare_generation_config

    def noted(self: Any, *arguments: Any, **named: Any) -> Any:
        found = prepare(self, *arguments, **named)
        merged.append(found[0])
        return found

    monkeypatch.setattr(type(llama.model), "_prepare_generation_config", noted)
    assert texts(generate(llama, prompts(0, count=2), LONGEST, 3, rule=first_line))
    assert merged
    assert not [name for config in merged for name, value in vars(config).items() if value == "from the checkpoint"]


@pytest.mark.parametrize("way", ways.WAYS)
@pytest.mark.parametrize(
    ("listed", "ends"),
    [
        (None, ["</s>"]),
        (VOCABULARY["w3"], ["</s>", "w3"]),
        ([VOCABULARY["w3"], VOCABULARY["w5"]], ["</s>", "w3", "w5"]),
        ([VOCABULARY["w3"], -1, 10**9], ["</s>", "w3"]),
    ],
)
def test_ends_of_text_are_the_same_on_every_way(
    way: str, listed: Any, ends: list[str], llama: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokenizer's, and all that the model's config lists; none that its generation config does."""
    settle(monkeypatch, way)
    said = copy.deepcopy(llama.model.generation_config)
    said.eos_token_id = VOCABULARY["w4"]
    monkeypatch.setattr(llama.model, "generation_config", said)
    monkeypatch.setattr(llama.model.config, "eos_token_id", listed)
    asked = prompts(0, count=6)
    wanted = [looped(llama, prompt, {VOCABULARY[end] for end in ends}) for prompt in asked]
    found = [text.split() for text in texts(generate(llama, asked, LONGEST, 4, rule=lambda _: None))]
    assert found == wanted
    assert len({len(words) for words in wanted}) > 1


def looped(loaded: Loaded, prompt: str, stops: set[int]) -> list[str]:
    """What a greedy loop of whole passes writes."""
    ids, new = token_ids(prompt, bos=True), []
    spelt = {number: word for word, number in VOCABULARY.items()}
    while len(new) < LONGEST:
        with torch.no_grad():
            token = int(loaded.model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax())
        if token in stops:
            break
        new.append(token)
    return [word for token in new if (word := spelt[token].strip()) and not word.startswith("<")]


@pytest.mark.parametrize("way", ways.WAYS)
def test_draws_are_the_same_on_every_way(way: str, llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, way)
    asked = prompts(0, count=5)
    found = generate(llama, asked, LONGEST, 4, rule=first_line, sampling=WARM, item_ids=names(asked))
    assert texts(found) == [drawn(llama, prompt, answer) for prompt in asked for answer in range(WARM.n)]


def off(error: float) -> Any:
    """The fast way with logits that are off, at random, by so much."""
    decode = ways.decode

    def wrong(*arguments: Any) -> Iterator[Any]:
        *before, choose, record = arguments
        noise = torch.Generator().manual_seed(0)

        def chosen(rows: Any, logits: torch.Tensor) -> torch.Tensor:
            return choose(rows, logits + error * torch.randn(logits.shape, generator=noise).to(logits))

        yield from decode(*before, chosen, record)

    return wrong


# Rounding alone moves this small model's logits in 16 bits by some hundredths of a nat.
@pytest.mark.parametrize(
    ("dtype", "copied", "error"),
    [
        (torch.float32, True, 0.001),
        (torch.float32, False, 0.01),
        (torch.bfloat16, True, 0.001),
        (torch.bfloat16, True, 0.43),
        (torch.bfloat16, False, 0.43),
    ],
)
def test_an_error_of_a_fraction_of_a_nat_is_found(
    dtype: torch.dtype, copied: bool, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the copy; and in 16 bits on the model itself, where there is none."""
    loaded = in_dtype(tiny(), dtype)
    if not copied:
        loaded.checks.copy = False
    assert taken(loaded, prompts(0)) == ways.SHARED
    monkeypatch.setattr(ways, "decode", off(error))
    loaded = in_dtype(tiny(), dtype)
    loaded.checks.copy = None if copied else False
    assert taken(loaded, prompts(0)) == ways.SIDE_BY_SIDE


@covering(
    strength=1,
    kind=["llama", "mixtral", "qwen2", "gpt_neox", "gpt2", "gemma2", "gemma3"],
    dtype=[torch.float32, torch.bfloat16, torch.float16],
)
def test_honest_rounding_passes(kind: str, dtype: torch.dtype) -> None:
    loaded = in_dtype(gemma2() if kind == "gemma2" else tiny(kind), dtype)
    for longest in (LONGEST, 60):
        assert taken(loaded, prompts(20), longest=longest) == ways.SHARED


def in_dtype(loaded: Loaded, dtype: torch.dtype) -> Loaded:
    return dataclasses.replace(loaded, model=copy.deepcopy(loaded.model).to(dtype))


FIRST = {
    ways.SHARED: "a shared prefix",
    ways.SIDE_BY_SIDE: "transformers' generate",
    ways.ALONE: "transformers' generate, one answer at a time",
}


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_each_way_that_is_wrong_is_left_for_the_next(
    wrong: int, llama: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    problem_of = ways._Check.problem
    bad = ways.WAYS[:wrong]

    def problem(self: Any, name: str) -> str | None:
        return "it is 1 nats off whole passes" if name in bad else problem_of(self, name)

    monkeypatch.setattr(ways._Check, "problem", problem)
    noting.forget()
    asked = prompts(0)
    expected = [plain(llama, prompt) for prompt in asked]
    for _ in range(2):
        assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == expected
    lines = [record.message for record in caplog.records if record.name == ways.__name__]
    # Once for each, though two calls took them.
    assert [line.partition(":")[0] for line in lines] == [f"decoding by {FIRST[way]}" for way in bad]
    assert [line.rpartition("; taking ")[2] for line in lines] == list(ways.WAYS[1 : wrong + 1])
    assert [line for line in noting.noted() if "decoding by" in line] == sorted(
        f"{llama.model.config.name_or_path}: {line}" for line in lines
    )


@pytest.mark.parametrize("error", [IndexError("list index\nout of range"), KeyError("layer 3"), AttributeError("no x")])
def test_a_way_that_fails_amid_a_job_is_left(
    error: Exception, llama: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = prompts(0)
    expected = [plain(llama, prompt) for prompt in asked]
    assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == expected
    decode = ways.decode

    def failing(*arguments: Any) -> Iterator[Any]:
        for number, row in enumerate(decode(*arguments)):
            if number == 3:
                raise error
            yield row

    monkeypatch.setattr(ways, "decode", failing)
    assert texts(generate(llama, asked, LONGEST, 3, rule=first_line)) == expected
    (line,) = [record.message for record in caplog.records if record.name == ways.__name__]
    assert line.startswith(f"decoding by a shared prefix: it fails: {type(error).__name__}: ")
    assert "\n" not in line


def test_a_model_that_no_way_can_run_is_refused_in_one_line(llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no kernel\nfor this here")

    monkeypatch.setattr(llama.model, "forward", broken)
    with pytest.raises(UphillError, match=r"cannot run the model: RuntimeError: no kernel for this here$"):
        texts(generate(llama, prompts(0), LONGEST, 3))


def test_a_check_holds_for_jobs_that_ask_for_no_more(llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    greedy = rehearsal.greedy
    monkeypatch.setattr(rehearsal, "greedy", lambda *given: tried.append(given) or greedy(*given))
    for asked, batch, longest, checks in (
        (prompts(0), 4, LONGEST, 1),
        (prompts(0), 4, LONGEST, 1),
        (prompts(0, count=3), 1, LONGEST - 4, 1),
        (prompts(0), 4, 4 * LONGEST, 2),
        (prompts(0), 2, LONGEST, 2),
    ):
        taken(llama, asked, batch, longest)
        assert len(tried) == checks


def test_what_is_compared_is_the_shortest_the_longest_and_another() -> None:
    heads = [[1] * length for length in (5, 3, 9, 7, 4)]
    assert [len(head) for head in rehearsal.chosen(heads)] == [3, 5, 9]
    assert rehearsal.chosen([[1, 2]]) == [[1, 2]]
    assert len(rehearsal.chosen([[1], [2]])) == 2


def test_numbers_that_are_none_are_left_to_the_job(llama: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way is not to blame for a model's own infinities, nor passed for having others."""
    right = rehearsal.Rehearsed([[3], [4]], [[5], [6]], [0], torch.tensor([[[0.0, torch.nan]], [[1.0, -torch.inf]]]))
    said = iter([right.logprobs, right.logprobs.nan_to_num(), right.logprobs[..., :1]])
    monkeypatch.setattr(rehearsal, "tried", lambda *_: next(said))
    assert rehearsal.disagreement(None, right, 2, 1e-3) is None  # type: ignore[arg-type]
    assert "finite" in str(rehearsal.disagreement(None, right, 2, 1e-3))  # type: ignore[arg-type]
    assert "logits are" in str(rehearsal.disagreement(None, right, 2, 1e-3))  # type: ignore[arg-type]
