"""Measures against values worked out by hand, levels at their edges."""

import numpy as np
import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.hardness import human, mdl, surface
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.levels import add_levels, cut
from uphill.responses import ResponseTable


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


def data(table: ResponseTable | None = None, human_columns: tuple[str, ...] = ("grade",)) -> HardnessData:
    return HardnessData(Graded("d", human_columns, False, 20), items(), 0, {"m": table} if table else {})


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
    return ResponseTable(list(items().index), logprob, np.ones((40, 2), dtype=bool), states)


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
    values = human.measure("human", human.Settings(), data()).set_index("item_id")["value"]
    assert values["i07"] == 7


@pytest.mark.parametrize(("column", "message"), [("absent", "no column 'absent'"), ("question", "item 'i00'")])
def test_grade_that_is_no_number_is_named(column: str, message: str) -> None:
    with pytest.raises(UphillError, match=message):
        human.measure("human", human.Settings(), data(human_columns=(column,)))


def published(settings: mdl.Settings, table: ResponseTable, variable: str = "mdl") -> pd.Series:
    rows = mdl.measure("mdl", settings, data(table))
    return rows[rows["variable"] == variable].set_index("item_id")["value"]


def test_zero_shot_code_length_is_that_of_the_gold_answer() -> None:
    bits = published(mdl.Settings(method="zero_shot"), responses(), "mdl_bits")
    assert bits["i00"] == pytest.approx(-np.log2(0.2))


def test_prequential_code_length_by_hand() -> None:
    # A message of 10 answers of four choices: 2 sent uniformly, 3 at p = .5, 5 at p = .25.
    p_gold = np.array([[[0.5], [0.25]]])
    bits = mdl.code_length(p_gold, [2, 5], 10, np.array([2.0]))
    assert bits == pytest.approx((2 * 2 + 3 * 1 + 5 * 2) / 10)


def test_prequential_code_is_short_where_a_probe_can_read_the_answer() -> None:
    settings = mdl.Settings(method="probe", sizes=[5, 10, 20], boots=2)
    easy = published(settings, responses(), "mdl_bits").mean()
    noise = published(settings, responses(informative=False), "mdl_bits").mean()
    assert easy < 0.7  # a quarter of the pool is sent at the uniform code's 1 bit
    assert noise > 0.9


def test_zero_shot_mdl_is_one_minus_the_gold_choices_probability() -> None:
    values = published(mdl.Settings(method="zero_shot"), responses())
    # The model gives .2 to choice 0, which is right for even items.
    assert values["i00"] == pytest.approx(0.8)
    assert values["i01"] == pytest.approx(0.2)


def test_probe_mdl_is_low_where_a_probe_can_read_the_answer() -> None:
    settings = mdl.Settings(method="probe", sizes=[10, 20], boots=2)
    easy = published(settings, responses()).mean()
    noise = published(settings, responses(informative=False)).mean()
    assert easy < 0.3
    assert noise == pytest.approx(0.5, abs=0.15)  # chance, with 40 items of two choices


def test_probe_mdl_refuses_a_size_beyond_its_pool() -> None:
    with pytest.raises(UphillError, match="trains on 21 items, expected at most the 20"):
        mdl.measure("mdl", mdl.Settings(method="probe", sizes=[21]), data(responses()))


def test_mdl_by_probe_needs_choices() -> None:
    written = Graded("d", (), True, 20)
    assert mdl.variables("mdl", mdl.Settings(method="probe"), written) == []
    assert mdl.variables("mdl", mdl.Settings(method="zero_shot"), written) == ["mdl", "mdl_bits"]
    assert mdl.variables("mdl", mdl.Settings(method="probe"), Graded("d", (), False, 0)) == []  # nothing to train on


def test_cut_offs_are_inclusive_and_easy_wins() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 4.0])
    assert cut(values, 2, 4).tolist() == ["easy", "easy", "medium", "hard"]
    assert cut(values, 2, 2).tolist() == ["easy", "easy", "hard", "hard"]


def test_quantiles_are_those_of_the_experiment_pool() -> None:
    measures = human.measure("human", human.Settings(), data())
    levels = add_levels(measures, items(), {}).set_index("item_id")["level"]
    # The pool holds 20..39; its .3 and .7 quantiles are 25.7 and 33.3.
    assert (levels[[f"i{n:02d}" for n in range(26)]] == "easy").all()
    assert (levels[[f"i{n:02d}" for n in range(26, 34)]] == "medium").all()
    assert (levels[[f"i{n:02d}" for n in range(34, 40)]] == "hard").all()


def test_published_cut_offs_take_the_place_of_quantiles() -> None:
    levels = add_levels(human.measure("human", human.Settings(), data()), items(), {"grade": (5, 8)})
    assert levels["level"].value_counts().to_dict() == {"hard": 32, "easy": 6, "medium": 2}
