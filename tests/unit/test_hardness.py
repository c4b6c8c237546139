"""Measures against values worked out by hand, levels at their edges."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.hardness import human, mdl_lora, mdl_probe, mdl_zero_shot, surface
from uphill.hardness.data import Graded, HardnessData, Responded, long_form
from uphill.hardness.description_length import code_length, places, training_items
from uphill.hardness.levels import Cuts, add_levels, cut, mean_over_models
from uphill.randomness import keyed_seed


def items(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "question": [" ".join(["word"] * (n % 5 + 1)) for n in range(count)],
            "answer_text": [str(n) for n in range(count)],
            "reasoning": ["a b c"] * count,
            "answer_idx": pd.array([n % 2 for n in range(count)], dtype="Int64"),
            "grade": range(count),
            "pool": ["hardness" if n < count // 2 else "experiment" for n in range(count)],
        },
        index=pd.Index([f"i{n:02d}" for n in range(count)], name="item_id"),
    )


def data(human_columns: tuple[str, ...] = ("grade",)) -> HardnessData:
    return HardnessData(Graded("d", human_columns, False, 20), items(), 0)


def responded(table: ResponseTable) -> Responded:
    return Responded(**vars(data()), responses=table)


def responses(informative: bool = True) -> ResponseTable:
    """Forty items; if informative, every feature says which choice is right.

    One feature would not do: the published recipe's un-squared norm pulls harder than one feature can.
    """
    rng = np.random.default_rng(0)
    states = rng.normal(size=(40, 2, 64)).astype(np.float32)
    gold = np.arange(40) % 2
    if informative:
        states[np.arange(40), gold] += 2
    logprob = np.log(np.array([[0.2, 0.8]] * 40))
    exists = np.ones((40, 2), dtype=bool)
    return ResponseTable(list(items().index), logprob, 3 * exists, exists, states)


def test_surface_counts_words_and_characters() -> None:
    table = surface.measure("surface", surface.Settings(), data()).pivot(
        index="item_id", columns="variable", values="value"
    )
    assert table.loc["i13"].to_dict() == {
        "question_num_words": 4,
        "answer_num_words": 1,
        "answer_num_chars": 2,
        "reasoning_num_words": 3,
    }


def test_human_grades_are_the_datasets_own_columns() -> None:
    found = human.measure("human", human.Settings(), data()).set_index("item_id")["value"]
    assert found["i07"] == 7


@pytest.mark.parametrize(("column", "message"), [("absent", "no column 'absent'"), ("question", "item 'i00'")])
def test_grade_that_is_no_number_is_named(column: str, message: str) -> None:
    with pytest.raises(UphillError, match=message):
        human.measure("human", human.Settings(), data(human_columns=(column,)))


def values(rows: pd.DataFrame, variable: str = "mdl") -> pd.Series:
    return rows[rows["variable"] == variable].set_index("item_id")["value"]


def zero_shot(table: ResponseTable, variable: str = "mdl") -> pd.Series:
    return values(mdl_zero_shot.measure("mdl", mdl_zero_shot.Settings(), responded(table)), variable)


def probe(table: ResponseTable, sizes: list[int], variable: str = "mdl") -> pd.Series:
    recipe = mdl_probe.Settings(sizes=sizes, boots=2)
    return values(mdl_probe.measure("mdl", recipe, responded(table)), variable)


def test_zero_shot_mdl_is_one_minus_the_gold_choices_probability() -> None:
    found = zero_shot(responses())
    # The model gives .2 to choice 0, which is right for even items.
    assert found["i00"] == pytest.approx(0.8)
    assert found["i01"] == pytest.approx(0.2)
    assert zero_shot(responses(), "mdl_bits")["i00"] == pytest.approx(-np.log2(0.2))


def test_written_answers_count_by_the_token_and_cost_all_their_bits() -> None:
    logprob = np.full((40, 1), 6 * np.log(0.5))
    exists = np.ones((40, 1), dtype=bool)
    table = ResponseTable(list(items().index), logprob, 6 * exists, exists, np.zeros((40, 1, 4), dtype=np.float32))
    written = items().assign(choices=[[]] * 40, answer_idx=pd.array([None] * 40, dtype="Int64"))
    asked = Responded(Graded("d", (), True, 20), written, 0, table)
    rows = mdl_zero_shot.measure("mdl", mdl_zero_shot.Settings(), asked)
    assert values(rows).to_numpy() == pytest.approx(0.5)
    assert values(rows, "mdl_bits").to_numpy() == pytest.approx(6)


def test_prequential_code_length_by_hand() -> None:
    # A message of 10 answers of four choices: 2 sent uniformly, 3 at p = .5, 5 at p = .25.
    bits = code_length(np.log([[[0.5], [0.25]]]), [2, 5], 10, np.array([2.0]))
    assert bits == pytest.approx((2 * 2 + 3 * 1 + 5 * 2) / 10)


def test_an_answer_of_the_pool_costs_what_it_did_at_its_place() -> None:
    """At places 0, 2, 4 and 5 of a message whose models know 2 and 5 answers: uniform, first, first, second model."""
    log_p = np.log(np.array([[[0.5] * 5, [0.25] * 5]]))
    bits = code_length(log_p, [2, 5], 10, np.full(5, 3.0), np.array([[0, 2, 4, 5, -1]]))
    assert bits[0, :4] == pytest.approx([3, 1, 1, 2])
    assert bits[0, 4] == pytest.approx((2 * 3 + 3 * 1 + 5 * 2) / 10)


def test_no_answer_is_sent_with_a_model_that_was_trained_on_it() -> None:
    made, ids = data(), list(items().index)
    own = places(made, 3, ids)
    for boot, size in itertools.product(range(3), (5, 10, 20)):
        trained = set(training_items(made, size, boot))
        assert {item for item, place in zip(ids, own[boot], strict=True) if 0 <= place < size} == trained
    assert sorted(own[0]) == [-1] * 20 + list(range(20))


def test_prequential_code_is_short_where_a_probe_can_read_the_answer() -> None:
    easy = probe(responses(), [5, 10, 20], "mdl_bits").mean()
    noise = probe(responses(informative=False), [5, 10, 20], "mdl_bits").mean()
    assert easy < 0.7  # a quarter of the pool is sent at the uniform code's 1 bit
    assert noise > 0.9


def test_probe_mdl_is_low_where_a_probe_can_read_the_answer() -> None:
    easy = probe(responses(), [10, 20]).mean()
    noise = probe(responses(informative=False), [10, 20]).mean()
    assert easy < 0.3
    assert noise == pytest.approx(0.5, abs=0.15)  # chance, with 40 items of two choices


def test_probe_mdl_refuses_a_size_beyond_its_pool() -> None:
    with pytest.raises(UphillError, match="trains on 21 items, expected at most the 20"):
        probe(responses(), [21])


def test_which_mdl_applies_to_which_dataset() -> None:
    both, none = ["mdl", "mdl_bits"], Graded("d", (), False, 0)
    chosen, written = Graded("d", (), False, 20), Graded("d", (), True, 20)
    modules = (mdl_zero_shot, mdl_probe, mdl_lora)
    applies = [
        [module.variables("mdl", module.Settings(), kind) for kind in (chosen, written, none)] for module in modules
    ]
    # A probe needs choices, and what learns needs a pool to learn from.
    assert applies == [[both, both, both], [both, [], []], [both, both, []]]


def test_cut_offs_are_inclusive_and_easy_wins() -> None:
    four = pd.Series([1.0, 2.0, 3.0, 4.0])
    assert cut(four, 2, 4).tolist() == ["easy", "easy", "medium", "hard"]
    assert cut(four, 2, 2).tolist() == ["easy", "easy", "hard", "hard"]


def test_quantiles_are_those_of_the_experiment_pool() -> None:
    measures = human.measure("human", human.Settings(), data())
    levels = add_levels(measures, items(), {}, 0).set_index("item_id")["level"]
    # The pool holds 20..39; its .3 and .7 quantiles are 25.7 and 33.3.
    assert (levels[[f"i{n:02d}" for n in range(26)]] == "easy").all()
    assert (levels[[f"i{n:02d}" for n in range(26, 34)]] == "medium").all()
    assert (levels[[f"i{n:02d}" for n in range(34, 40)]] == "hard").all()


def test_published_cut_offs_take_the_place_of_quantiles() -> None:
    levels = add_levels(
        human.measure("human", human.Settings(), data()), items(), {"grade": Cuts(easy_max=5, hard_min=8)}, 0
    )
    assert levels["level"].value_counts().to_dict() == {"hard": 32, "easy": 6, "medium": 2}


@given(grades=st.lists(st.integers(0, 6), min_size=12, max_size=60), bins=st.integers(2, 12), seed=st.integers(0, 9))
def test_bins_are_even_grow_with_the_value_and_know_no_order_of_rows(grades: list[int], bins: int, seed: int) -> None:
    names = [f"i{number:02d}" for number in range(len(grades))]
    # Every fourth item is of the hardness pool, which has no say in where bins end.
    pools = ["hardness" if number % 4 == 3 else "experiment" for number in range(len(grades))]
    table = pd.DataFrame({"grade": grades, "pool": pools}, index=pd.Index(names, name="item_id"))
    rows = long_form(table[["grade"]], kind="human")
    levels = add_levels(rows, table, {"grade": Cuts(bins=bins)}, seed).set_index("item_id")["level"]
    shuffled = add_levels(rows.sample(frac=1, random_state=seed), table, {"grade": Cuts(bins=bins)}, seed)
    pd.testing.assert_series_equal(shuffled.set_index("item_id")["level"].sort_index(), levels.sort_index())
    pool = table.index[table["pool"] == "experiment"]
    counts = levels[pool].value_counts()
    assert counts.max() - (counts.min() if len(counts) == bins else 0) <= 1
    places = {item: keyed_seed("ties", "grade", item, seed) for item in names}
    in_order = sorted(pool, key=lambda item: (table["grade"][item], places[item]))
    assert levels[in_order].is_monotonic_increasing  # ties fall by their draws
    for item in set(names) - set(pool):
        place = table["grade"][item], places[item]
        after = [other for other in in_order if (table["grade"][other], places[other]) >= place]
        beyond = f"bin_{min(counts.size + 1, bins):02d}"  # the last, or one that the pool is too small to fill
        assert levels[item] == (levels[after[0]] if after else beyond)


@given(
    grades=st.lists(st.integers(-2, 12), min_size=1, max_size=40),
    edges=st.lists(st.integers(0, 10), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_a_value_is_in_the_bin_after_every_edge_below_it(grades: list[int], edges: list[int]) -> None:
    index = pd.Index([f"i{number:02d}" for number in range(len(grades))], name="item_id")
    table = pd.DataFrame({"grade": grades, "pool": "experiment"}, index=index)
    rows, how = long_form(table[["grade"]], kind="human"), Cuts(edges=tuple(edges))
    levels = add_levels(rows, table, {"grade": how}, 0).set_index("item_id")["level"]
    assert how.n_bins == len(edges) + 1
    for item, grade in table["grade"].items():
        assert levels[str(item)] == f"bin_{sum(edge < grade for edge in edges) + 1:02d}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"easy_max": 3}, "expected easy_max and hard_min, or quantiles, or bins, or edges"),
        ({"easy_max": 3, "hard_min": 4, "bins": 3}, "expected easy_max and hard_min, or quantiles, or bins, or edges"),
        ({"easy_max": 4, "hard_min": 4}, "expected easy_max < hard_min"),
        ({"quantiles": (0.7, 0.3)}, "expected two, growing"),
        ({"edges": [3, 3]}, "expected each larger than the one before"),
        ({"edges": [3], "bins": 2}, "expected easy_max and hard_min, or quantiles, or bins, or edges"),
        ({}, "expected easy_max and hard_min, or quantiles, or bins, or edges"),
    ],
)
def test_a_variable_is_cut_in_one_way(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Cuts(**wrong)


def test_quantiles_can_be_chosen() -> None:
    measures = human.measure("human", human.Settings(), data())
    levels = add_levels(measures, items(), {"grade": Cuts(quantiles=(0.1, 0.5))}, 0).set_index("item_id")["level"]
    # The pool holds 20..39; its .1 and .5 quantiles are 21.9 and 29.5.
    assert levels["i21"] == "easy"
    assert levels["i22"] == levels["i29"] == "medium"
    assert levels["i30"] == "hard"


def test_a_variable_of_several_models_is_their_mean() -> None:
    one = pd.DataFrame({"item_id": ["a", "b"], "variable": "mdl", "value": [0.2, 0.4], "kind": "model"})
    other = one.assign(value=[0.4, 0.8])
    grades = one.assign(variable="grade", kind="human")
    found = mean_over_models([one, grades, other]).set_index(["variable", "item_id"])["value"]
    assert found[("mdl", "a")] == pytest.approx(0.3)
    assert found[("mdl", "b")] == pytest.approx(0.6)
    assert found[("grade", "b")] == 0.4
