"""Hardness by the tested model itself: each model's own values, levels, splits and cells, and what cannot be."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changed_studies import plan
from scipy.special import log_softmax

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.figures.plots.names import variable_name
from uphill.hardness.data import Graded, Responded
from uphill.hardness.job import run_measure
from uphill.hardness.levels import levelled
from uphill.workflow.stages.predictions import arms
from uphill.workflow.study import Study

MODELS = ["demo", "demo_106k"]
ROW = {"dataset": "dial", "variable": "mine", "methods": ["probe", "icl"]}


def study(**changes: Any) -> Study:
    mine = {"measures__mine": {"kind": "mdl_zero_shot", "models": "each"}, "test_models": MODELS}
    cut = {"datasets__dial__cuts": {"num_steps": {"easy_max": 2, "hard_min": 6}, "mine": {"bins": 4}}}
    return plan(**{**mine, **cut, "cross_difficulty": [ROW], **changes})


def test_each_model_is_trained_and_tested_on_levels_of_its_own() -> None:
    found = study()
    for model in MODELS:
        [arm] = [one for one in found.arms() if one.kind == "cross_difficulty" and one.models == (model,)]
        assert (arm.variable, arm.split) == (f"mine@{model}", f"mine@{model}")
        assert arm.order == ("bin_01", "bin_02", "bin_03", "bin_04")
        splits = found.job("splits", {"dataset": "dial", "split": f"mine@{model}"})
        assert splits.inputs["measures"] == [f"results/hardness/measures/dial/mine/{model}.parquet"]
        assert splits.settings["cuts"][f"mine@{model}"]["bins"] == 4
        slices = [one.slice for one in arms(found, "probe", model, "dial")]
        assert [one for one in slices if "mine" in one] == [f"cross_difficulty/mine@{model}"]


def test_tables_mark_each_models_own_scale_as_circular() -> None:
    told = study().job("table", {"table": "cross_difficulty"}).settings["circular"]
    zero_shot = ["icl", "icl_cot", "zero_shot", "zero_shot_cot"]
    assert told == sorted([model, "dial", f"mine@{model}", zero_shot] for model in MODELS)


def test_only_models_of_a_row_measure_and_other_measures_stay_with_hardness_models() -> None:
    found = study(cross_difficulty=[{**ROW, "models": ["demo_106k"]}])
    measured = [job.wildcards for job in found.of("measure_from_responses") if job.wildcards["dataset"] == "dial"]
    asked = {(one["measure"], one["model"]) for one in measured}
    assert asked == {("mine", "demo_106k"), ("mdl_zero_shot", "demo"), ("mdl_probe", "demo")}
    assert "mine" not in found.config.measures_of("road")


def test_reconcile_reads_the_rows_of_each_models_own_scale() -> None:
    found = study(reconcile=[{"dataset": "dial", "variables": ["mine", "num_steps"], "methods": ["probe"]}])
    read = {arm.variable: arm.models for arm in found.shown()["reconcile"]}
    assert read == {"num_steps": tuple(MODELS), **{f"mine@{model}": (model,) for model in MODELS}}


WEAK = {"dataset": "dial_taught", "variable": "mine", "methods": ["probe"], "weak": "demo_106k", "strong": "demo"}
RUNG = {"dataset": "dial", "variable": "mine", "level": "bin_01"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures__mine": {"kind": "mdl_probe", "models": "all"}}, "measures.mine.models is 'all', expected 'each'"),
        ({"measures__human": {"kind": "human", "models": "each"}}, "measures.human.models is 'each', expected no such"),
        ({"weak_to_strong": [WEAK]}, "weak_to_strong.0 is cut by 'mine', which measures.mine.models: each makes anoth"),
        ({"ladders__up": {"test": RUNG, "train": {"low": RUNG}, "methods": ["icl"]}}, "ladders.up is cut by 'mine'"),
        ({"datasets__dial__human": ["num_steps", "mine"]}, "the variable 'mine' is given by two measures"),
        ({"datasets__dial__cuts": {"miine": {"bins": 4}}}, "cuts.miine: no such variable, .*did you mean 'mine'"),
        ({"cross_difficulty": [{**ROW, "train_on": ["bin_05"]}]}, "train_on is 'bin_05', expected a level"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=message) as raised:
        study(**changes)
    assert "\n" not in str(raised.value)


ITEMS = [f"i{number:02d}" for number in range(24)]


def measured(folder: Path, model: str, logprob: np.ndarray, items: pd.DataFrame) -> str:
    table = ResponseTable(
        ITEMS, logprob, np.ones(logprob.shape, np.int64), np.ones(logprob.shape, bool), np.zeros((24, 3, 0), np.float16)
    )
    path, asked = folder / f"{model}.parquet", {"measure": "mine", "kind": "mdl_zero_shot", "settings": {}}
    job: Any = SimpleNamespace(output=[str(path)], settings={**asked, "own": model}, made_by={"id": model})
    run_measure(job, Responded(Graded("dial", (), False, 0), items, 0, table))
    return str(path)


def test_values_and_bins_are_each_models_and_no_mean(tmp_path: Path) -> None:
    """Against code lengths by scipy, and bins by sorting them."""
    rng = np.random.default_rng(5)
    gold = rng.integers(3, size=24)
    items = pd.DataFrame({"item_id": ITEMS, "answer_idx": gold, "pool": "experiment"})
    said = {model: rng.normal(size=(24, 3)) * 3 for model in MODELS}
    files = {measured(tmp_path, one, logprob, items.set_index("item_id")): one for one, logprob in said.items()}
    cuts = {f"mine_bits@{model}": {"bins": 4} for model in MODELS}
    rows = levelled(files, items, cuts, seed=0)
    assert set(rows["variable"]) == {f"{name}@{model}" for name in ("mine", "mine_bits") for model in MODELS}
    for model, logprob in said.items():
        own = rows[rows["variable"] == f"mine_bits@{model}"].set_index("item_id").loc[ITEMS]
        bits = -log_softmax(logprob, axis=1)[np.arange(24), gold] / np.log(2)
        np.testing.assert_allclose(own["value"], bits, rtol=1e-12)
        place = np.argsort(np.argsort(bits)) // 6 + 1
        assert list(own["level"]) == [f"bin_{number:02d}" for number in place]


def test_figures_name_the_model() -> None:
    assert variable_name("world", "mdl_probe@demo") == f"{variable_name('world', 'mdl_probe')} by demo"
