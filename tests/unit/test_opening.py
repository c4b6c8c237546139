"""What a text opens with: what the tokenizer itself puts there, BOS, nothing, or a chat template's own."""

import dataclasses
from typing import Any

import pytest
from tokenizer_kinds import KINDS, byte_level, reading, reported
from tokenizers import Tokenizer, models, processors
from transformers import PreTrainedTokenizerFast

from uphill.engine.packing import unscored
from uphill.engine.tokens import Prompt, encode, encode_items, encode_prompts, opening
from uphill.errors import UphillError


@pytest.mark.parametrize(
    ("kind", "auto"),
    [("gpt-2", []), ("llama-3", [0]), ("gemma", [0]), ("unigram", []), ("wordpiece", [0]), ("qwen", [])],
)
def test_bos_is_what_the_tokenizer_does_or_what_is_asked_for(kind: str, auto: list[int]) -> None:
    text = "Question: 1"
    bare = encode(reading(kind), [text])[0]
    for bos, expected in (("auto", auto), ("always", [0]), ("never", [])):
        loaded = reading(kind, bos=bos)
        assert opening(loaded) == expected
        assert encode_prompts(loaded, [text]) == [expected + bare]
        [head], _ = encode_items(loaded, [Prompt("i", text, ["cat"])])
        assert head[: len(expected)] == expected
        assert 0 not in head[len(expected) :]


@pytest.mark.parametrize(
    ("template", "expected"),
    [("<s> $A", [0]), ("$A </s>", []), ("<s> $A </s>", [0]), ("</s> <s> $A", [1, 0]), ("$A", [])],
)
@pytest.mark.parametrize("alphabet", ["Question: 1", "xyz"])
def test_all_that_a_tokenizer_puts_before_a_text_opens_it(template: str, expected: list[int], alphabet: str) -> None:
    """As GLM's two tokens; even where the tokenizer knows no letter of what it is tried on."""
    words = {token: number for number, token in enumerate(["<s>", "</s>", *sorted(set(alphabet))])}
    core = Tokenizer(models.BPE(words, []))
    core.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 0), ("</s>", 1)])
    loaded = dataclasses.replace(
        reading("gpt-2"), tokenizer=PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
    )
    assert opening(loaded) == (expected if alphabet != "xyz" else expected[:1] if expected[:1] == [0] else [])


def test_bos_that_a_tokenizer_has_not_is_one_line() -> None:
    loaded = reading("gpt-2", bos="always")
    nameless = dataclasses.replace(loaded, tokenizer=byte_level())
    nameless.tokenizer.bos_token = None
    with pytest.raises(UphillError, match="bos is always, and its tokenizer has no BOS"):
        encode_prompts(nameless, ["a"])


CHAT = (
    "{{ bos_token }}{% for message in messages %}<u>{{ message['content'] | trim }}</u>\n{% endfor %}"
    "{% if add_generation_prompt %}<a>\n\n{% endif %}"
)


@pytest.mark.parametrize("bos", ["auto", "always", "never"])
@pytest.mark.parametrize("kind", ["gpt-2", "llama-3", "gemma"])
def test_a_chat_models_answer_begins_where_its_turn_does(kind: str, bos: Any) -> None:
    loaded = reading(kind, chat={}, bos=bos)
    loaded = dataclasses.replace(loaded, tokenizer=KINDS[kind]())
    loaded.tokenizer.chat_template = CHAT
    prompt = Prompt("i", "Question: who?\nAnswer:", ["cat", "dogs", "\ncat"])
    turn = "<s><u>Question: who?\nAnswer:</u>\n<a>\n\n"
    [head], [tails] = encode_items(loaded, [prompt])
    for choice, tail in zip(prompt.choices, tails, strict=True):
        whole = loaded.tokenizer.encode(turn + choice, add_special_tokens=False)
        assert head + tail == whole
        ends = reported(loaded.tokenizer, turn + choice)
        assert tail[unscored(tail) :] == [one for one, end in zip(whole, ends, strict=True) if end > len(turn)]
        assert whole.count(0) == 1
