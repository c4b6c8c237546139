"""The demo world: answers recompute from the text, choices are sound, and surface says nothing about difficulty."""

import random
import re
import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import spearmanr

from uphill.datasets import world

SEEDS = st.integers(min_value=0, max_value=2**31)
DOMAINS = st.sampled_from(sorted(world.DOMAINS))
UP, DOWN = {"Raise", "Eastward"}, {"Lower", "Westward"}
DOUBLE = {"Double it.", "Twice that."}


def table(domain: str, n_items: int, seed: int, generative: bool = False) -> pd.DataFrame:
    return world.load(world.Settings(domain=domain, n_items=n_items, seed=seed, generative=generative))


def walk_in(question: str) -> world.Walk:
    """The walk that a question tells, read from its text alone."""
    first, *sentences = re.findall(r"[^.?]+[.?]", question)
    steps = []
    for sentence in (s.strip() for s in sentences[:-1]):
        word, last = sentence.split()
        if sentence in DOUBLE:
            steps.append(world.DOUBLE)
        elif word in UP | DOWN:
            steps.append(int(last[:-1]) * (1 if word in UP else -1))
    return world.Walk(int(first.rstrip(".").split()[-1]), tuple(steps))


@given(domain=DOMAINS, num_steps=st.integers(1, world.MAX_STEPS), seed=st.integers(0, 2**40), held_out=st.booleans())
def test_a_question_is_sound(domain: str, num_steps: int, seed: int, held_out: bool) -> None:
    item = world.draw(random.Random(seed), world.DOMAINS[domain], num_steps, held_out)
    walk = walk_in(item.question)
    assert item.num_steps == num_steps == len(walk.steps)
    assert item.truth == walk.total()
    assert item.lure == walk.without(0).total() != item.truth
    assert len(set(item.choices)) == len(item.choices) == world.N_CHOICES
    assert {item.truth, item.lure} <= set(item.choices) <= set(range(world.RING))
    assert world.is_held_out(item.question) is held_out


@given(domain=DOMAINS, num_steps=st.integers(1, world.MAX_STEPS), seed=st.integers(0, 2**40))
def test_reasoning_ends_in_the_truth_and_careless_reasoning_in_the_lure(domain: str, num_steps: int, seed: int) -> None:
    item = world.draw(random.Random(seed), world.DOMAINS[domain], num_steps, held_out=False)
    assert re.findall(r"\d+", item.reasoning())[-1] == str(item.truth)
    assert item.reasoning().count(".") == num_steps
    assert re.findall(r"\d+", item.careless_reasoning())[-1] == str(item.lure)
    assert item.careless_reasoning().count(".") == max(num_steps - 1, 1)


@given(domain=DOMAINS, seed=SEEDS, n_items=st.integers(1, 30), generative=st.booleans())
def test_a_table_follows_from_its_settings(domain: str, seed: int, n_items: int, generative: bool) -> None:
    items = table(domain, n_items, seed, generative)
    pd.testing.assert_frame_equal(items, table(domain, n_items, seed, generative))
    assert len(items) == n_items
    assert items.item_id.is_unique
    assert items.question.is_unique
    for row in items.itertuples():
        assert row.answer_text == str(walk_in(row.question).total())
        if generative:
            assert (row.choices, row.answer_idx) == ([], pd.NA)
        else:
            assert row.choices[row.answer_idx] == row.answer_text


@pytest.mark.parametrize("domain", sorted(world.DOMAINS))
def test_surface_says_nothing_about_the_steps(domain: str) -> None:
    items = table(domain, 4000, seed=11)
    for length in (items.question.str.split().str.len(), items.question.str.len()):
        assert abs(spearmanr(length, items.num_steps).statistic) < 0.1
    assert items.question.str.split().str.len().nunique() > 1
    counts = items.num_steps.value_counts()
    assert set(counts.index) == set(range(1, world.MAX_STEPS + 1))
    assert counts.max() - counts.min() <= 1


def test_positions_and_values_of_the_answer_are_even() -> None:
    items = table("dial", 4000, seed=3)
    assert items.answer_idx.value_counts(normalize=True).between(0.22, 0.28).all()
    by_value = items.answer_text.value_counts(normalize=True)
    assert len(by_value) == world.RING
    assert by_value.between(0.02, 0.08).all()


def test_seeds_and_domains_differ() -> None:
    dial, other, road = table("dial", 50, 1), table("dial", 50, 2), table("road", 50, 1)
    assert set(dial.question).isdisjoint(other.question)
    assert [walk_in(q) for q in dial.question] != [walk_in(q) for q in road.question]


def test_the_domains_share_no_word() -> None:
    dial, road = ({w for q in table(d, 500, 1).question for w in re.findall(r"[A-Za-z]+", q)} for d in ("dial", "road"))
    assert dial.isdisjoint(road)


def test_two_thousand_items_take_about_a_second() -> None:
    start = time.process_time()  # whatever else this machine does
    table("dial", 2000, seed=0)
    assert time.process_time() - start < 3  # generous: measured well under one second


@pytest.mark.parametrize("change", [{"domain": "moon"}, {"n_items": 0}, {"colour": "red"}])
def test_wrong_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        world.Settings.model_validate({"domain": "dial", "n_items": 5, "seed": 0} | change)


@pytest.mark.parametrize("num_steps", [0, world.MAX_STEPS + 1])
def test_a_wrong_number_of_steps_is_refused(num_steps: int) -> None:
    with pytest.raises(ValueError, match=f"num_steps = {num_steps}"):
        world.draw(random.Random(0), world.DOMAINS["dial"], num_steps, held_out=True)
