"""Pools are disjoint by construction, drawn by key, and joined to splits by id."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_pools import OWN_POOLS

from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.hardness.levels import Cuts, add_levels
from uphill.registry import strict
from uphill.schemas.items import ITEMS
from uphill.splits.draw import draw_splits
from uphill.splits.levels import experiment_levels, levels_tested
from uphill.splits.settings import SplitSettings

GRADES = {
    name: {"variable": "grade", "levels": [name], "min": None, "max": None} for name in ("easy", "medium", "hard")
}
TESTED = {"column": "split", "is": ["test"]}


def rows(count: int, tested: int = 0, questions: int | None = None) -> pd.DataFrame:
    """Items in an order that is not that of their ids; the last ones are of the test split."""
    return pd.DataFrame(
        {
            "item_id": [f"q{(number * 7) % count:03d}" for number in range(count)],
            "question": [f"What is {number}?" for number in range(count)],
            "choices": [["a", "b"]] * count,
            "answer_idx": 0,
            "answer_text": "",
            "reasoning": "",
            "split": ["train"] * (count - tested) + ["test"] * tested,
            "asked": [number % (questions or count) for number in range(count)],
            "grade": [number % 9 for number in range(count)],
        }
    )


def items(count: int, tested: int = 0, seed: int = 0, questions: int | None = None, **pools: Any) -> pd.DataFrame:
    asked = {"hardness": 0, **({"test": TESTED} if tested else {}), **pools}
    return build_items(rows(count, tested, questions), "mine", strict(Pools, asked), seed)


def members(table: pd.DataFrame, pool: str) -> list[str]:
    return table.loc[table["pool"] == pool, "item_id"].tolist()


SIZES = st.one_of(st.integers(0, 9), st.sampled_from([0.1, 0.25, 0.29, 0.5]))


@settings(max_examples=40)
@given(
    count=st.sampled_from([60, 61, 64]),
    tested=st.sampled_from([0, 1, 20]),
    hardness=SIZES,
    supervisor=SIZES,
    drawn=st.sampled_from(["keyed", "published"]),
    seed=st.integers(0, 20),
)
def test_every_item_is_in_one_pool_of_the_size_that_was_asked_for(
    count: int, tested: int, hardness: float, supervisor: float, drawn: str, seed: int
) -> None:
    table = items(count, tested, seed, hardness=hardness, supervisor=supervisor, drawn=drawn)
    ITEMS.to_arrow(table, "items")
    assert sorted(table["item_id"]) == sorted(set(rows(count)["item_id"]))

    def size(asked: float, of: int) -> int:
        return asked if isinstance(asked, int) else int(Fraction(str(asked)) * of)

    left = count - tested
    wanted = {"test": tested, "hardness": size(hardness, left)}
    wanted["supervisor"] = size(supervisor, left - wanted["hardness"])
    wanted["experiment"] = count - sum(wanted.values())
    assert {pool: len(members(table, pool)) for pool in wanted} == wanted
    assert set(table.loc[table["pool"] == "test", "split"]) <= {"test"}
    assert not (table.loc[table["pool"] != "test", "split"] == "test").any() or not tested


@settings(max_examples=20)
@given(order=st.permutations(range(24)), seed=st.integers(0, 5))
def test_the_order_of_the_source_changes_no_keyed_pool(order: list[int], seed: int) -> None:
    table, pools = rows(24, 5, questions=20), strict(
        Pools, {"hardness": 4, "supervisor": 0.5, "test": TESTED, "question_id": "asked"}
    )  # fmt: skip
    straight = build_items(table, "mine", pools, seed)
    shuffled = build_items(table.iloc[order], "mine", pools, seed)
    pd.testing.assert_frame_equal(straight, shuffled)


def test_the_published_supervisor_is_the_first_half_of_the_source() -> None:
    table = rows(40, 10)
    first = table["item_id"].head(15)
    for seed in (0, 1):
        assert set(members(items(40, 10, seed, supervisor=0.5, drawn="published"), "supervisor")) == set(first)
    keyed = [set(members(items(40, 10, seed, supervisor=0.5), "supervisor")) for seed in (0, 1)]
    assert keyed[0] != keyed[1]
    assert not any(pool == set(first) for pool in keyed)


def test_a_supervisor_pool_moves_no_item_of_the_hardness_pool() -> None:
    without, beside = items(60, hardness=20), items(60, hardness=20, supervisor=0.5)
    assert members(without, "hardness") == members(beside, "hardness")
    assert members(items(60, 20, hardness=0.5), "hardness") == members(items(60, 20, hardness=20), "hardness")


@pytest.mark.parametrize(("tested", "kept"), [(0, [f"q{(n * 7) % 12:03d}" for n in range(12)]), (4, None)])
def test_of_items_that_ask_the_same_one_is_kept_and_the_others_are_counted(
    tested: int, kept: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Twelve items with eight questions; where the last four are tested, these are the ones that are kept."""
    with caplog.at_level(logging.INFO):
        table = items(12, tested, questions=8, question_id="asked")
    assert "dataset 'mine': dropped 4 of 12 items, whose asked another has" in caplog.text
    assert len(table) == len(set(table["asked"])) == 8
    everything = rows(12, tested, questions=8)
    for asked, own in everything.groupby("asked"):
        best = own[own["split"] == "test"] if tested and (own["split"] == "test").any() else own
        assert table.loc[table["asked"] == asked, "item_id"].tolist() == [min(best["item_id"])]
    assert len(members(table, "test")) == tested
    assert kept is None or set(table["item_id"]) < set(kept)


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ({"test": {"column": "half", "is": ["test"]}}, "pools.test.column is 'half', expected one of its columns: "),
        ({"test": {"column": "split", "is": ["tset"]}}, "no item has 'tset' in column 'split', expected one of 'train"),
        ({"test": {"column": "grade", "is": [0, 9]}}, "no item has '9' in column 'grade', expected one of '0', "),
        ({"test": {"column": "choices", "is": ["a"]}}, "pools.test.column: a value of 'choices' is a list, expected"),
        ({"test": {"column": "split", "is": ["test", "train"]}}, "40 items, expected more than pools.test (40)"),
        ({"hardness": 40}, "40 items, expected more than pools.hardness (40)"),
        ({"hardness": 20, "supervisor": 20}, "40 items, expected more than pools.hardness (20) + pools.supervisor (2"),
        ({"test": TESTED, "hardness": 30}, "40 items, expected more than pools.test (10) + pools.hardness (30)"),
        ({"supervisor": 0.01}, "pools.supervisor is 0.01 of 40 items, which is none; expected at least one"),
        ({"question_id": "asked_of"}, "pools.question_id is 'asked_of', expected one of its columns"),
        ({"question_id": "empty"}, "has no 'empty', expected the id of its question"),
    ],
)  # fmt: skip
def test_pools_that_cannot_be_made_are_one_line(pools: dict[str, Any], message: str) -> None:
    table = rows(40, 10).assign(empty=[None, *["x"] * 39])
    with pytest.raises(UphillError) as caught:
        build_items(table, "mine", strict(Pools, {"hardness": 0, **pools}), 0)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_item_is_named_for_one_pool_and_held_for_another(tmp_path: Path) -> None:
    path, held = tmp_path / "ids.txt", rows(40, 10)["item_id"].iloc[-1]
    path.write_text(f"{rows(40, 10)['item_id'].iloc[0]}\n{held}\n")
    with pytest.raises(
        UphillError, match=rf"ids.txt: '{held}' is of the test pool of dataset 'mine', expected items of"
    ):
        items(40, 10, hardness={"ids": str(path)})


