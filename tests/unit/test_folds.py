"""Folds: each item is tested once a train level, in a boot in which nobody trains on it."""

import dataclasses
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uphill.errors import UphillError
from uphill.schemas.splits import SPLITS
from uphill.splits.draw import draw_splits
from uphill.splits.folds import folds_of
from uphill.splits.settings import SplitSettings
from uphill.splits.sizes import check_sizes

SIZES = st.integers(20, 45)


def graded(*counts: int) -> pd.DataFrame:
    levels = [f"bin_{number:02d}" for number, count in enumerate(counts, 1) for _ in range(count)]
    return pd.DataFrame({"level": levels, "value": 1.0}, index=[f"i{number:03d}" for number in range(len(levels))])


def folded(folds: int, n_train: int = 5, **more: Any) -> SplitSettings:
    return SplitSettings(
        **{"boots": folds, "n_train": n_train, "n_test": None, "min_test": 1, "seed": 0} | more, folds=True
    )


@settings(max_examples=20)
@given(counts=st.lists(SIZES, min_size=1, max_size=4), folds=st.integers(2, 6), seed=st.integers(0, 50))
def test_each_item_is_tested_once_a_train_level_and_not_trained_on_in_that_boot(
    counts: list[int], folds: int, seed: int
) -> None:
    pool = graded(*counts)
    splits = draw_splits(pool, "d", "v", folded(folds, seed=seed))
    SPLITS.to_arrow(splits, "splits")
    tested, trained = (splits[splits["role"] == role] for role in ("test", "train"))
    for _, own in tested.groupby("train_on"):
        assert sorted(own["item_id"]) == sorted(pool.index)
    together = tested[["boot", "item_id"]].merge(trained[["boot", "item_id"]])
    assert together.empty
    assert (trained.groupby(["train_on", "boot"]).size() == 5).all()
    assert trained.groupby(["train_on", "boot"]).ngroups == len(counts) * folds
    sizes = tested[tested["train_on"] == "bin_01"].groupby(["level", "boot"]).size().unstack(fill_value=0)
    assert (sizes.max(axis=1) - sizes.min(axis=1)).max() <= 1  # stratified by level,
    assert sizes.sum().max() - sizes.sum().min() <= 1  # and of one size


@settings(max_examples=20)
@given(counts=st.lists(SIZES, min_size=2, max_size=3), n_test=st.integers(3, 12), seed=st.integers(0, 50))
def test_a_number_of_test_items_is_a_folds_own(counts: list[int], n_test: int, seed: int) -> None:
    pool, asked = graded(*counts), folded(3, seed=seed)
    whole = draw_splits(pool, "d", "v", asked)
    some = draw_splits(pool, "d", "v", dataclasses.replace(asked, n_test=n_test))
    tested = some[some["role"] == "test"]
    assert (tested.groupby(["train_on", "boot"]).size() == n_test).all()
    assert not tested.duplicated(["train_on", "item_id"]).any()
    of_fold = whole.loc[whole["role"] == "test", ["train_on", "boot", "item_id"]]
    assert len(tested.merge(of_fold)) == len(tested)
    # Whether all of a fold or some of it is tested, the same items are trained on.
    pd.testing.assert_frame_equal(*(frame[frame["role"] == "train"].reset_index(drop=True) for frame in (some, whole)))


def test_folds_have_a_key_of_their_own() -> None:
    pools = {"easy": [f"i{n}" for n in range(40)]}
    assert folds_of(pools, "d", 4, 0) == folds_of({"easy": list(reversed(pools["easy"]))}, "d", 4, 0)
    assert folds_of(pools, "d", 4, 0) != folds_of(pools, "d", 4, 1)
    assert folds_of(pools, "d", 4, 0) != folds_of(pools, "e", 4, 0)


@settings(max_examples=20)
@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=3), folds=st.integers(2, 5), n_train=st.integers(1, 25))
def test_training_takes_at_most_what_is_left_beside_the_largest_fold(
    counts: list[int], folds: int, n_train: int
) -> None:
    pool = graded(*counts)
    fits = all(count >= folds and count - -(-count // folds) >= n_train for count in counts)
    if fits:
        check_sizes(pool["level"], "d", "v", folded(folds, n_train))
        assert len(draw_splits(pool, "d", "v", folded(folds, n_train)))
    else:
        with pytest.raises(UphillError, match="expected at least"):
            check_sizes(pool["level"], "d", "v", folded(folds, n_train))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (folded(5, 17), "level 'bin_02' has 20 items, of which 16 are left beside a fold, expected at least n_train"),
        (folded(21), "level 'bin_02' has 20 items, expected at least 21 (to test, 1 or more in each of 21 folds)"),
        (folded(5, n_test=12), "level 'bin_02' has 20 items, expected at least 30 (to test, 6 or more in each of"),
        (folded(5, min_test=25), "level 'bin_02' has 20 items, expected at least 25 (to test"),
    ],
)  # fmt: skip
def test_a_level_that_is_too_small_for_folds_is_refused(asked: SplitSettings, message: str) -> None:
    with pytest.raises(UphillError) as caught:
        draw_splits(graded(30, 20), "d", "v", asked)
    assert message in str(caught.value)


def test_a_band_that_shares_items_with_the_tested_one_trains_on_none_of_its_fold() -> None:
    both = pd.concat([graded(60).assign(level="low"), graded(60).iloc[30:].assign(level="top")])
    splits = draw_splits(both, "d", "v", folded(3, 20, train_on=["low"], test_on=["top"]))
    tested, trained = (splits[splits["role"] == role] for role in ("test", "train"))
    assert sorted(tested["item_id"]) == [f"i{n:03d}" for n in range(30, 60)]
    assert tested[["boot", "item_id"]].merge(trained[["boot", "item_id"]]).empty
    with pytest.raises(UphillError, match=r"of which 3\d are left beside a fold, expected at least n_train 39"):
        draw_splits(both, "d", "v", folded(3, 39, train_on=["low"], test_on=["top"]))


@pytest.mark.parametrize("n_test", [None, 12])
def test_published_tests_hold_what_was_trained_on(n_test: int | None) -> None:
    pool, asked = graded(30, 30), SplitSettings(4, 15, n_test, 5, 0, train_on_test=True)
    splits = draw_splits(pool, "d", "v", asked)
    tested, trained = (splits[splits["role"] == role] for role in ("test", "train"))
    assert (tested.groupby(["train_on", "boot"]).size() == (n_test or 60)).all()
    seen = tested[["train_on", "boot", "item_id", "level"]].merge(trained[["train_on", "boot", "item_id"]])
    assert (seen["train_on"] == seen["level"]).all()
    if n_test is None:
        assert len(seen) == len(trained)
    # Who trains is drawn from the whole level: the same whether all or some are tested.
    whole = draw_splits(pool, "d", "v", dataclasses.replace(asked, n_test=None))
    assert trained["item_id"].tolist() == whole.loc[whole["role"] == "train", "item_id"].tolist()
    # A level may be trained on whole, and tested whole.
    assert len(draw_splits(pool, "d", "v", dataclasses.replace(asked, n_train=30))) > 0
