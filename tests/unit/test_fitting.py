"""Prompts beyond a model's window: an error that names the item or, if the config says so, fewer examples.

And prompts within the published number of tokens.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engine_models import WINDOW, tiny, words
from hypothesis import given
from hypothesis import strategies as st
from tokenizer_kinds import made, reading

from uphill.engine.fitting import Room, answer_rooms, examples_that_fit, limited, limited_prompts, rooms_of
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.prompts.templates import assemble

# Tokens beside the words: BOS, and two line breaks between any two parts.
BOS, BREAK = 1, 2


@given(
    lengths=st.lists(st.integers(1, 90), min_size=0, max_size=6),
    asked=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    answer=st.integers(1, 50),
)
def test_as_many_first_examples_stay_as_fit(lengths: list[int], asked: list[int], answer: int) -> None:
    rng = np.random.default_rng(0)
    examples, queries = [words(rng, count) for count in lengths], [words(rng, count) for count in asked]
    answers = [[words(rng, 1), words(rng, answer)]] * len(asked)
    found = examples_that_fit(tiny(), examples, queries, answers)
    assert found == examples_that_fit(tiny(), examples, queries, answer)
    for count, own in zip(found, asked, strict=True):
        needs = [BOS + own + answer + sum(lengths[:held]) + held * BREAK for held in range(len(lengths) + 1)]
        # By hand: the most examples that fit, none where even that is too long.
        assert count == max([held for held, need in enumerate(needs) if need <= WINDOW], default=0)


def test_without_the_switch_a_long_prompt_is_an_error_that_names_the_item() -> None:
    rng = np.random.default_rng(0)
    long = Prompt("item-7", assemble([words(rng, WINDOW)], words(rng, 5)), ["w1", "w2"])
    with pytest.raises(UphillError, match=f"item 'item-7': .* expected at most {WINDOW}"):
        list(score(tiny(), [Prompt("item-1", "w3", ["w1"]), long]))


def released(tokenizer: Any, limit: int, shown: list[str], query: str, longest: int, gold: int) -> tuple[str, int]:
    """The release's cut, step by step: what a prompt becomes, and how many examples were kept of it."""

    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    prompt, kept = assemble(shown, query), len(shown)
    first = ids(prompt)
    if len(first) + longest + 1 > limit:
        if not shown:
            prompt = tokenizer.decode(first[: limit - 2 - longest])
        while kept and len(ids(prompt)) > limit - 2 - longest:
            kept -= 1
            prompt = assemble(shown[:kept], query)
    if len(ids(prompt)) + gold + 1 > limit:
        prompt = tokenizer.decode(first[: max(limit - 2 - gold, 0)])
    return prompt, kept


@given(
    examples=st.lists(st.integers(1, 12), max_size=5),
    asked=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    room=st.tuples(st.integers(1, 8), st.integers(0, 7)),
    limit=st.integers(12, 90),
)
@pytest.mark.parametrize("kind", ["gpt-2", "llama-2", "unigram"])
def test_the_published_limit_cuts_as_the_release_does(
    kind: str, examples: list[int], asked: list[int], room: tuple[int, int], limit: int
) -> None:
    loaded = reading(kind, max_prompt_tokens=limit)
    shown = [f"Q: {'1 + 12, ' * count}?\nA: cat" for count in examples]
    queries = [f"Q: {'cats and dogs ' * count}?\nA:" for count in asked]
    longest, gold = room[0], min(room)
    found = limited(loaded, [shown] * len(queries), queries, [Room(longest, gold)] * len(queries))
    expected = [released(made(kind), limit, shown, query, longest, gold) for query in queries]
    assert found == ([text for text, _ in expected], [kept for _, kept in expected])


@pytest.mark.parametrize(
    ("over", "kept"),
    [
        (-1, 2),
        (0, 2),
        # One token too many: the prompt then has to leave two.
        (1, 1),
    ],
)
def test_the_published_limit_counts_bos_and_the_longest_choice(over: int, kept: int) -> None:
    loaded = reading("gpt-2")
    shown, query, choices = ["Q: 1?\nA: cat"] * 2, "Q: 12?\nA:", [["cats and dogs", "no"]]
    tokens = len(made("gpt-2").encode(assemble(shown, query)))
    [room] = rooms_of(dataclasses.replace(loaded, max_prompt_tokens=1), choices, ["no"])
    assert room == Room(len(made("gpt-2").encode("cats and dogs")), len(made("gpt-2").encode("no")))
    cut = dataclasses.replace(loaded, max_prompt_tokens=tokens + room.longest + 1 - over)
    assert limited(cut, [shown], [query], [room]) == ([assemble(shown[:kept], query)], [kept])


def test_without_a_limit_prompts_are_whole(caplog: pytest.LogCaptureFixture) -> None:
    loaded = reading("gpt-2")
    assert limited(loaded, [["a"], []], ["b", "c"], []) == (["a\n\nb", "c"], [1, 0])
    prompts = [Prompt("i", "Q: cat " * 500, ["a"])]
    assert limited_prompts(loaded, prompts) == prompts
    cut = dataclasses.replace(loaded, max_prompt_tokens=20)
    assert not caplog.records
    [short] = limited_prompts(cut, prompts)
    assert "1 of 1 prompts lose their end, to stay within 20 tokens" in caplog.text
    head = made("gpt-2").encode(prompts[0].text)[: 20 - 2 - 1]
    assert short == dataclasses.replace(prompts[0], text=made("gpt-2").decode(head))


def test_a_written_answer_counts_and_so_does_reasoning_that_is_trained_on() -> None:
    loaded = reading("gpt-2", max_prompt_tokens=100)
    items = pd.DataFrame(
        {"choices": [["cat", "cats and dogs"], []], "answer_text": ["cat", "12"], "reasoning": ["", "1 + 1"]}
    )
    count = {text: len(made("gpt-2").encode(text)) for text in ("cat", "cats and dogs", "12", "1 + 1")}
    assert answer_rooms(loaded, items) == [Room(count["cats and dogs"], count["cat"]), Room(count["12"], count["12"])]
    assert answer_rooms(loaded, items, reasoned=True)[1] == Room(*[count["12"] + count["1 + 1"]] * 2)
    assert answer_rooms(reading("gpt-2"), items) == []
