"""Splits are a pure function of a key: the rules hold for any sizes."""

import dataclasses
import re
from typing import Any

import pandas as pd
import pytest
from covering import few
from hypothesis import given
from hypothesis import strategies as st
from split_pools import OWN_POOLS

from uphill.errors import UphillError
from uphill.running import noting
from uphill.schemas.splits import SPLITS
from uphill.splits.draw import draw_splits
from uphill.splits.levels import experiment_levels, note_levels
from uphill.splits.settings import SplitSettings
from uphill.splits.sizes import check_sizes

SIZES = st.integers(30, 60)
NAMES = ["easy", "medium", "hard"]


def levels(easy: int, medium: int, hard: int) -> pd.Series:
    names = ["easy"] * easy + ["medium"] * medium + ["hard"] * hard
    return pd.Series(names, index=[f"i{number:03d}" for number in range(len(names))])


def graded(pool: pd.Series) -> pd.DataFrame:
    """Levels, with values."""
    return pd.DataFrame({"level": pool, "value": pool.map({"easy": 1.0, "medium": 2.0, "hard": 3.0})})


def sizes(boots: int = 2, n_train: int = 10, n_test: int | None = None, seed: int = 0) -> SplitSettings:
    return SplitSettings(boots, n_train, n_test, 5, seed, levels=NAMES)


def train(splits: pd.DataFrame, level: str, boot: int) -> list[str]:
    rows = splits[(splits["role"] == "train") & (splits["train_on"] == level) & (splits["boot"] == boot)]
    return rows.sort_values("rank")["item_id"].tolist()


def test_items(splits_: pd.DataFrame, level: str, boot: int) -> list[str]:
    rows = splits_[(splits_["role"] == "test") & (splits_["train_on"] == level) & (splits_["boot"] == boot)]
    return rows["item_id"].tolist()


test_items.__test__ = False  # type: ignore[attr-defined]


@few()
@given(easy=SIZES, medium=SIZES, hard=SIZES, n_test=st.sampled_from([None, 9, 31]), seed=st.integers(0, 99))
def test_rules_hold_for_any_sizes(easy: int, medium: int, hard: int, n_test: int | None, seed: int) -> None:
    pool = levels(easy, medium, hard)
    splits = draw_splits(graded(pool), "d", "v", sizes(n_test=n_test, seed=seed))
    SPLITS.to_arrow(splits, "splits")
    for boot in range(2):
        tested = test_items(splits, "easy", boot)
        trained = [item for level in ("easy", "medium", "hard") for item in train(splits, level, boot)]
        assert not set(tested) & set(trained)
        assert all(test_items(splits, level, boot) == tested for level in ("medium", "hard"))
        assert all((pool[train(splits, level, boot)] == level).all() for level in ("easy", "medium", "hard"))
        if n_test is None:
            assert set(tested) | set(trained) == set(pool.index)
        else:
            shares = pool[tested].value_counts()
            assert shares.sum() == n_test
            assert shares.max() - shares.min() <= 1


def test_training_items_depend_on_their_own_key_alone() -> None:
    pool = levels(40, 40, 40)
    whole = draw_splits(graded(pool), "d", "v", sizes(boots=3, n_train=12))
    fewer_boots = draw_splits(graded(pool), "d", "v", sizes(boots=1, n_train=12))
    smaller = draw_splits(graded(pool), "d", "v", sizes(boots=3, n_train=5))
    without_medium = draw_splits(graded(pool[pool != "medium"]), "d", "v", sizes(boots=3, n_train=12))
    for level in ("easy", "hard"):
        assert train(fewer_boots, level, 0) == train(whole, level, 0)
        assert train(without_medium, level, 1) == train(whole, level, 1)
        assert train(smaller, level, 2) == train(whole, level, 2)[:5]  # nested in the larger set
    assert train(whole, "easy", 0) != train(whole, "easy", 1)
    for name, variable, seed in (("other", "v", 0), ("d", "other", 0), ("d", "v", 1)):
        other = draw_splits(graded(pool), name, variable, sizes(boots=3, n_train=12, seed=seed))
        assert train(other, "easy", 0) != train(whole, "easy", 0)


