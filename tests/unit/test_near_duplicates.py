"""Questions that are nearly the same lie in one pool, against a search of all pairs."""

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changed_studies import ROOT
from test_pools import TESTED, items, members, rows

from uphill.datasets.alike import MOST_ITEMS, groups_of, whole_groups
from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.datasets.words import words
from uphill.errors import UphillError
from uphill.registry import strict

N = 4


def questions(count: int = 90, seed: int = 0) -> list[str]:
    """Of few words, so that some share runs of four; and a beginning that all of them share."""
    rng = np.random.default_rng(seed)
    return [f"Tell me which one: {' '.join(f'w{word}' for word in rng.integers(0, 9, 6))}?" for _ in range(count)]


def by_all_pairs(asked: list[str], n: int) -> list[frozenset[int]]:
    """Groups by merging pairs until nothing moves."""
    said = [words(text) for text in asked]
    runs = [{tuple(own[start : start + n]) for start in range(len(own) - n + 1)} for own in said]
    having = {run: sum(run in own for own in runs) for run in set().union(*runs)}
    rare = [{run for run in own if having[run] <= MOST_ITEMS} for own in runs]
    groups = [frozenset([place]) for place in range(len(asked))]
    for a, b in itertools.combinations(range(len(asked)), 2):
        if said[a] == said[b] or rare[a] & rare[b]:
            joined = frozenset().union(*(group for group in groups if group & {a, b}))
            groups = [group for group in groups if not group & joined] + [joined]
    return groups


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_a_search_of_all_pairs(seed: int) -> None:
    asked = questions(seed=seed)
    found = groups_of(asked, N)
    expected = by_all_pairs(asked, N)
    assert {frozenset(np.flatnonzero(found == group).tolist()) for group in set(found.tolist())} == set(expected)
    assert 10 < len(expected) < len(asked)  # some are alike, and not all by what all begin with


def test_the_same_words_are_the_same_question_however_they_are_written() -> None:
    asked = ["Which one?", "which  ONE", "\u201cWhich\u201d one.", "Which two?", "Which one is it?"]
    assert groups_of(asked, None).tolist() == [0, 0, 0, 1, 2]
    assert groups_of(asked, 13).tolist() == [0, 0, 0, 1, 2]
    assert groups_of([], 13).tolist() == []


def table(asked: list[str], tested: int = 0, **pools: Any) -> pd.DataFrame:
    own = {"hardness": 0, **({"test": TESTED} if tested else {}), **pools}
    return build_items(rows(len(asked), tested).assign(question=asked), "mine", strict(Pools, own), 0)


def apart(found: pd.DataFrame, asked: list[str]) -> bool:
    """Whether what is left of each group of all items is of one pool."""
    pool = found.set_index("item_id")["pool"].to_dict()
    ids = rows(len(asked))["item_id"].tolist()
    return all(
        len({pool[ids[place]] for place in group if ids[place] in pool}) <= 1 for group in by_all_pairs(asked, N)
    )


@pytest.mark.parametrize(
    "pools", [{"supervisor": 0.5}, {"supervisor": 20, "test": 20}, {"supervisor": 0.4, "hardness": 15}]
)
def test_no_group_lies_in_two_drawn_pools_which_have_the_sizes_that_were_asked_for(pools: dict[str, Any]) -> None:
    asked = questions()
    found, plain = table(asked, near=N, **pools), table(asked, **pools)
    assert apart(found, asked)
    assert not apart(plain, asked)
    assert found["pool"].value_counts().to_dict() == plain["pool"].value_counts().to_dict()


def test_items_like_a_tested_one_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    asked = questions()
    tested = rows(90, 30).set_index("item_id")["split"] == "test"
    with caplog.at_level(logging.WARNING):
        found = table(asked, 30, supervisor=0.5, near=N)
    assert apart(found, asked)
    assert set(members(found, "test")) == set(tested.index[tested])
    ids = rows(90, 30)["item_id"].tolist()
    groups = by_all_pairs(asked, N)
    like = {ids[p] for group in groups for p in group if any(tested[ids[q]] for q in group)} - set(tested.index[tested])
    assert set(ids) - set(found["item_id"]) == like
    assert like
    assert f"dropped {len(like)} of 90 items, which are near-duplicates" in caplog.text


def test_items_like_a_named_one_are_left_out_and_one_like_a_tested_one_cannot_be_named(tmp_path: Path) -> None:
    asked = [f"a{n} b{n} c{n} d{n}" for n in range(60)]
    asked[3] = asked[40]
    ids, names = rows(60)["item_id"].tolist(), tmp_path / "ids.txt"
    names.write_text(f"{ids[3]}\n")
    found = table(asked, hardness={"ids": str(names)}, near=N)
    assert members(found, "hardness") == [ids[3]]
    assert ids[40] not in set(found["item_id"])
    with pytest.raises(UphillError, match=rf"ids.txt: '{ids[3]}' is a near-duplicate \(pools.near\) of an item of the"):
        table(asked, 20, hardness={"ids": str(names)}, near=N)


def test_where_nothing_is_alike_pools_are_those_that_were_drawn_one_by_one() -> None:
    sizes: dict[str, Any] = {"supervisor": 0.5, "hardness": 10, "test": 12}
    pd.testing.assert_frame_equal(items(60, near=13, **sizes), items(60, **sizes))


def test_groups_that_no_size_holds_are_refused() -> None:
    asked = [f"a{n // 3} b{n // 3} c{n // 3} d{n // 3}" for n in range(60)]
    with pytest.raises(UphillError, match=r"pools.supervisor is 20 of 60 items, .* give 18; expected another size"):
        table(asked, supervisor=20, near=N)
    assert whole_groups(pd.Index([2, 0, 1]), 2, pd.Series([7, 7, 8])) == [2]
    assert whole_groups(pd.Index([2, 0, 1]), 3, pd.Series([7, 7, 8])) == [2, 0, 1]


def test_the_same_question_in_two_pools_is_said(caplog: pytest.LogCaptureFixture) -> None:
    asked = [f"a{n // 2} b" for n in range(60)]
    with caplog.at_level(logging.WARNING):
        found = table(asked, supervisor=0.5)
    over = found.groupby("question")["pool"].nunique() == 2
    assert f"{2 * over.sum()} items ask, word for word, what one of another pool asks" in caplog.text


def test_a_dataset_without_the_key_is_what_it_was_before_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from changed_studies import plan

    monkeypatch.chdir(ROOT)
    assert all("near" not in job.settings["pools"] for job in plan().of("items"))
