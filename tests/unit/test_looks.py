"""A look at some of a dataset's items: which stay depends on nothing but their ids and the seed, and it is said."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from changed_studies import changed, plan
from covering import few
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from uphill.__main__ import app
from uphill.datasets.items import build_items, make_items
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.planning.lengths import lengths
from uphill.report.cautions import cautions
from uphill.running import noting, provenance
from uphill.running.noting import LOOK, NOTES
from uphill.workflow import preflight

POOLS = Pools(hardness=0.25)


@pytest.fixture(autouse=True)
def _nothing_noted() -> Iterator[None]:
    noting.forget()
    yield
    noting.forget()


def rows(ids: list[str]) -> pd.DataFrame:
    asked = {"question": [f"What is {name}?" for name in ids], "choices": [["a", "b"]] * len(ids), "answer_idx": 0}
    return pd.DataFrame({"item_id": ids, **asked, "answer_text": "", "reasoning": ""})


def kept(ids: list[str], limit: int | None, seed: int = 0, name: str = "mine") -> pd.DataFrame:
    return build_items(rows(ids), name, POOLS, seed, limit=limit)


def lowest(ids: list[str], limit: int, seed: int) -> set[str]:
    """The ids of the lowest hashes, by the hash as it is written down."""
    hashed = {one: hashlib.sha256(json.dumps(["limit", one, seed]).encode()).hexdigest()[:32] for one in ids}
    return set(sorted(ids, key=hashed.__getitem__)[:limit])


IDS = st.lists(st.text("abcxyz0123456789", min_size=1, max_size=6), min_size=8, max_size=40, unique=True)


@given(ids=IDS, limit=st.integers(1, 50), seed=st.integers(0, 2**32 - 1), draw=st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_items_of_the_lowest_hashes_stay_as_they_are_among_all(ids: Any, limit: int, seed: int, draw: Any) -> None:
    whole, some = kept(ids, None, seed), kept(ids, limit, seed)
    assert len(some) == min(limit, len(ids))
    assert set(some["item_id"]) == lowest(ids, limit, seed)
    # A subset, row by row: of the same pools, in the same order.
    pd.testing.assert_frame_equal(some, whole[whole["item_id"].isin(some["item_id"])].reset_index(drop=True))
    pd.testing.assert_frame_equal(some, kept(draw.sample(ids, len(ids)), limit, seed))


@few()
@given(ids=IDS, limit=st.integers(2, 8))
def test_an_item_stays_whatever_others_are_there(ids: Any, limit: int) -> None:
    """Without an item that was left out, the same stay; without one that stayed, the next one comes."""
    some = set(kept(ids, limit)["item_id"])
    for gone in ids:
        rest = [one for one in ids if one != gone]
        found = set(kept(rest, limit)["item_id"])
        assert found >= some - {gone}
        assert gone in some or found == some


def test_two_datasets_of_one_source_keep_the_same_and_another_seed_does_not() -> None:
    ids = [f"i{number}" for number in range(100)]
    first, second, third = kept(ids, 20), kept(ids, 20, name="other"), kept(ids, 20, seed=1)
    assert first["item_id"].tolist() == second["item_id"].tolist()
    assert first["item_id"].tolist() != third["item_id"].tolist()


def test_a_look_is_noted_where_something_was_left_out() -> None:
    ids = [f"i{number:04}" for number in range(1200)]
    for limit in (None, 1200, 5000):
        assert len(kept(ids, limit)) == 1200
        assert noting.noted() == []
    kept(ids, 200)
    assert noting.noted() == [f"{LOOK}200 of 1,200 items of mine"]


def test_the_report_says_that_numbers_of_a_look_are_no_results() -> None:
    [found] = cautions({}, [f"{LOOK}200 of 1,200 items of mine"])
    assert found.title == "A look at some of the items"
    assert "no results" in found.why
    assert found.cases == ["200 of 1,200 items of mine."]


ROW = {
    "model": "m", "dataset": "d", "variable": "v", "method": "icl", "k": 8, "n_train": 8, "noise_p": 0.0, "boots": 5,
    "train_dataset": "d", "train_on": "easy", "test_on": "hard", "n_test": 50, "accuracy": 0.5, "low": 0.4, "high": 0.6,
    "gain": 0.1, "gain_low": 0.0, "gain_high": 0.2, "parse_rate": None,
}  # fmt: skip


@pytest.mark.parametrize("notes", [[f"{LOOK}200 of 3,521 items of arc", "m took a slower way"], []])
def test_show_says_it_of_the_table(notes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("results/tables/population.csv")
    path.parent.mkdir(parents=True)
    pd.DataFrame([ROW]).to_csv(path, index=False)
    record = {"id": "x", "levels": [["d", "v", ["easy", "hard"]]], **({NOTES: notes} if notes else {})}
    provenance.write(provenance.beside(path), record, [str(path)], {})
    found = CliRunner().invoke(app, ["show"])
    assert found.exception is None, found.output
    line = "A look at 200 of 3,521 items of arc: no results of the set."
    assert found.output.splitlines().count(line) == len(notes) // 2
    assert "slower" not in found.output


def test_a_datasets_own_limit_wins() -> None:
    study = plan(limit=500, datasets__road__limit=300)
    found = {name: study.job("items", {"dataset": name}).settings.get("limit") for name in study.datasets}
    assert found == {"dial": 500, "road": 300, "road_written": 500, "dial_taught": 500}
    assert len(make_items(study.job("items", {"dataset": "road"}).settings)) == 300


def test_a_limit_is_part_of_what_items_are_made_of() -> None:
    """It makes the items, and what is made of them, anew; of another dataset, nothing."""
    stale = changed(datasets__road_written__limit=900)
    assert "items/road_written" in stale
    assert {"items/dial", "items/road", "responses/demo/dial"} & stale == set()
    assert {f"items/{name}" for name in ("dial", "road", "road_written")} <= changed(limit=1500)
    assert "limit" not in plan().job("items", {"dataset": "dial"}).settings


def test_a_plan_counts_the_items_of_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, arc = plan(limit=400), {"kind": "ai2_arc", "folder": "data/not_here"}
    published = plan(limit=500, datasets__dial__source=arc)
    monkeypatch.chdir(tmp_path)  # where nothing is made
    found = lengths(study, "dial")
    assert found.all == 400
    assert 80 <= found.pool <= 160  # 600 of 2,000 are of the hardness pool, so 120 of 400, give or take
    found = lengths(published, "dial")
    assert (found.all, found.pool) == (500, round(600 * 500 / 4521))


def test_a_level_that_is_too_small_for_its_splits_is_their_own_line(tmp_path: Path, monkeypatch: Any) -> None:
    study = plan(limit=300, all_to_all=[])
    monkeypatch.chdir(tmp_path)  # where nothing is made
    with pytest.raises(UphillError, match=r"dataset 'dial', variable '\w+': level '\w+' has \d+ items, expected"):
        preflight.check(study)


def test_a_teachers_level_that_is_too_small_is_seen_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its splits are of its own pool: no fifth of it is as many as a probe trains on."""
    row = {"dataset": "dial_taught", "variable": "num_steps", "methods": ["probe"], "teach_on": ["all", "bin_01"]}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UphillError, match=r"dataset 'dial_taught', variable 'num_steps': level 'bin_01' has \d+ items"):
        preflight.check(plan(weak_to_strong=[row | {"weak": "demo_106k", "strong": "demo"}]))
