"""Prompts beyond a model's window: an error that names the item or, if the config says so, fewer examples."""

import numpy as np
import pytest
from engine_models import WINDOW, tiny, words
from hypothesis import given
from hypothesis import strategies as st

from uphill.engine.fitting import examples_that_fit
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.prompts import assemble

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