@pytest.mark.parametrize("value", [1, "1", 1.0, True])
def test_a_column_is_read_as_it_is_written(value: object) -> None:
    column: list[object] = [value, *[0] * 39] if value is not True else [True, *[False] * 39]
    table = rows(40).assign(split=column)
    asked = strict(Pools, {"hardness": 0, "test": {"column": "split", "is": [True if value is True else 1]}})
    assert members(build_items(table, "mine", asked, 0), "test") == ["q000"]


@settings(max_examples=20)
@given(
    n_test=st.sampled_from([None, 12]),
    tested=st.integers(40, 80),
    seed=st.integers(0, 9),
    boots=st.integers(1, 3),
    fresh=st.booleans(),
)
def test_a_test_pool_is_tested_only_and_levels_are_cut_without_it(
    n_test: int | None, tested: int, seed: int, boots: int, fresh: bool
) -> None:
    table = items(200, tested, seed, hardness=20, supervisor=20)
    measured = table[["item_id"]].assign(variable="grade", value=table["grade"].astype(float), kind="human")
    hardness = add_levels(measured, table.set_index("item_id"), {"grade": Cuts(quantiles=(0.3, 0.7))}, seed)
    pool = table[table["pool"] == "experiment"]
    easy = hardness.loc[hardness["level"] == "easy", "value"].max()
    assert easy <= pool["grade"].quantile(0.3) < hardness.loc[hardness["level"] != "easy", "value"].min()
    graded, held = (
        experiment_levels(table, hardness, GRADES, OWN_POOLS),
        levels_tested(table, hardness, GRADES, OWN_POOLS),
    )
    assert held is not None
    sizes = SplitSettings(boots, 5, n_test, 1, seed, fresh_test=fresh and n_test is not None)
    splits = draw_splits(graded, "mine", "grade", sizes, held)
    of_pool = splits.merge(table[["item_id", "pool"]], on="item_id", validate="many_to_one")
    assert set(of_pool.loc[of_pool["role"] == "train", "pool"]) == {"experiment"}
    assert set(of_pool.loc[of_pool["role"] == "test", "pool"]) == {"test"}
    for (_, boot), own in splits[splits["role"] == "test"].groupby(["train_on", "boot"]):
        assert len(own) == (n_test or tested)
        assert boot < boots
        # Every condition of a boot answers the same questions.
        assert set(own["item_id"]) == set(splits.loc[(splits["role"] == "test") & (splits["boot"] == boot), "item_id"])
    assert (splits["level"] == splits["item_id"].map(hardness.set_index("item_id")["level"])).all()


