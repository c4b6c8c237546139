"""Where answers end: by the rule, by an end of text, at the limit; and settings and prompts that are refused."""

from typing import Any

import numpy as np
import pytest
import torch
from engine_models import VOCABULARY, WINDOW, WORDS, texts, tiny, words
from plain_decoding import LONGEST, first_line

from uphill.engine.ending import Answer
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.engine.sampling import Sampling
from uphill.errors import UphillError


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
