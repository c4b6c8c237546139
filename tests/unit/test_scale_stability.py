"""Whether a scale holds: refits on resampled models against a slow loop, and what is cautioned of."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

from uphill.errors import UphillError
from uphill.hardness import irt, stability
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.bins import drawn_by_lot, number_of_bin
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.item_response import MISSING, Answers, fit
from uphill.randomness import keyed_rng, keyed_seed
from uphill.report.cautions import cautions
from uphill.running import noting
from uphill.running.noting import noted
from uphill.workflow.preflight import _once


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    noting.forget()
    yield
    noting.forget()


def simulated(models: int, items: int, spread: float = 1.5, missing: float = 0.0, seed: int = 0) -> Answers:
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=models), spread * rng.normal(size=items)
    answers = (rng.random((models, items)) < expit(1.2 * (ability[:, None] - difficulty))).astype(np.int8)
    answers[rng.random(answers.shape) < missing] = MISSING
    return answers


def settings_of(folder: Path, answers: Answers, **changes: Any) -> irt.Settings:
    frame = pd.DataFrame(answers.T).replace(MISSING, pd.NA).add_prefix("m")
    frame.assign(item_id=[f"i{number:03d}" for number in range(len(frame))]).to_csv(folder / "m.csv", index=False)
    return irt.Settings.model_validate({"dataset": "d", "path": folder / "m.csv", "bins": 5, **changes})


def data(items: int, hardness_pool: int = 0) -> HardnessData:
    names = pd.Index([f"i{number:03d}" for number in range(items)], name="item_id")
    pools = ["hardness"] * hardness_pool + ["experiment"] * (items - hardness_pool)
    return HardnessData(Graded("d", (), False, 0), pd.DataFrame({"pool": pools}, index=names), 3)


def slow_bins(values: dict[str, float], pool: list[str], bins: int, variable: str, seed: int) -> dict[str, int]:
    """Bin of each item, one by one."""
    places = {item: (value, keyed_seed("ties", variable, item, seed)) for item, value in values.items()}
    order = sorted((item for item in pool if item in values), key=places.__getitem__)
    own = {item: number for number, part in enumerate(np.array_split(order, bins), start=1) for item in part}
    return {item: next((own[at] for at in order if places[at] >= places[item]), bins) for item in values}


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_moved_is_the_share_of_resamples_in_which_an_item_has_another_bin(tmp_path: Path, missing: float) -> None:
    answers = simulated(6, 30, missing=missing)
    answers[0, (answers == MISSING).all(0)] = 1
    settings = settings_of(tmp_path, answers, stability=7, bins=4)
    found = irt.measure("rasch", settings, data(30, hardness_pool=6)).set_index("item_id")
    items, pool = list(found.index), list(found.index[6:])
    own = slow_bins(found["value"].to_dict(), pool, 4, "rasch", 3)
    moved: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for draw in range(7):
        rows = keyed_rng("stability", "rasch", 3, draw).integers(6, size=6)
        resample = answers[rows]
        difficulty = (fit(resample, tolerance=1e-7).difficulty.round(6) + 0.0).tolist()
        known = {item: difficulty[at] for at, item in enumerate(items) if (resample[:, at] != MISSING).any()}
        other = slow_bins(known, pool, 4, "rasch", 3)
        asked.update(list(known))
        moved.update(item for item in known if other[item] != own[item])
    expected = [moved[item] / asked[item] if asked[item] else np.nan for item in items]
    np.testing.assert_allclose(found["moved"], expected)
    assert 0 < np.nanmean(expected) < 1
    assert (len(set(asked.values())) > 1) == (missing > 0)


def test_stability_changes_no_value_and_is_absent_unless_asked_for(tmp_path: Path) -> None:
    answers = simulated(12, 40)
    plain = irt.measure("rasch", settings_of(tmp_path, answers), data(40))
    assert "moved" not in plain
    resampled = irt.measure("rasch", settings_of(tmp_path, answers, stability=3), data(40))
    pd.testing.assert_frame_equal(resampled.drop(columns="moved"), plain)
    assert _once(settings_of(tmp_path, answers, stability=3)) == settings_of(tmp_path, answers)


def test_more_models_hold_items_in_their_bins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shares = []
    for models in (8, 40, 400):
        settings = settings_of(tmp_path, simulated(models, 60, seed=1), stability=5)
        shares.append(irt.measure("rasch", settings, data(60))["moved"].mean())
    assert shares[0] > shares[1] > shares[2]
    told = [line for line in caplog.messages if "refits on resampled models" in line]
    assert f"{100 * shares[2]:.0f} % of the items are in another of 5 bins" in told[2]


def test_resample_of_one_kind_of_answer_is_drawn_again() -> None:
    answers = np.array([[1, 1, 1], [0, 0, 0]], np.int8)  # both models in one resample of two
    for draw in range(20):
        assert sorted(stability._resample(answers, stability._members(2, None), draw, "v", 0)[:, 0]) == [0, 1]


def test_relatives_make_no_scale_firmer(tmp_path: Path) -> None:
    """Ten copies of each model are as many models as there were, where they are a family."""
    answers = simulated(8, 60, seed=1)
    tenfold = np.repeat(answers, 10, axis=0)
    families = {f"m{model}": f"base {model // 10}" for model in range(80)}
    alone = irt.measure("rasch", settings_of(tmp_path, answers, stability=10), data(60))["moved"].mean()
    copies = irt.measure("rasch", settings_of(tmp_path, tenfold, stability=10), data(60))["moved"].mean()
    together = settings_of(tmp_path, tenfold, stability=10, families=families)
    assert copies < 0.75 * alone
    assert irt.measure("rasch", together, data(60))["moved"].mean() == pytest.approx(alone, rel=0.15)


def test_members_of_a_family_are_drawn_together() -> None:
    answers = np.repeat(np.eye(3, dtype=np.int8), [1, 2, 3], axis=0)
    members = stability._members(6, ["a", "b", "b", "c", "c", "c"])
    for draw in range(20):
        counts = stability._resample(answers, members, draw, "v", 0).sum(0)
        assert (counts % [1, 2, 3] == 0).all()
        assert (counts / [1, 2, 3]).sum() == 3


@pytest.mark.parametrize(
    ("families", "message"),
    [
        ({"m9": "a"}, "families names 'm9', expected one of the models of the matrix"),
        (dict.fromkeys([f"m{number}" for number in range(5)], "a"), "all models are of one family, expected two or"),
    ],
)
def test_families_that_do_not_fit_are_refused(tmp_path: Path, families: dict[str, str], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        irt.measure("rasch", settings_of(tmp_path, simulated(5, 20), stability=2, families=families), data(20))


@pytest.mark.parametrize("families", [["a", "b"], ["a", "a", "a"]])
def test_families_are_of_all_models_and_several(families: list[str]) -> None:
    answers = np.eye(3, dtype=np.int8)
    with pytest.raises(ValueError, match="expected a family for each of 3 models, and two or more"):
        next(stability.refits(answers, lambda one: one[0].astype(float), 1, "v", families=families))


def test_halves_of_models_agree_where_items_differ_and_not_where_they_do_not() -> None:
    real, noise = simulated(20, 200), (np.random.default_rng(0).random((20, 200)) < 0.5).astype(np.int8)
    assert stability.agreement_of_halves(real, "v", 0) > 0.5
    assert abs(stability.agreement_of_halves(noise, "v", 0)) < stability.chance_agreement(200)
    # Of four models, each halving is one of three; the mean lies between their extremes.
    four = simulated(4, 50, missing=0.1)
    asked = np.where(four == MISSING, np.nan, four.astype(float))
    shares = {half: pd.DataFrame(asked[list(half)]).mean() for half in ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2))}
    by_hand = [
        spearmanr(shares[one], shares[other], nan_policy="omit").statistic
        for one, other in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
    ]
    assert min(by_hand) <= stability.agreement_of_halves(four, "v", 0) <= max(by_hand)
    assert np.isnan(stability.agreement_of_halves(np.ones((4, 5), np.int8), "v", 0))


def test_chance_agreement_is_what_noise_reaches_once_in_forty() -> None:
    rng = np.random.default_rng(0)
    found = [spearmanr(*rng.random((2, 50))).statistic for _ in range(2000)]
    assert np.mean(np.array(found) > stability.chance_agreement(50)) == pytest.approx(0.025, abs=0.011)


@pytest.mark.parametrize(
    ("values", "bins", "expected"),
    [
        ([1, 2, 3, 4], 2, (0, 0.0)),
        ([1, 2, 2, 4], 2, (1, 0.5)),
        ([1, 1, 1, 1], 4, (3, 1.0)),
        ([1, 1, 2, 2, 2, 2, 3, 4], 4, (1, 0.5)),
    ],
)
def test_items_that_a_border_parts_are_counted(values: list[float], bins: int, expected: tuple[int, float]) -> None:
    series = pd.Series(values, [f"i{at}" for at in range(len(values))], dtype=float)
    assert drawn_by_lot(series, number_of_bin(series, series.index, bins, "v", 0)) == expected


# -- cautions --------------------------------------------------------------------------------------------------------


def random_answers(models: int, items: int) -> Answers:
    return (np.random.default_rng(2).random((models, items)) < 0.5).astype(np.int8)


@pytest.mark.parametrize(
    ("answers", "changes", "expected"),
    [
        (
            simulated(5, 60),
            {},
            [
                "5 models answered, expected 10 or more",
                "6 distinct difficulties of 60 items, expected 10 or more",
                "of 4 borders between bins pass through items of one value",
                "items were answered rightly by all models or by none; the prior places them",
            ],
        ),
        (random_answers(40, 80), {"model": "2pl"}, ["halves of the models agree on no difficulty"]),
        (
            random_answers(12, 80),
            {"stability": 3},
            ["halves of the models", "pass through", "of the items are in another of 5 bins where the models are"],
        ),
        (simulated(300, 60), {"stability": 2}, []),
    ],
)
def test_a_coarse_scale_is_cautioned_of_in_the_report(
    tmp_path: Path, answers: Answers, changes: dict[str, Any], expected: list[str]
) -> None:
    items = answers.shape[1]
    irt.measure("rasch", settings_of(tmp_path, answers, **changes), data(items))
    said = noted()
    assert all(line.startswith("scale rasch of d: ") for line in said)
    assert [any(part in line for line in said) for part in expected] == [True] * len(expected)
    assert bool(said) == bool(expected)
    found = cautions({}, [*said, "model: padded scoring"])
    titles = ["Models that took a slower way", "Scales of difficulty that are coarse or do not hold"]
    assert [one.title for one in found] == titles[: 1 + bool(expected)]
    assert found[0].cases == ["model: padded scoring."]
    if expected:
        assert found[1].cases == [f"{line.removeprefix('scale ')}." for line in said]


def test_share_drawn_is_said_of_the_bins_that_are_cut(tmp_path: Path) -> None:
    answers = simulated(20, 100)
    found = irt.measure("rasch", settings_of(tmp_path, answers), data(100)).set_index("item_id")["value"]
    bins = number_of_bin(found, found.index, 5, "rasch", 3)
    in_two = [value for value, own in bins.groupby(found.to_numpy()) if own.nunique() > 1]
    share = found.isin(in_two).mean()
    assert share > 0.1
    assert any(f"{100 * share:.0f} % of the items are in their bin by a draw" in line for line in noted())


def test_a_matrix_of_two_models_still_has_a_scale(tmp_path: Path) -> None:
    answers = np.array([[1, 0, 1, 0, 1], [0, 0, 1, 1, 1]], np.int8)
    found = irt.measure("rasch", settings_of(tmp_path, answers, stability=4, bins=2), data(5))
    assert found["moved"].between(0, 1).all()
    with pytest.raises(UphillError, match="one kind of answer at most"):
        read_matrix(settings_of(tmp_path, np.ones_like(answers)).path, "item_id", [])
