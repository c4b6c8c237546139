"""Levels of any names: what counts as easy and as hard is what their order says."""

import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.schemas.level_names import (
    Levels,
    extremes,
    from_easiest,
    hardest,
    in_order,
    levels_by_value,
    occurring,
    places,
)

ORDERS: list[tuple[str, ...]] = [
    ("easy", "medium", "hard"),
    tuple(f"bin_{number:02d}" for number in range(1, 11)),
    ("zoo", "attic", "moon"),
    ("hard", "easy"),  # whatever the names say
]


@pytest.mark.parametrize("order", ORDERS)
def test_any_names_are_ordered_as_they_are_given(order: tuple[str, ...]) -> None:
    assert in_order([*reversed(order), "all", "none", order[0]], order) == ["none", "all", *order]
    assert in_order(reversed(order), order) == list(order)
    assert extremes(["none", *reversed(order)], order) == (order[0], order[-1])


@pytest.mark.parametrize(
    ("names", "ends"),
    [
        (["b", "a"], ("a", "b")),
        (["b", "c", "none"], ("b", "c")),
        (["a"], ("a", None)),
        (["b"], ("b", None)),
        (["c"], (None, "c")),
        (["all", "none"], (None, None)),
        ([], (None, None)),
    ],
)
def test_one_level_alone_is_hard_only_if_none_is_harder(names: list[str], ends: tuple[str | None, str | None]) -> None:
    assert extremes(names, ["a", "b", "c"]) == ends


def table() -> pd.DataFrame:
    """Two variables with orders of their own, in which the names go different ways."""
    rows = [
        *(("d", "v", train, test) for train in ("none", "low", "top") for test in ("all", "low", "top")),
        *(("d", "w", train, test) for train in ("none", "top", "low") for test in ("all", "top", "low")),
        ("d", "u", "all", "all"),
    ]
    return pd.DataFrame(rows, columns=["dataset", "variable", "train_on", "test_on"], index=[0] * len(rows))


LEVELS: Levels = {("d", "v"): ["low", "mid", "top"], ("d", "w"): ["top", "low"], ("d", "u"): ["all"]}


def test_each_panel_has_a_hardest_and_an_easiest_of_its_own() -> None:
    found = hardest(table(), LEVELS)
    assert set(zip(found["variable"], found["test_on"], strict=True)) == {("v", "top"), ("w", "low")}
    assert len(found) == 6
    found = from_easiest(table(), LEVELS)
    assert set(zip(found["variable"], found["train_on"], strict=True)) == {("v", "low"), ("w", "top")}
    assert len(found) == 6
    assert hardest(table().iloc[:0], LEVELS).empty
    assert places(table(), "train_on", LEVELS).tolist()[::3] == [-2, 0, 2, -2, 0, 1, -1]


def test_levels_that_occur_are_named_once_and_in_order() -> None:
    assert occurring(table(), "train_on", LEVELS) == ["none", "all", "low", "top"]
    assert occurring(table().query("variable == 'w'"), "test_on", LEVELS) == ["all", "top", "low"]


def test_a_level_that_no_order_knows_is_refused() -> None:
    for look in (hardest, from_easiest):
        with pytest.raises(UphillError, match=r"level '(low|top)': unknown here, expected one of none"):
            look(table(), {})


def test_levels_of_hardness_are_ordered_by_their_values() -> None:
    values = {"zoo": 1.0, "attic": 2.0, "moon": 3.0}
    rows = [(name, level, times * value) for name, times in (("v", 1), ("w", 10)) for level, value in values.items()]
    frame = pd.DataFrame(rows, columns=["variable", "level", "value"]).sample(frac=1, random_state=0)
    assert levels_by_value(frame) == list(values)
    assert levels_by_value(frame.assign(dataset="d", value=-frame["value"])) == list(values)[::-1]