def test_fixed_test_items_are_the_same_in_every_boot_and_variable() -> None:
    pool = levels(40, 40, 40)
    one = draw_splits(graded(pool), "d", "v", sizes(n_test=30))
    other = draw_splits(graded(pool), "d", "w", sizes(n_test=30))
    assert test_items(one, "easy", 0) == test_items(one, "hard", 1) == test_items(other, "easy", 0)


def test_small_level_is_refused_with_its_counts() -> None:
    said = (
        r"level 'medium' has 14 items, expected at least 15 \(n_train 10 \+ 5 to test on\); all levels: 40 easy, 14 m"
    )
    with pytest.raises(UphillError, match=said):
        draw_splits(graded(levels(40, 14, 40)), "d", "v", sizes())
    with pytest.raises(UphillError, match=said):
        check_sizes(levels(40, 14, 40), "d", "v", sizes())


@given(
    counts=st.tuples(*[st.integers(1, 40)] * 3),
    n_train=st.integers(1, 20),
    n_test=st.one_of(st.none(), st.integers(3, 30)),
)
def test_what_passes_the_check_can_be_drawn_and_what_does_not_cannot(
    counts: tuple[int, int, int], n_train: int, n_test: int | None
) -> None:
    """By the rule written out: a level trains on n_train, and keeps its share of the test items or min_test."""
    pool, wanted = levels(*counts), sizes(n_train=n_train, n_test=n_test)
    # Levels give in the order of their names: easy, hard, medium.
    given_up = [(n_test or 0) // 3 + (place < (n_test or 0) % 3) for place in range(3)]
    by_name = (counts[0], counts[2], counts[1])
    fits = all(count >= n_train + max(5, share) for count, share in zip(by_name, given_up, strict=True))
    if fits:
        check_sizes(pool, "d", "v", wanted)
        assert len(draw_splits(graded(pool), "d", "v", wanted)) > 0
    else:
        with pytest.raises(UphillError, match="expected at least"):
            check_sizes(pool, "d", "v", wanted)


@given(
    counts=st.tuples(*[st.integers(1, 40)] * 3),
    n_train=st.integers(1, 60),
    n_test=st.one_of(st.none(), st.integers(3, 60)),
    both=st.booleans(),
)
def test_a_level_too_small_is_told_which_sizes_would_do(
    counts: tuple[int, int, int], n_train: int, n_test: int | None, both: bool
) -> None:
    """They can be drawn, and none of them can be larger while the others stay."""
    pool, wanted = levels(*counts), dataclasses.replace(sizes(n_train=n_train, n_test=n_test), train_on_test=both)
    try:
        check_sizes(pool, "d", "v", wanted)
    except UphillError as error:
        said = str(error).rsplit("; ", 1)[1]
    else:
        return
    if min(counts) < 2 and not both:
        assert said.startswith("all levels: ")  # nothing would do
        return
    told = {name: int(size) for name, size in re.findall(r"(\w+) (\d+)", said)}
    assert said.endswith(" would do")
    assert set(told) == {"n_train", "min_test", *(["n_test"] if n_test else [])}
    assert len(draw_splits(graded(pool), "d", "v", dataclasses.replace(wanted, **told))) > 0
    asked = {"n_train": n_train, "min_test": 5, "n_test": n_test}
    for name, size in told.items():
        assert 1 <= size <= (asked[name] or 0)
        if size < (asked[name] or 0):
            with pytest.raises(UphillError, match="expected at least"):
                check_sizes(pool, "d", "v", dataclasses.replace(wanted, **{**told, name: size + 1}))


def test_what_would_do_is_in_proportion() -> None:
    """By hand: a level of 60 has half of the 120 that are asked for, 80 to train on and 40 to test."""
    wanted = SplitSettings(2, 80, None, 40, 0, levels=NAMES)
    with pytest.raises(
        UphillError, match=r"; all levels: 200 easy, 60 medium, 90 hard; n_train 40 and min_test 20 would do$"
    ):
        check_sizes(levels(200, 60, 90), "d", "v", wanted)
    # 80 and a share of 120: so 24 and 36, and n_test has two more, which other levels give.
    with pytest.raises(UphillError, match=r" 90 hard; n_train 24, min_test 36 and n_test 110 would do$"):
        check_sizes(levels(200, 60, 90), "d", "v", dataclasses.replace(wanted, n_test=360))
    with pytest.raises(UphillError, match=r"no item of level 'medium' to test; all levels: 20 easy, 90 hard$"):
        check_sizes(levels(20, 0, 90), "d", "v", dataclasses.replace(wanted, test_on=["medium"]))


@few()
@given(n_train=st.integers(2, 14), fewer=st.integers(1, 13), boots=st.integers(1, 3), seed=st.integers(0, 50))
def test_smaller_training_sets_are_nested_and_boots_are_independent_of_their_number(
    n_train: int, fewer: int, boots: int, seed: int
) -> None:
    """Few-shot examples are the first k of the training items, so nesting holds for them too."""
    fewer = min(fewer, n_train)
    pool = levels(30, 35, 40)
    large = draw_splits(graded(pool), "d", "v", sizes(boots=3, n_train=n_train, seed=seed))
    small = draw_splits(graded(pool), "d", "v", sizes(boots=boots, n_train=fewer, seed=seed))
    for level in ("easy", "medium", "hard"):
        for boot in range(boots):
            assert train(small, level, boot) == train(large, level, boot)[:fewer]


@few()
@given(order=st.randoms(use_true_random=False), n_test=st.sampled_from([None, 12]))
def test_the_order_of_items_does_not_matter(order: Any, n_test: int | None) -> None:
    pool = levels(30, 30, 30)
    shuffled = list(pool.index)
    order.shuffle(shuffled)
    one = draw_splits(graded(pool), "d", "v", sizes(n_test=n_test))
    other = draw_splits(graded(pool[shuffled]), "d", "v", sizes(n_test=n_test))
    pd.testing.assert_frame_equal(one, other)


def test_published_test_sets_leave_out_only_what_the_level_trains_on() -> None:
    pool = levels(40, 40, 40)
    splits = draw_splits(graded(pool), "d", "v", SplitSettings(1, 10, None, 5, 0, own_test=True))
    for level in ("easy", "hard"):
        assert set(test_items(splits, level, 0)) == set(pool.index) - set(train(splits, level, 0))


@few()
@given(seed=st.integers(0, 99), boots=st.integers(2, 5))
def test_test_items_are_drawn_once_or_anew_for_each_boot(seed: int, boots: int) -> None:
    pool = levels(40, 50, 60)
    once = draw_splits(graded(pool), "d", "v", sizes(boots, 10, 30, seed))
    fresh = draw_splits(graded(pool), "d", "v", dataclasses.replace(sizes(boots, 10, 30, seed), fresh_test=True))
    assert len({tuple(test_items(once, level, boot)) for level in ("easy", "hard") for boot in range(boots)}) == 1
    asked = [test_items(fresh, "easy", boot) for boot in range(boots)]
    for boot, items in enumerate(asked):
        # Conditions of a boot answer the same questions, that none of them trains on, of every level alike.
        for level in ("easy", "medium", "hard"):
            assert test_items(fresh, level, boot) == items
            assert not set(train(fresh, level, boot)) & set(items)
        assert pool[items].value_counts().to_dict() == {"easy": 10, "medium": 10, "hard": 10}
    assert len(set().union(*asked)) > 30
    # A boot is the same however many there are.
    fewer = draw_splits(graded(pool), "d", "v", dataclasses.replace(sizes(1, 10, 30, seed), fresh_test=True))
    assert test_items(fewer, "hard", 0) == asked[0]
    assert train(fewer, "hard", 0) == train(fresh, "hard", 0)


def test_noise_is_drawn_per_boot_or_once() -> None:
    def noise(fixed: bool, boot: int) -> list[float]:
        splits = draw_splits(graded(levels(40, 40, 40)), "d", "v", SplitSettings(2, 10, None, 5, 0, fixed_noise=fixed))
        rows = splits[(splits["role"] == "train") & (splits["train_on"] == "easy") & (splits["boot"] == boot)]
        return rows.sort_values("rank")["noise_draw"].tolist()

    assert noise(False, 0) != noise(False, 1)
    assert noise(True, 0) == noise(True, 1) == noise(False, 0)


@few()
@given(n_test=st.sampled_from([None, 9]), seed=st.integers(0, 99))
def test_only_the_levels_asked_for_are_trained_on_and_tested(n_test: int | None, seed: int) -> None:
    pool = levels(40, 40, 40)
    asked = SplitSettings(2, 10, n_test, 5, seed, train_on=["easy", "hard"], test_on=["hard"])
    some, whole = (
        draw_splits(graded(pool), "d", "v", asked),
        draw_splits(graded(pool), "d", "v", sizes(2, 10, n_test, seed)),
    )
    assert set(some["train_on"]) == {"easy", "hard"}
    assert set(some.loc[some["role"] == "test", "level"]) == {"hard"}
    for boot in range(2):
        # With test items set aside, hard ones are those of the other experiment.
        if n_test is not None:
            assert test_items(some, "easy", boot) == [i for i in test_items(whole, "easy", boot) if pool[i] == "hard"]
        assert not set(test_items(some, "easy", boot)) & {*train(some, "easy", boot), *train(some, "hard", boot)}
    assert (some["value"] == some["level"].map({"easy": 1.0, "hard": 3.0})).all()


def test_levels_of_ones_own_and_one_from_elsewhere_that_is_tested_too() -> None:
    ids = [f"i{number:03d}" for number in range(90)]
    items = pd.DataFrame({"item_id": ids, "pool": "experiment"})
    values = [float(number // 30) for number in range(90)]
    hardness = pd.DataFrame({"item_id": ids, "variable": "v", "value": values, "level": "medium"})
    band = {"variable": "v", "levels": None, "min": None, "max": None}
    found = experiment_levels(items, hardness, {"low": band | {"max": 0}, "top": band | {"min": 1}}, OWN_POOLS)
    assert found["level"].value_counts().to_dict() == {"low": 30, "top": 60}
    assert (found.loc[found["level"] == "low", "value"] == 0).all()
    asked = SplitSettings(1, 10, None, 1, 0, train_on=["low", "elsewhere"], test_on=["top"], levels=["low", "top"])
    splits = draw_splits(found, "d", "ladder", asked)
    assert len(train(splits, "low", 0)) == 10
    assert len(train(splits, "elsewhere", 0)) == 0
    assert test_items(splits, "low", 0) == test_items(splits, "elsewhere", 0) == ids[30:]
    with pytest.raises(UphillError, match="no item of level 'end' to test; all levels: 30 low, 60 top"):
        draw_splits(found, "d", "ladder", SplitSettings(1, 10, None, 1, 0, test_on=["end"]))


@pytest.mark.parametrize(
    ("pool", "asked", "message"),
    [
        (levels(40, 0, 40), {"train_on": ["easy", "medium"]}, "no item of level 'medium' to train on"),
        (levels(40, 0, 40), {"train_on": ["easy"], "test_on": ["medium"]}, "no item of level 'medium' to test"),
        (levels(40, 40, 0), {}, "no item of level 'hard' to train on and test"),
        (levels(0, 40, 40), {}, "no item of level 'easy' to train on and test"),
        (
            levels(0, 40, 0),
            {},
            "no item of level 'easy' to train on and test; other cuts may give some; all levels: 40",
        ),
        (
            levels(40, 0, 40),
            {"train_on": ["esy"], "test_on": ["medium", "hard"]},
            "no item of level 'medium' to test",
        ),
    ],
)
def test_a_level_without_items_is_refused_where_it_is_asked_for(
    pool: pd.Series, asked: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(UphillError, match=message):
        draw_splits(graded(pool), "d", "v", SplitSettings(1, 10, None, 1, 0, **asked, levels=NAMES))


@pytest.mark.parametrize(("n_test", "asked", "missing"), [(2, {}, "medium"), (1, {"test_on": ["hard"]}, "hard")])
def test_a_level_that_the_number_of_test_items_leaves_out_is_refused(
    n_test: int, asked: dict[str, list[str]], missing: str
) -> None:
    with pytest.raises(UphillError, match=f"n_test {n_test} leaves no item of level '{missing}' to test, expected at"):
        draw_splits(graded(levels(40, 40, 40)), "d", "v", SplitSettings(1, 10, n_test, 1, 0, **asked))


def test_a_variable_without_medium_items_is_none_the_worse() -> None:
    assert set(draw_splits(graded(levels(40, 0, 40)), "d", "v", sizes())["train_on"]) == {"easy", "hard"}


@pytest.mark.parametrize(
    ("band", "message"),
    [
        ({"min": 3.0}, "level 'far': no item whose 'v' has min 3, expected some"),
        ({"min": 0.2, "max": 0.4}, "level 'far': no item whose 'v' has min 0.2 and max 0.4"),
        ({"levels": ["hard"]}, "level 'far': no item of level 'hard' of variable 'v'"),
        ({"levels": ["easy", "hard"]}, "level 'far': no item of level 'easy' or 'hard' of variable 'v'"),
    ],
)
def test_a_level_of_ones_own_without_items_is_refused(band: dict[str, object], message: str) -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "pool": "experiment"})
    hardness = pd.DataFrame({"item_id": ["a", "b"], "variable": "v", "value": [0.0, 1.0], "level": "medium"})
    far = {"variable": "v", "levels": None, "min": None, "max": None} | band
    with pytest.raises(UphillError, match=message):
        experiment_levels(items, hardness, {"near": far | {"levels": ["medium"]}, "far": far}, OWN_POOLS)


def test_a_level_may_be_several_of_a_variable_and_one_of_its_own_may_be_empty() -> None:
    ids = [f"i{number}" for number in range(9)]
    items = pd.DataFrame({"item_id": ids, "pool": "experiment"})
    names = ["easy", "medium", "hard"] * 3
    hardness = pd.DataFrame({"item_id": ids, "variable": "v", "value": 1.0, "level": names})
    plain = {"variable": "v", "min": None, "max": None}
    both = {"easy": plain | {"levels": ["easy"]}, "ends": plain | {"levels": ["easy", "hard"]}}
    found = experiment_levels(items, hardness, both | {"bin_07": plain | {"levels": ["bin_07"]}}, OWN_POOLS)
    assert {level: set(own.index) for level, own in found.groupby("level")} == {
        "easy": {"i0", "i3", "i6"},
        "ends": {"i0", "i3", "i6", "i2", "i5", "i8"},
    }


def test_an_item_in_two_bands_is_never_both_trained_on_and_tested() -> None:
    """Half of the items of one band are in the other."""
    both = pd.concat([graded(levels(60, 0, 0)), graded(levels(0, 0, 30))])
    splits = draw_splits(both, "d", "v", SplitSettings(3, 20, 20, 5, 0, test_on=["hard"]))
    for boot in range(3):
        tested = set(test_items(splits, "easy", boot))
        assert tested
        assert not tested & {*train(splits, "easy", boot), *train(splits, "hard", boot)}


@pytest.mark.parametrize(
    ("levels", "values", "said"),
    [
        (["easy"] * 8 + ["hard"] * 2, [1.0] * 8 + [2.0] * 2, "scale v of d: 80 % of the items are of level easy"),
        (
            ["bin_01"] * 5 + ["bin_02"] * 5,
            [1.0] * 3 + [2.0] * 4 + [3.0] * 3,
            "scale v of d: 40 % of the items have a value that occurs in several levels",
        ),
        (["easy"] * 5 + ["hard"] * 5, list(range(10)), ""),
        (["all"] * 10, [float("nan")] * 10, ""),
    ],
)
def test_levels_that_tell_little_apart_are_noted(levels: list[str], values: list[float], said: str) -> None:
    noting.forget()
    note_levels(pd.DataFrame({"level": levels, "value": values}), "d", "v")
    lines = noting.noted()
    noting.forget()
    assert len(lines) == bool(said)
    assert "".join(lines).startswith(said)
