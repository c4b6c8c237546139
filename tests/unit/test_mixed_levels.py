"""Levels that are trained on together: as many items of each, of the levels' own draws, and never tested on."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.experiments.arms import Arm, Level, levels_of, with_mixes
from uphill.experiments.finding import experiments
from uphill.planning.cells import cells_of
from uphill.schemas.level_names import extremes, from_easiest, hardest
from uphill.splits.draw import draw_splits
from uphill.splits.settings import SplitSettings
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
LEVELS = ("easy", "medium", "hard")
SIZES = {"easy": 60, "medium": 40, "hard": 50}
HALVES, CUMULATIVE = "easy+hard", ["easy", "easy+medium", "easy+medium+hard"]


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def graded() -> pd.DataFrame:
    """Items of three levels."""
    rows = [(f"{level}-{n:02d}", level) for level, size in SIZES.items() for n in range(size)]
    return pd.DataFrame(rows, columns=["item_id", "level"]).set_index("item_id").assign(value=1.0)


def drawn(train_on: list[str] | None, n_train: int = 12, **more: Any) -> pd.DataFrame:
    mixes = {name: name.split("+") for name in train_on or () if "+" in name}
    given = {"boots": 2, "n_train": n_train, "n_test": None, "min_test": 5, "seed": 0, "levels": LEVELS}
    settings = SplitSettings(**{**given, "train_on": train_on, "mixes": mixes, **more})
    return draw_splits(graded(), "d", "v", settings)


def trained(rows: pd.DataFrame, level: str, boot: int = 0) -> list[str]:
    own = rows[(rows["train_on"] == level) & (rows["boot"] == boot) & (rows["role"] == "train")]
    return own.sort_values("rank")["item_id"].tolist()


@pytest.mark.parametrize("n_train", [1, 2, 7, 12, 30])
@pytest.mark.parametrize("mix", [HALVES, "easy+medium", "easy+medium+hard"])
def test_a_mix_takes_turns_between_the_draws_of_its_levels(mix: str, n_train: int) -> None:
    parts = mix.split("+")
    rows = drawn([*LEVELS, mix], n_train)
    for boot in (0, 1):
        own = {level: trained(rows, level, boot) for level in parts}
        # The slow, obvious way: the first of each, the second of each, and so on.
        expected = [own[level][turn] for turn in range(n_train) for level in parts][:n_train]
        assert trained(rows, mix, boot) == expected
    levels = rows[(rows["train_on"] == mix) & (rows["role"] == "train")].groupby("boot")["level"].value_counts()
    assert levels.unstack().fillna(0).apply(lambda row: row.max() - row.min() <= 1, axis=1).all()


def test_a_mix_draws_the_same_where_its_levels_are_not_trained_on_alone() -> None:
    alone, beside = drawn([HALVES]), drawn([*LEVELS, HALVES])
    for boot in (0, 1):
        assert trained(alone, HALVES, boot) == trained(beside, HALVES, boot)
    # Six of each level are enough, and the rest is tested, with all that is medium.
    tested = alone[(alone["role"] == "test") & (alone["boot"] == 0)]
    assert tested["level"].value_counts().to_dict() == {"easy": 54, "hard": 44, "medium": 40}


@pytest.mark.parametrize("more", [{}, {"n_test": 30}, {"folds": True}, {"own_test": True}], ids=str)
@pytest.mark.parametrize("train_on", [[*LEVELS, HALVES], CUMULATIVE, [HALVES]], ids=str)
def test_nobody_is_tested_on_what_is_trained_on_nor_by_a_mix(train_on: list[str], more: dict[str, Any]) -> None:
    rows = drawn(train_on, **more)
    assert set(rows["train_on"]) == set(train_on)
    assert set(rows.loc[rows["role"] == "test", "level"]) == set(LEVELS)
    for (level, boot), own in rows.groupby(["train_on", "boot"]):
        learnt = trained(rows, level, boot)
        if not more.get("own_test"):
            learnt = [item for other in train_on for item in trained(rows, other, boot)]
        assert not set(learnt) & set(own.loc[own["role"] == "test", "item_id"])
    assert rows["value"].notna().all()


def test_a_level_that_is_too_small_for_its_part_is_refused() -> None:
    with pytest.raises(
        UphillError, match=r"level 'medium' has 40 items, expected at least 45 \(n_train 40 \+ 5 to test"
    ):
        drawn(["easy+medium"], 80)
    drawn(["easy+medium"], 70)
    with pytest.raises(
        UphillError, match=r"level 'easy' has 60 items, of which 30 are left beside a fold, expected at"
    ):
        drawn(["easy+medium"], 62, folds=True, min_test=2)


def test_a_mix_stands_after_its_hardest_level_and_is_no_end() -> None:
    plain = levels_of("v", LEVELS)
    found = with_mixes(plain, ["easy", *CUMULATIVE[1:], HALVES])
    order = [level.name for level in found]
    assert order == ["easy", "medium", "easy+medium", "hard", "easy+medium+hard", "easy+hard"]
    assert found[2] == Level("easy+medium", "v", ("easy", "medium"), equal=True)
    assert with_mixes(plain, ["hard"]) == plain
    assert extremes([*CUMULATIVE, HALVES, "hard"], order) == ("easy", "hard")
    assert extremes(CUMULATIVE, order) == ("easy", None)
    assert extremes([HALVES], order) == (None, None)
    assert extremes(["hard", HALVES], order) == (None, "hard")
    table = pd.DataFrame({"dataset": "d", "variable": "v", "train_on": [*CUMULATIVE, "none"], "test_on": "hard"})
    levels = {("d", "v"): order}
    assert from_easiest(table, levels)["train_on"].tolist() == ["easy"]
    assert len(hardest(table, levels)) == 4


def raw(**entries: Any) -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    none: dict[str, Any] = {name: {} if module.NAMED else [] for name, module in experiments().items()}
    return {**found, **none, **entries}


DIAL = {"dataset": "dial", "variable": "num_steps"}
TRAINED_BY = {
    "population": DIAL | {"methods": ["probe"]},
    "cross_difficulty": DIAL | {"methods": ["probe"]},
    "learning_curves": DIAL | {"sizes": {"probe": [10, 40]}},
}


@pytest.mark.parametrize("experiment", TRAINED_BY)
def test_the_key_means_one_thing_in_every_experiment(experiment: str) -> None:
    entry = TRAINED_BY[experiment]
    study = Study(check(raw(**{experiment: [entry | {"train_on": [*CUMULATIVE, HALVES]}]})))
    arm: Arm = study.arms()[0]
    assert arm.train_on == (*CUMULATIVE, HALVES)
    assert arm.split == f"num_steps.{experiment}"
    [job] = study.of("splits")
    assert list(job.settings["levels"]) == ["easy", "medium", "hard"]
    assert job.settings["sizes"]["mixes"] == {name: name.split("+") for name in [*CUMULATIVE[1:], HALVES]}
    assert job.settings["order"] == ["easy", "medium", "easy+medium", "hard", "easy+medium+hard", "easy+hard"]
    counted = cells_of(study, "probe", "demo", "dial")
    n_train = arm.n_train or 160
    assert {(cells.count, cells.reserved) for cells in counted} == {(4 * study.config.splits.boots, 3 * n_train)}
    one = Study(check(raw(**{experiment: [entry | {"train_on": ["medium"]}]})))
    assert one.arms()[0].train_on == ("medium",)


@pytest.mark.parametrize(
    ("experiment", "more", "message"),
    [
        (
            "population",
            {"train_on": ["hard+easy"]},
            "train_on is 'hard+easy', expected each level once, from easy to hard",
        ),
        ("population", {"train_on": ["easy+easy"]}, "train_on is 'easy+easy', expected each level once"),
        ("population", {"train_on": ["easy+"]}, "the level of 'easy+' is '', expected a level of variable 'num_steps'"),
        ("cross_difficulty", {"train_on": ["easy+hrad"]}, "is 'hrad', expected a level of variable 'num_steps'"),
        ("cross_difficulty", {"train_on": ["eazy"]}, "train_on is 'eazy', expected a level of variable 'num_steps'"),
        ("population", {"train_on": []}, "population.0: train_on is [], expected names, or no such key"),
        ("learning_curves", {"train_on": [HALVES], "test_on": [HALVES]}, "test_on is 'easy+hard', expected a level of"),
    ],
)
def test_what_is_no_level_is_refused(experiment: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError) as error:
        check(raw(**{experiment: [TRAINED_BY[experiment] | more]}))
    assert message in str(error.value)


def test_rows_of_one_table_have_one_draw_and_noise_is_of_single_levels() -> None:
    rows = [TRAINED_BY["population"], TRAINED_BY["population"] | {"methods": ["icl"], "train_on": ["easy"]}]
    with pytest.raises(UphillError, match=r"population.1: other boots, sizes or levels than an earlier row"):
        check(raw(population=rows))
    noisy = DIAL | {"methods": ["probe"], "noise": [0, 0.5], "train_on": ["easy", HALVES]}
    with pytest.raises(
        UphillError, match=r"train_on is 'easy\+hard', expected single levels: a mix has no share of no"
    ):
        check(raw(noisy_labels=[noisy]))
