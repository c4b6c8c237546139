"""Arms: what the entries of each experiment make the workflow run."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from uphill.config.checked import StudyConfig, check
from uphill.errors import UphillError
from uphill.experiments.arms import Arm, Level, levels_of
from uphill.experiments.finding import experiments
from uphill.schemas.level_names import main_table

RAW = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text())
NAMES = ("easy", "medium", "hard")


def arms(**change: Any) -> dict[str, list[Arm]]:
    """Arms of a changed default study, by the module that they are of."""
    found: dict[str, list[Arm]] = {}
    for arm in check({**RAW, **change}).arms():
        found.setdefault(arm.kind, []).append(arm)
    return found


def test_every_module_is_a_key_of_the_config_in_its_place() -> None:
    assert list(experiments()) == [
        *("population", "all_to_all", "learning_curves", "noisy_labels", "quantization", "ladders"),
        *("cross_difficulty", "weak_to_strong", "students", "reconcile", "contamination", "cause", "domains"),
    ]
    assert list(StudyConfig.model_fields)[-len(experiments()) :] == list(experiments())
    assert len({module.PLACE for module in experiments().values()}) == len(experiments())


def test_levels_bins_and_rungs_are_one_thing() -> None:
    found = arms()
    assert found["population"][0].levels == tuple(Level(name, "num_steps", name) for name in NAMES)
    assert found["all_to_all"][0].levels == (Level("all", "all"),)
    [ladder] = found["ladders"]
    assert ladder.order == ("road_1_step", "road_3_steps", "dial_1_step", "dial_5_steps", "test")
    assert [level.name for level in ladder.levels_in("road")] == ["road_1_step", "road_3_steps"]
    assert ladder.some_in("dial", ladder.train_on) == ["dial_1_step", "dial_5_steps"]
    assert (ladder.some_in("road", ladder.test_on), ladder.some_in("road", None)) == ([], None)
    datasets = {name: {**entry, "cuts": {"num_steps": {"bins": 3}}} for name, entry in RAW["datasets"].items()}
    rest = {"learning_curves": [], "noisy_labels": [], "ladders": {}}
    assert arms(datasets=datasets, **rest)["population"][0].order == ("bin_01", "bin_02", "bin_03")


def test_a_rung_that_is_tested_is_one_level() -> None:
    band = {"dataset": "dial", "variable": "num_steps"}
    entry = {
        "test": band | {"min": 7},
        "train": {"low": band | {"max": 2}, "top": band | {"min": 7}},
        "methods": ["icl"],
    }
    [ladder] = arms(ladders={"climb": entry})["ladders"]
    assert (ladder.order, ladder.test_on) == (("low", "top"), ("top",))


@pytest.mark.parametrize(
    ("train_on", "factors"),
    [
        (["easy", "hard"], {"hard": 2.0}),
        (["hard", "easy", "medium"], {"hard": 2.0}),
        (["easy", "medium"], {"medium": 2.0}),
        (["easy"], {}),
        (["medium"], {}),
        (["hard"], {"hard": 2.0}),
    ],
)
def test_the_hardest_level_that_is_trained_on_is_noisier(train_on: list[str], factors: dict[str, float]) -> None:
    [entry] = RAW["noisy_labels"]
    [arm] = arms(noisy_labels=[entry | {"train_on": train_on}])["noisy_labels"]
    assert arm.noise_factors == factors


PLAIN = {"experiment": "e", "dataset": "d", "variable": "v", "methods": (), "models": ()}


@pytest.mark.parametrize(
    ("more", "split"),
    [
        ({}, "v"),
        ({"boots": 3}, "v.e"),
        ({"test_on": ("hard",)}, "v.e"),
        ({"levels": (Level("ends", "v", ("easy", "hard")),)}, "v.e"),
        ({"levels": (Level("easy", "v", "easy", dataset="d"),)}, "v.e"),
        ({"levels": (Level("low", "w", max=3.0),)}, "v.e"),
        ({"levels": (Level("low", "w", max=3.0),), "experiment": "v", "boots": 3}, "v"),
        ({"variable": "all", "levels": levels_of("all", NAMES)}, "all"),
    ],
)
def test_splits_are_shared_where_nothing_is_an_experiments_own(more: dict[str, Any], split: str) -> None:
    assert Arm(**{**PLAIN, "levels": levels_of("v", NAMES), **more}).split == split


def test_a_level_of_several_says_which() -> None:
    both = Level("ends", "v", ("easy", "hard"))
    assert both.definition == {"variable": "v", "levels": ["easy", "hard"], "min": None, "max": None}
    assert Level("low", "v", max=3.0).definition["levels"] is None


def test_population_is_of_a_variable() -> None:
    with pytest.raises(UphillError, match=r"population.0.variable.*is 'all', expected a hardness variable"):
        arms(population=[{"dataset": "dial", "variable": "all", "methods": ["icl"]}])


def test_a_study_has_one_experiment_or_more_whichever() -> None:
    none = {name: {} if module.NAMED else [] for name, module in experiments().items()}
    with pytest.raises(UphillError) as error:
        arms(**none)
    assert str(error.value).startswith("config: no experiment, expected entries of at least one of population, ")
    for name in experiments():
        if RAW.get(name):
            made = {"labels"} if name == "weak_to_strong" else set()
            assert set(arms(**none | {name: RAW[name]})) == {name, *made}


def test_the_main_table_is_the_first_of_levels_that_are_trained_on() -> None:
    row = {"dataset": "d", "variable": "v", "test_on": "hard", "gain": 0.0}
    unsupervised = pd.DataFrame([row | {"train_on": "none"}])
    trained = pd.DataFrame([row | {"train_on": "none"}, row | {"train_on": "easy"}])
    plain = pd.DataFrame([{"dataset": "d", "rho": 0.5}])
    of_values = {"accuracy_by_hardness": trained}
    assert main_table({"a": plain, **of_values, "b": unsupervised, "c": trained, "d": trained}) == "c"
    assert main_table({"a": plain, **of_values, "b": unsupervised}) == "b"
    assert main_table({"a": plain, **of_values}) is None
