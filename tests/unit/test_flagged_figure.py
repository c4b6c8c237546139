"""The figure with and without flagged items: which numbers stand where."""

from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from figure_tables import LEVELS, ORDER, house_style, lines  # noqa: F401 # one is a fixture

from uphill.figures.plots import flagged

pytestmark = pytest.mark.usefixtures("house_style")
GROUPS = {"all": 0.0, "flagged": 0.3, "unflagged": -0.05}
ITEMS = {"all": 80, "flagged": 4, "unflagged": 76}


def table(groups: dict[str, float] | None = None) -> pd.DataFrame:
    """Zero-shot and training on two levels: .5, .4, .3 from easy to hard, .1 more trained on easy, .15 more on hard."""
    rows: list[dict[str, Any]] = []
    for trained, more in (("none", 0.0), ("easy", 0.1), ("hard", 0.15)):
        method = {"method": "probe", "n_train": 8} if more else {"method": "zero_shot", "n_train": 0}
        for place, level in enumerate(("all", *LEVELS)):
            for group, own in (groups or GROUPS).items():
                value = 0.6 - 0.1 * place + more + own if place else 0.45
                named = {"model": "m", "dataset": "d", "variable": "v", "flag": "seen", "experiment": "population"}
                numbers = {"accuracy": value, "low": value - 0.05, "high": value + 0.05, "circular": ""}
                cell = {"train_on": trained, "test_on": level, "items": group, "n_test": ITEMS[group] + place}
                rows.append({**named, **method, **cell, **numbers})
    return pd.DataFrame(rows).assign(source_kind="file")


def test_each_group_has_a_line_without_supervision_and_one_trained_on_easy_data() -> None:
    (axis,) = flagged.plot(table(), ORDER).axes
    starts = [0.5 + more + own for more in (0.0, 0.1) for own in GROUPS.values()]
    expected = [[round(start - 0.1 * place, 6) for place in range(3)] for start in starts]
    assert [[round(value, 6) for value in y] for _, y in lines(axis)] == expected
    assert [label.get_text() for label in axis.get_xticklabels()] == list(LEVELS)
    said = axis.get_title(loc="left")
    assert "linear probe, 8 items of easy" in said.replace("\n", " ")
    assert "flag: seen" in said


def test_no_interval_stands_on_another_and_a_level_says_how_many_of_its_items_are_flagged() -> None:
    (axis,) = flagged.plot(table(), ORDER).axes
    places = sorted(place for x, _ in lines(axis) for place in x)
    assert min(after - before for before, after in pairwise(places)) > 0.05
    said = [label.get_text() for label in axis.get_xticklabels(minor=True)]
    assert said == ["5 of 81 flagged", "6 of 82", "7 of 83"]


def test_a_group_without_items_has_no_line() -> None:
    (axis,) = flagged.plot(table({"all": 0.0, "unflagged": 0.1}), ORDER).axes
    assert len(lines(axis)) == 4
    assert axis.get_xticklabels(minor=True)[1].get_text() == "0 of 82"


def test_a_study_that_trains_nothing_says_so() -> None:
    none = table()
    figure = flagged.plot(none[none["train_on"] == "none"], ORDER)
    assert figure.texts[0].get_text().startswith("Nothing to draw")