@pytest.mark.parametrize(
    ("levels", "asked", "message"),
    [
        ({"easy": 9, "hard": 40}, {}, "level 'easy' has 9 items, expected at least 10 (n_train); all levels: 9 easy, "),
        ({"easy": 40}, {}, "level 'hard' has 0 items, expected at least 10 (n_train); all levels: 40 easy of the exp"),
        ({"easy": 40, "hard": 40, "medium": 40}, {}, "level 'medium' has 0 items, expected at least 5 (to test on)"),
        ({"easy": 40, "hard": 40}, {"n_test": 50}, "level 'easy' has 20 items, expected at least 25 (to test on)"),
        ({"easy": 40, "hard": 40}, {"test_on": ["medium"]}, "level 'medium' has 0 items, expected at least 5 (to test"),
        ({"hard": 40}, {"train_on": ["easy"]}, "level 'easy' has 0 items, expected at least 10 (n_train)"),
    ],
)  # fmt: skip
def test_levels_that_are_too_small_beside_a_test_pool_are_refused(
    levels: dict[str, int], asked: dict[str, Any], message: str
) -> None:
    def graded(counts: dict[str, int], prefix: str) -> pd.DataFrame:
        found = [level for level, count in counts.items() for _ in range(count)]
        return pd.DataFrame({"level": found, "value": 1.0}, index=[f"{prefix}{n:03d}" for n in range(len(found))])

    settings = SplitSettings(
        **{"boots": 1, "n_train": 10, "n_test": None, "min_test": 5, "seed": 0, "levels": list(GRADES), **asked}
    )
    with pytest.raises(UphillError) as caught:
        draw_splits(graded(levels, "i"), "d", "v", settings, graded({"easy": 20, "hard": 20}, "t"))
    assert message in str(caught.value)


def test_a_rung_may_be_tested_in_the_test_pool_alone_and_not_trained_on_there() -> None:
    table = pd.DataFrame({"item_id": [f"i{n:02d}" for n in range(60)], "pool": ["experiment"] * 40 + ["test"] * 20})
    values = [1.0] * 40 + [2.0] * 20
    hardness = pd.DataFrame({"item_id": table["item_id"], "variable": "v", "value": values, "level": "medium"})
    band: dict[str, Any] = {"variable": "v", "levels": None, "min": None, "max": None}
    bands = {"low": band | {"max": 1}, "test": band | {"min": 2}}
    cut = table, hardness, bands, OWN_POOLS
    settings = SplitSettings(1, 10, None, 1, 0, train_on=["low", "elsewhere"], test_on=["test"], levels=list(bands))
    splits = draw_splits(experiment_levels(*cut), "d", "ladder", settings, levels_tested(*cut))
    assert set(splits.loc[splits["role"] == "test", "item_id"]) == {f"i{n:02d}" for n in range(40, 60)}
    with pytest.raises(UphillError, match="level 'test' has 0 items, expected at least 10"):
        draw_splits(
            *(experiment_levels(*cut), "d", "ladder"),
            SplitSettings(1, 10, None, 1, 0, train_on=["low", "test"], test_on=["test"]),
            levels_tested(*cut),
        )
