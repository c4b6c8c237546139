"""An answer is tokenized as the text that it ends, by tokenizers of every kind, and scored as plain text is."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizer_kinds import BYTE_LEVEL, KINDS, made, reading, reported
from transformers import PreTrainedTokenizerFast

from uphill.engine.adapters import Adapters, _ended
from uphill.engine.fitting import examples_that_fit
from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.packing import Branched, lay_out, unscored
from uphill.engine.padded import padded
from uphill.engine.scoring import score
from uphill.engine.token_scores import on_their_own
from uphill.engine.tokens import Prompt, encode, encode_items, encode_prompts, opening
from uphill.errors import UphillError
from uphill.prompts.templates import assemble

# Sums of some tens of nats in float32, by other kernels in another order; a wrong token is off by whole nats.
NATS = 1e-4
PIECES = [
    "Answer:",
    "cat",
    "dogs",
    "café",
    "e\u0301",
    "ﬁ",
    "中",
    "12",
    "x",
    ":",
    "?",
    " ",
    "  ",
    "\n",
    "\n\n",
    "s",
    ".",
]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)
ANSWERS = TEXTS.filter(lambda text: any(character.isalnum() for character in text))


def wholes(loaded: Loaded, prompt: Prompt) -> list[list[int]]:
    """Token ids of each choice with its prompt and the space between them, one text, without special tokens."""
    gaps = ["" if prompt.text[-1:].isspace() or choice[:1].isspace() else " " for choice in prompt.choices]
    texts = [prompt.text + gap + choice for gap, choice in zip(gaps, prompt.choices, strict=True)]
    return [loaded.tokenizer.encode(text, add_special_tokens=False) for text in texts]


def spelt(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[int]:
    """Of a byte-level tokenizer, the byte of the text that each token reaches to: a character of a token is a byte."""
    return list(itertools.accumulate(len(token) for token in tokenizer.convert_ids_to_tokens(list(ids))))


def parts(kind: str, text: str, choices: Sequence[str]) -> tuple[list[str], list[tuple[list[str], list[str]]]]:
    """Tokens of the head, and of each choice those that do not score and those that do."""
    [head], [tails] = encode_items(reading(kind), [Prompt("item", text, choices)])
    named = made(kind).convert_ids_to_tokens
    return named(head), [(named(tail[: unscored(tail)]), named(tail[unscored(tail) :])) for tail in tails]


@pytest.mark.parametrize("text", ["Answer:", "Answer: "])
@pytest.mark.parametrize(
    ("kind", "head", "scored"),
    [
        ("gpt-2", ["Answer", ":"], ["Ġcat"]),
        ("roberta", ["Ġ", "Answer", ":"], ["Ġcat"]),
        ("qwen", ["Answer", ":"], ["Ġcat"]),
        # The colon's token reaches beyond the prompt, though the space in it is trimmed off what is reported.
        ("no regex", ["Answ"], ["er:Ġ", "cat"]),
        ("llama-3", ["<s>", "Answer", ":"], ["Ġcat"]),
        ("llama-2 legacy", ["<s>", "▁Answ"], ["er:▁", "cat"]),
        ("llama-2", ["<s>", "▁Answ"], ["er:▁", "cat"]),
        ("mistral", ["<s>", "▁Answ", "er:"], ["▁cat"]),
        ("gemma", ["<s>", "Answ"], ["er:▁", "cat"]),
        ("unigram", ["▁an", "s", "w", "e", "r", ":"], ["▁cat"]),
        ("wordpiece", ["<s>", "answer", ":"], ["cat"]),
    ],
)
def test_the_space_is_the_answers(kind: str, text: str, head: list[str], scored: list[str]) -> None:
    assert parts(kind, text, ["cat"]) == (head, [([], scored)])


@pytest.mark.parametrize(
    ("kind", "text", "choices", "head", "tails"),
    [
        # White space at the prompt's end, or at the choice's start, is the only white space there is.
        ("gpt-2", "Answer:\n", ["cat", " cat"], ["Answer", ":"], [([], ["Ċ", "c", "at"]), ([], ["Ċ", "Ġcat"])]),
        ("gpt-2", "Answer:", [" cat", "cat"], ["Answer", ":"], [([], ["Ġcat"]), ([], ["Ġcat"])]),
        # A choice that changes how the prompt's end is read: what is the prompt's does not score.
        (
            "no regex",
            "x Answer:",
            ["cat", "\ncat"],
            ["x", "ĠAnsw"],
            [([], ["er:Ġ", "cat"]), (["er", ":"], ["Ċ", "cat"])],
        ),
        (
            "llama-2 legacy",
            "Answer:",
            ["cat", "\ncat"],
            ["<s>", "▁Answ"],
            [([], ["er:▁", "cat"]), (["er", ":"], ["\n", "cat"])],
        ),
        ("llama-3", "Answer:\n", ["\ncat"], ["<s>", "Answer", ":"], [([], ["ĊĊ", "c", "at"])]),
        # Characters of several bytes, and some that are normalized.
        ("gemma", "Answer:", ["中"], ["<s>", "Answ"], [([], ["er:▁", "<0xE4>", "<0xB8>", "<0xAD>"])]),
        ("gpt-2", "Q: caf", ["é"], ["Q", ":", "Ġcaf"], [([], ["Ġ", "Ã©"])]),
        ("qwen", "Q: caf", ["e\u0301"], ["Q", ":", "Ġcaf"], [([], ["Ġ", "Ã©"])]),
        ("wordpiece", "A", ["É", "12"], ["<s>", "a"], [([], ["e"]), ([], ["12"])]),
    ],
)
def test_what_reaches_beyond_the_prompt_is_the_answers(
    kind: str, text: str, choices: list[str], head: list[str], tails: list[Any]
) -> None:
    assert parts(kind, text, choices) == (head, tails)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS.map(lambda text: "Q" + text), choices=st.lists(ANSWERS, min_size=1, max_size=4))
@pytest.mark.parametrize("kind", KINDS)
def test_heads_and_tails_are_the_joint_text_and_what_scores_ends_beyond_the_prompt(
    kind: str, text: str, choices: list[str]
) -> None:
    loaded, prompt = reading(kind, bos="always"), Prompt("item", text, choices)
    bos, tokenizer = [0], made(kind)
    [head], [tails] = encode_items(loaded, [prompt])
    asked = text.rstrip()
    for choice, tail in zip(choices, tails, strict=True):
        gap = "" if text[-1:].isspace() or choice[:1].isspace() else " "
        whole = tokenizer.encode(text + gap + choice, add_special_tokens=False)
        assert head + tail == bos + whole
        ends = reported(tokenizer, text + gap + choice)
        assert tail[unscored(tail) :] == [one for one, end in zip(whole, ends, strict=True) if end > len(asked)]
        if kind in BYTE_LEVEL:
            space = kind == "roberta" and not text[0].isspace()
            far = len(asked.encode()) + space
            bytes_ = spelt(tokenizer, whole)
            assert tail[unscored(tail) :] == [one for one, end in zip(whole, bytes_, strict=True) if end > far]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS.map(lambda text: "Q" + text), min_size=1, max_size=3), data=st.data())
@pytest.mark.parametrize("kind", ["gpt-2", "no regex", "gemma", "unigram"])
def test_nothing_is_read_twice(kind: str, texts: list[str], data: st.DataObject) -> None:
    asked = [Prompt(str(n), text, data.draw(st.lists(ANSWERS, min_size=1, max_size=4))) for n, text in enumerate(texts)]
    heads, tails = encode_items(reading(kind, bos="always"), asked)
    items = [Branched.of(head, own) for head, own in zip(heads, tails, strict=True)]
    for item, head, own in zip(items, heads, tails, strict=True):
        full = [head + tail for tail in own]
        assert [[*item.question, *choice] for choice in item.choices] == full
        # Choices part right behind the question.
        rest = {tuple(choice[:1]) for choice in item.choices}
        assert len(rest) > 1 or () in rest or len(own) == 1
        assert item.sequences([]) == [
            (head + tail[: unscored(tail)], tail[unscored(tail) :])
            for head, tail in zip([head] * len(own), own, strict=True)
        ]
    layout = lay_out(items, start=0)
    assert len(layout.input_ids) == sum(item.n_tokens for item in items)
    scored: list[list[int]] = [[] for _ in layout.last_rows]
    for owner, target in zip(layout.score_choice, layout.score_targets, strict=True):
        scored[owner].append(int(target))
    assert scored == [tail[unscored(tail) :] for own in tails for tail in own]


@torch.no_grad()
def oracle(loaded: Loaded, prompt: Prompt) -> NDArray[np.float64]:
    """[C] by the book: one text a choice, whole, and the log-probability of each token that ends beyond the prompt."""
    asked, found = len(prompt.text.rstrip()), []
    for choice in prompt.choices:
        gap = "" if prompt.text[-1:].isspace() or choice[:1].isspace() else " "
        text = prompt.text + gap + choice
        ids = loaded.tokenizer.encode(text, add_special_tokens=False)
        logprob = loaded.model(torch.tensor([[0, *ids]])).logits[0].double().log_softmax(-1)
        ends = reported(loaded.tokenizer, text)
        found.append(sum(float(logprob[place, one]) for place, one in enumerate(ids) if ends[place] > asked))
    return np.array(found)


SHOWN = "Question: what is it?\nAnswer: cat\n\n"
ITEMS = [
    Prompt("plain", f"{SHOWN}Question: and that?\nAnswer:", ["cat", "dogs", "cats", "a café"]),
    Prompt("same start", f"{SHOWN}Question: how many?\nAnswer:", ["12", "123", "12 cats", "12"]),
    Prompt("spaces", f"{SHOWN}Question: who?\nAnswer: ", [" cat", "\ncat", "cat", "中"]),
    Prompt("line", f"{SHOWN}Question: which?\n", ["yes", "\nno"]),
    Prompt("one", f"{SHOWN}Question: why?\nAnswer:", ["it is a cat. The answer is cat"]),
]


@pytest.mark.parametrize("layers", [None, [1, 2]])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_whole_text(kind: str, layers: list[int] | None) -> None:
    loaded = reading(kind, bos="always")
    found = list(score(loaded, ITEMS, layers))
    assert loaded.packed
    with torch.inference_mode(), KeptLayers(loaded.model, layers) as kept:
        plain = list(padded(loaded, *encode_items(loaded, ITEMS), kept))
    for prompt, scores, slow in zip(ITEMS, found, plain, strict=True):
        expected = oracle(loaded, prompt)
        np.testing.assert_allclose(scores.logprob, expected, rtol=0, atol=NATS)
        np.testing.assert_allclose(slow.logprob, expected, rtol=0, atol=NATS)
        if layers:
            with torch.no_grad():
                last = [
                    loaded.model(torch.tensor([[0, *ids]]), output_hidden_states=True).hidden_states
                    for ids in wholes(loaded, prompt)
                ]
            right = [np.concatenate([states[layer][0, -1].numpy() for layer in layers]) for states in last]
            np.testing.assert_allclose(scores.states, right, rtol=2e-3, atol=1e-3)
            np.testing.assert_allclose(slow.states, right, rtol=2e-3, atol=1e-3)


def test_no_token_is_read_twice_in_a_pass(caplog: pytest.LogCaptureFixture) -> None:
    loaded = reading("gpt-2", bos="always")
    with caplog.at_level("INFO", logger="uphill"):
        list(score(loaded, [Prompt("i", "Answer:", ["12 cats", "12 dogs", "12"])]))
    # BOS, Answer, :, Ġ12 once; Ġcats and Ġdogs part there, and score from there.
    named = made("gpt-2").convert_ids_to_tokens
    [head], [tails] = encode_items(loaded, [Prompt("i", "Answer:", ["12 cats", "12 dogs", "12"])])
    assert named(head) == ["<s>", "Answer", ":"]
    extra = sum(len(tail) - 2 for tail in tails if len(tail) > 1)
    assert f"1 items, {4 + extra} tokens read" in caplog.records[-1].getMessage()


@pytest.mark.parametrize("kind", ["gpt-2", "llama-3", "gemma"])
def test_apart_is_the_published_way(kind: str) -> None:
    loaded = reading(kind, answers="apart")
    prompt = Prompt("i", "Answer: ", ["cat", " cat", "12 cats"])
    [head], [tails] = encode_items(loaded, [prompt])
    assert head == encode_prompts(loaded, [prompt.text])[0] == opening(loaded) + encode(loaded, [prompt.text])[0]
    assert tails == encode(loaded, prompt.choices)
    assert [unscored(tail) for tail in tails] == [0, 0, 0]
    [found] = score(loaded, [prompt])
    assert found.n_tokens.tolist() == list(map(len, tails))
    with torch.no_grad():
        for value, tail in zip(found.logprob, tails, strict=True):
            logprob = loaded.model(torch.tensor([head + tail])).logits[0].double().log_softmax(-1)
            expected = sum(float(logprob[len(head) - 1 + place, one]) for place, one in enumerate(tail))
            assert abs(value - expected) <= NATS


def test_written_answers_and_eos_are_one_text_with_their_prompt() -> None:
    loaded = reading("gpt-2", bos="always")
    prompt = _ended(loaded, Prompt("i", "Q: 1 + 12?\nA:", ["1 + 12 = 13. So the answer is 13"]))
    [head], [[tail]] = encode_items(loaded, [prompt])
    whole = made("gpt-2").encode("Q: 1 + 12?\nA: 1 + 12 = 13. So the answer is 13", add_special_tokens=False)
    assert head + tail == [0, *whole, 1]
    assert made("gpt-2").convert_ids_to_tokens(tail[:1]) == ["Ġ1"]


@pytest.mark.parametrize("packed", [True, False])
def test_adapters_train_on_the_tokens_that_are_scored(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step's loss, before anything has changed, is that of the oracle's scores."""
    loaded = dataclasses.replace(reading("no regex", bos="always"), packed=packed)
    prompts, gold = ITEMS[:4], [1, 0, 2, 1]
    losses: list[float] = []
    original = Adapters.loss

    def watched(self: Adapters, examples: Any, rows: list[int]) -> torch.Tensor:
        loss = original(self, examples, rows)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(Adapters, "loss", watched)
    expected = 0.0
    for prompt, right in zip(prompts, gold, strict=True):
        scores = oracle(loaded, prompt)
        expected += float(np.logaddexp.reduce(scores) - scores[right])
    recipe = LoraRecipe(r=2, dropout=0, epochs=1, batch_items=4, target_modules="all-linear")
    with Adapters(loaded, recipe).fitted(prompts, gold, ("tokens",)):
        pass
    steps = 1 if packed else 4
    assert sum(losses[:steps]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("bos", ["always", "never"])
def test_a_text_alone_scores_every_token(bos: Any) -> None:
    loaded = reading("gpt-2", bos=bos)
    texts = pd.Series({"a": "what is it?", "b": "\ncat", "c": "café"})
    alone, prompts = on_their_own(loaded, texts)
    found = {scored.item_id: -scored.logprob[0] for scored in score(alone, prompts)}
    for name, text in texts.items():
        start = [0] if bos == "always" else encode(loaded, ["\n"])[0]
        ids = encode(loaded, [text if bos == "always" else text.lstrip("\n")])[0]
        with torch.no_grad():
            logprob = loaded.model(torch.tensor([start + ids])).logits[0].double().log_softmax(-1)
        assert found[name] == pytest.approx(-sum(float(logprob[place, one]) for place, one in enumerate(ids)), abs=NATS)


def test_what_cannot_be_scored_is_one_line() -> None:
    loaded = reading("wordpiece", bos="never")
    with pytest.raises(UphillError, match="'i': a choice has no token"):
        encode_items(loaded, [Prompt("i", "Answer:", ["cat", " "])])
    with pytest.raises(UphillError, match="'i': nothing stands before its answer, expected a prompt, or bos: always"):
        encode_items(loaded, [Prompt("i", "", ["cat"])])
    slow = dataclasses.replace(loaded, tokenizer=_Slow())
    with pytest.raises(UphillError, match="expected a fast tokenizer, or answers: apart"):
        encode_items(slow, [Prompt("i", "Answer:", ["cat"])])


class _Slow:
    """A tokenizer without offsets."""

    is_fast, name_or_path, bos_token_id = False, "slow", 0

    def __call__(self, texts: Any, **_: Any) -> Any:
        return {"input_ids": [[7]] * len(texts)}


def test_the_tokenizer_is_left_as_it_was() -> None:
    for kind in KINDS:
        loaded = reading(kind)
        before = loaded.tokenizer.backend_tokenizer.to_str()
        encode_items(reading(kind, bos="always"), ITEMS)
        assert loaded.tokenizer.backend_tokenizer.to_str() == before


@pytest.mark.parametrize("kind", ["gpt-2", "no regex", "gemma"])
def test_examples_are_dropped_by_the_length_of_the_joint_text(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = reading(kind, bos="always")
    query, choices = "Question: who?\nAnswer:", ["12 cats and dogs", "no"]
    for kept in range(3):
        # And BOS.
        needed = 1 + max(map(len, wholes(loaded, Prompt("", assemble([SHOWN.strip()] * kept, query), choices))))
        monkeypatch.setattr(type(loaded), "window", property(lambda _, most=needed: most))
        assert examples_that_fit(loaded, [SHOWN.strip()] * 2, [query], [choices]) == [kept]
        encode_items(loaded, [Prompt("i", assemble([SHOWN.strip()] * kept, query), choices)])
