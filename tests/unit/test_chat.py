"""Models that are asked through their tokenizer's own chat template."""

import copy
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import texts, tiny

from uphill.engine.adapters import Adapters
from uphill.engine.chat import chat_variables, end_of_turn, user_turn
from uphill.engine.ending import ends_of_text
from uphill.engine.fitting import examples_that_fit
from uphill.engine.generation import generate
from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded, load
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.packing import shared_prefix
from uphill.engine.padded import padded
from uphill.engine.scoring import score
from uphill.engine.token_scores import on_their_own
from uphill.engine.tokens import Prompt, encode, encode_items, encode_prompts
from uphill.errors import UphillError
from uphill.prompts.templates import Question, assemble, published

DEMO = Path(__file__).parents[2] / "resources" / "demo-models" / "1280k"
# In the demo model's words; BOS is the template's own. A system's turn, as many templates have it by default.
TEMPLATE = (
    "{{ bos_token }}{% if told is defined %}A: {{ told }}\n{% endif %}"
    "{% for message in messages %}Question: {{ message['content'] | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}Answer:\n{% endif %}"
)
# As those of Llama 3.2 and gpt-oss.
DATED = (
    "{{ bos_token }}{{ date_string }} {% if strftime_now is defined %}{{ strftime_now('%d/%m/%Y') }}{% endif %} "
    "{{ messages[0]['content'] }}"
)
# Float32 sums of some tens of nats, by other kernels in another order; as in test_scoring.
NATS = 1e-4

FORM = published("0040")
ITEMS = [
    Question(f"the dial is at {number}. it goes {number + 1} up. where is it?", [str(c) for c in (number, 7, 12, 1)])
    for number in range(1, 8)
]
SHOWN = [FORM.example(dataclasses.replace(item, answer=item.choices[1])) for item in ITEMS[:2]]


def entry(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"path": str(folder), "dtype": "float32", "quantization": "none", "trust_remote_code": False, **changes}


