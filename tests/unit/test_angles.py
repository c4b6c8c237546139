"""Directions of probes on two levels: against loops, another library and simulation, and where they are planted."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cosine

from uphill.engine.passes import ResponseTable
from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.probes import Features, fit_probes
from uphill.methods.probe import Settings
from uphill.report.questions import questions
from uphill.stats.angles import angles, chance_cosine
from uphill.tables import probe_angles
from uphill.tables.cause import TABLES
from uphill.tables.probe_angles import directions, one_direction
from uphill.tables.table import Analysis

WIDTH, DRAWS, ITEMS = 24, 5, 80


def test_means_are_those_of_every_pair_of_halves() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(0.4, 1.0, (DRAWS, 2, WIDTH)) for _ in range(2))
    found = angles(a, b)
    across = [1 - cosine(a[draw, i], b[draw, j]) for draw in range(DRAWS) for i in range(2) for j in range(2)]
    same = [1 - cosine(one[draw, 0], one[draw, 1]) for one in (a, b) for draw in range(DRAWS)]
    assert found.across == pytest.approx(np.mean(across))
    assert found.same == pytest.approx(np.mean(same))
    scaled = angles(a * rng.uniform(1, 9, (DRAWS, 2, 1)), b)
    assert (scaled.across, scaled.same) == (pytest.approx(found.across), pytest.approx(found.same))


def test_the_interval_holds_the_ratios_that_no_paired_test_refuses() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=WIDTH)
    a, b = (shared + rng.normal(0.0, 0.6, (DRAWS, 2, WIDTH)) for _ in range(2))
    found = angles(a, b)
    across = np.array([[1 - cosine(x, y) for x in a[draw] for y in b[draw]] for draw in range(DRAWS)]).mean(1)
    same = np.array([np.mean([1 - cosine(one[draw, 0], one[draw, 1]) for one in (a, b)]) for draw in range(DRAWS)])
    assert found.alike == pytest.approx(across.mean() / same.mean())
    for ratio in (found.low, found.high):
        assert stats.ttest_1samp(across - ratio * same, 0.0).pvalue == pytest.approx(0.05, rel=1e-6)
    assert found.low < found.alike < found.high


@pytest.mark.parametrize("width", [2, 16, 300])
def test_what_random_directions_stay_below(width: int) -> None:
    drawn = np.random.default_rng(2).normal(size=(4000, width))
    found = np.abs(drawn[:, 0]) / np.linalg.norm(drawn, axis=1)
    # A share of 4,000 has a standard error of .0034; four of them.
    assert (found < chance_cosine(width)).mean() == pytest.approx(0.95, abs=0.014)
    assert chance_cosine(1) == 1.0


def test_too_few_draws_and_directions_like_chance_say_nothing() -> None:
    rng = np.random.default_rng(3)
    shared = np.ones(WIDTH)
    few = angles(*(shared + rng.normal(0, 0.1, (2, 2, WIDTH)) for _ in range(2)))
    noise = angles(*(rng.normal(size=(DRAWS, 2, WIDTH)) for _ in range(2)))
    for found in (few, noise):
        assert math.isnan(found.alike)
        assert one_direction(found) == "cannot tell"
    with pytest.raises(ValueError, match="a direction has length 0"):
        angles(np.zeros((3, 2, 4)), np.ones((3, 2, 4)))
    with pytest.raises(ValueError, match=r"expected \[draws, 2, features\] twice"):
        angles(np.ones((3, 3, 4)), np.ones((3, 3, 4)))


def planted(turned: bool) -> tuple[ResponseTable, pd.DataFrame, pd.DataFrame]:
    """Two states; the right choice stands out along one direction in the last, for hard items `turned` by 90 degrees.

    The first says nothing of what is right. Levels differ in nothing else.
    """
    rng = np.random.default_rng(4)
    names = {level: [f"{level}{number:04d}" for number in range(DRAWS * ITEMS)] for level in ("easy", "hard")}
    ids = [*names["easy"], *names["hard"]]
    gold = rng.integers(3, size=len(ids))
    states = rng.normal(size=(len(ids), 3, 2 * WIDTH)) * np.tile(rng.uniform(0.5, 4.0, WIDTH), 2)
    axes = {"easy": WIDTH, "hard": WIDTH + 1 if turned else WIDTH}
    for row, item in enumerate(ids):
        axis = axes[item[:4]]
        states[row, gold[row], axis] += 5.0 * states[..., axis].std()
    shape = (len(ids), 3)
    exists = np.ones(shape, dtype=bool)
    table = ResponseTable(ids, np.zeros(shape), np.ones(shape, dtype=np.int64), exists, states.astype(np.float32))
    drawn = [
        {"train_on": level, "boot": place // ITEMS, "item_id": item, "rank": place % ITEMS}
        for level, items in names.items()
        for place, item in enumerate(items)
    ]
    rows = pd.DataFrame(drawn).assign(dataset="d", variable="v", split="v")
    return table, rows, pd.DataFrame({"answer_idx": gold}, index=pd.Index(ids, name="item_id"))


def reduced(turned: bool, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    table, drawn, answers = planted(turned)
    monkeypatch.setattr(probe_angles, "read_states", lambda _: table)
    row = {"model": "m", "dataset": "d", "variable": "v", "experiment": "population"}
    given: Any = SimpleNamespace(
        predictions=pd.DataFrame(
            [{**row, "method": "probe", "n_train": ITEMS}, {**row, "method": "icl", "n_train": 8}]
        ),
        levels={("d", "v"): ["easy", "easy+hard", "hard"]},
        study=Analysis({"d": "zero_shot"}, draws=100, coverage=0.95, seed=0),
        own={"splits": [["population", "d", "v", "v"]], "probes": {"probe": Settings().model_dump(mode="json")}},
        columns={"d": answers},
        states={("m", "d"): {}},
        drawn=drawn,
    )
    return TABLES["probe_angles"].reduce(given)


@pytest.mark.parametrize(("turned", "said"), [(False, "yes"), (True, "no")])
def test_a_direction_that_is_planted_is_found_and_no_other(
    turned: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = reduced(turned, monkeypatch)
    assert found[["layer", "level_a", "level_b", "boots", "n_train"]].to_numpy().tolist() == [
        ["middle", "easy", "hard", DRAWS, ITEMS // 2],
        ["last", "easy", "hard", DRAWS, ITEMS // 2],
    ]
    assert found["one_direction"].tolist() == ["cannot tell", said]
    [asked] = questions({"probe_angles": found.assign(circular="")})
    assert [case.answer for case in asked.cases] == ["cannot tell", said]
    assert asked.cases[1].where.endswith("state last, easy and hard")


def test_directions_are_those_of_probes_of_the_halves_in_one_scale_and_any_order() -> None:
    table, drawn, answers = planted(False)
    given = (table.states, table, drawn, ["easy", "hard"], answers["answer_idx"], Settings(), 0)
    found = directions(*given)
    items = [f"easy{number:04d}" for number in range(1, ITEMS, 2)]
    rows = table.rows(items)
    gold = answers.loc[items, "answer_idx"].to_numpy()
    features = Features(table.states, table.exists)
    probe = fit_probes(features, [rows], [gold], [("d", "v", "easy", 0, 1, 0)], ProbeRecipe())
    raw = (probe.weight / probe.std).numpy()[0]
    scale = table.states.reshape(-1, 2 * WIDTH).std(axis=0, ddof=1, dtype=np.float64)
    assert cosine(found["easy"][0, 1], raw * scale) == pytest.approx(0.0, abs=1e-6)
    mixed = directions(*given[:2], drawn.sample(frac=1, random_state=0), *given[3:])
    np.testing.assert_array_equal(mixed["hard"], found["hard"])