def chat_folder(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A copy of the demo model, with a chat template."""
    shutil.copytree(DEMO, folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.chmod(0o644)
    path.write_text(json.dumps(settings if template is None else {**settings, "chat_template": template}))
    return folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(entry(chat_folder(tmp_path_factory.mktemp("chat") / "model"), chat=True), pack_tokens=512)


def asked(shown: Sequence[str] = ()) -> list[Prompt]:
    return [Prompt(f"i{n}", assemble(shown, FORM.query(item)), item.choices) for n, item in enumerate(ITEMS)]


def test_ids_are_those_of_the_tokenizers_own_template_with_one_bos(loaded: Loaded) -> None:
    shown = [prompt.text for prompt in asked(SHOWN)]
    found = encode_prompts(loaded, shown)
    for text, ids in zip(shown, found, strict=True):
        own = loaded.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=True, add_generation_prompt=True, return_dict=False
        )
        assert ids == own
        assert ids.count(loaded.tokenizer.bos_token_id) == 1
        assert ids[0] == loaded.tokenizer.bos_token_id
        # The model's turn is open behind the whole prompt.
        assert (
            loaded.tokenizer.decode(ids[1:]).strip()
            == loaded.tokenizer.decode(encode(loaded, [f"Question: {text}\nAnswer:\n"])[0]).strip()
        )
    assert found != encode_prompts(dataclasses.replace(loaded, chat=None), shown)


def test_choices_follow_the_turn_and_examples_are_a_shared_beginning(loaded: Loaded) -> None:
    heads, tails = encode_items(loaded, asked(SHOWN))
    assert tails == [encode(loaded, item.choices) for item in ITEMS]
    shared = heads[0][: shared_prefix(heads)]
    before = loaded.tokenizer.bos_token + "Question: " + assemble(SHOWN, "Question:")
    assert shared[: len(encode(loaded, [before])[0])] == encode(loaded, [before])[0]


def test_packed_scores_are_those_of_one_sequence_a_choice(loaded: Loaded) -> None:
    fresh = dataclasses.replace(loaded, packed=None)
    prompts = asked(SHOWN)
    found = list(score(fresh, prompts))
    assert fresh.packed
    with KeptLayers(loaded.model, None) as kept, torch.inference_mode():
        plain = list(padded(loaded, *encode_items(loaded, prompts), kept))
    for scores, own, prompt in zip(found, plain, prompts, strict=True):
        np.testing.assert_allclose(scores.logprob, own.logprob, rtol=0, atol=NATS)
        message = [{"role": "user", "content": prompt.text}]
        head = loaded.tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False)
        for value, choice in zip(scores.logprob, prompt.choices, strict=True):
            tail = loaded.tokenizer(choice, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = loaded.model(torch.tensor([[*head, *tail]]), use_cache=False).logits[0].log_softmax(-1)
            expected = sum(float(logits[len(head) - 1 + place, token]) for place, token in enumerate(tail))
            assert abs(value - expected) <= NATS


def test_generation_goes_on_from_the_models_turn(loaded: Loaded) -> None:
    prompts = [prompt.text for prompt in asked()[:3]]
    found = texts(generate(loaded, prompts, 6, 2, rule=lambda text: None))
    for text, prompt in zip(found, prompts, strict=True):
        head = encode_prompts(loaded, [prompt])[0]
        made = loaded.model.generate(torch.tensor([head]), max_new_tokens=6, do_sample=False)[0, len(head) :]
        assert text == loaded.tokenizer.decode(made, skip_special_tokens=True).strip()


def test_adapters_learn_the_turn_that_is_scored(loaded: Loaded) -> None:
    """An adapter fitted to one gold place moves the scores of the same chat prompts."""
    prompts = asked()
    gold = [1] * len(prompts)
    before = np.array([scores.logprob for scores in score(loaded, prompts)])
    recipe = LoraRecipe(r=4, dropout=0, lr=0.02, epochs=3, batch_items=4, target_modules="all-linear")
    with Adapters(loaded, recipe).fitted(prompts, gold, ("chat",)) as fitted:
        after = np.array([scores.logprob for scores in score(fitted, prompts)])

    def share(logprob: Any) -> float:
        odds = np.exp(logprob - logprob.max(1, keepdims=True))
        return float((odds[:, 1] / odds.sum(1)).mean())

    assert share(after) > share(before) + 0.1


def test_examples_are_dropped_by_the_length_of_the_turn(loaded: Loaded) -> None:
    """A window that holds the plain prompt to the token does not hold its turn."""
    queries = [FORM.query(ITEMS[0])]
    plain = dataclasses.replace(loaded, chat=None)
    room = loaded.window - len(encode_prompts(plain, [assemble(SHOWN, queries[0])])[0])
    assert examples_that_fit(plain, SHOWN, queries, room) == [2]
    assert examples_that_fit(loaded, SHOWN, queries, room) == [1]


def test_the_probability_of_a_text_alone_needs_no_user(loaded: Loaded) -> None:
    import pandas as pd

    asked = pd.Series({"a": "the dial is at 3.", "b": "where is it?"})
    expected, found = (
        [scored.logprob[0] for scored in score(*on_their_own(of, asked))]
        for of in (dataclasses.replace(loaded, chat=None), loaded)
    )
    assert found == pytest.approx(expected, abs=NATS)


def test_a_map_gives_the_template_its_variables(loaded: Loaded) -> None:
    assert chat_variables({"told": "it is late"}) == {"told": "it is late"}
    assert (chat_variables(True), chat_variables(False)) == ({}, None)
    assert user_turn(loaded.tokenizer, "where?", {"told": "up"}) == "<s>A: up\nQuestion: where?\nAnswer:\n"


def test_a_prompt_is_the_same_on_any_day(tmp_path: Path) -> None:
    dated = load(entry(chat_folder(tmp_path / "model", DATED), chat=True), pack_tokens=512)
    assert user_turn(dated.tokenizer, "where?", {}) == "<s>26 Jul 2024 26/07/2024 where?"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "has no chat template, expected one, or chat: false"),
        ("{{ raise_exception('a system turn is needed') }}", "its chat template fails: a system turn is needed"),
        ("{{ messages[0]['content'][:1] }}", "expected the user's message in it"),
    ],
)
def test_a_model_that_cannot_chat_is_refused_in_one_line(template: str | None, message: str, tmp_path: Path) -> None:
    folder = chat_folder(tmp_path / "model", template)
    with pytest.raises(UphillError, match=message) as caught:
        load(entry(folder, chat=True), pack_tokens=512)
    assert "\n" not in str(caught.value)
    assert load(entry(folder), pack_tokens=512).chat is None


def test_models_that_continue_text_are_asked_as_before() -> None:
    plain = tiny()
    assert plain.chat is None
    assert encode_prompts(plain, ["w1 w2"])[0][0] == plain.tokenizer.bos_token_id


@pytest.mark.parametrize(
    ("template", "end"),
    [
        ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<end>\n{% endfor %}", "<end>"),
        ("{% for m in messages %}{{ m['content'] }} </s>{% endfor %}", "</s>"),
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", None),
        ("{% for m in messages %}{{ m['content'] }} over and out{% endfor %}", None),
        ("{{ raise_exception('users only') if messages | length > 1 }}{{ messages[0]['content'] }}", None),
    ],
)
def test_the_end_of_a_turn_is_the_templates(template: str, end: str | None) -> None:
    loaded = tiny()
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    tokenizer.chat_template = template
    found = end_of_turn(tokenizer, {})
    assert found == (None if end is None else tokenizer.convert_tokens_to_ids(end))
    chatting = dataclasses.replace(loaded, tokenizer=tokenizer, chat={})
    assert (found in ends_of_text(chatting)) is (found is not None)
