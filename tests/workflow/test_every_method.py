"""Every method, measure and experiment of config/demo-all.yaml that the demo has not, at a size that takes a minute or
two; at night, those that it has too.
"""

from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import Checkout

from uphill.schemas.files import read
from uphill.schemas.grades import GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS
from uphill.schemas.predictions import PREDICTIONS

WRITTEN = {"zero_shot_cot", "icl_cot", "lora_cot"}
IN_DEMO = {"zero_shot", "lora"}
MEASURES_IN_DEMO = ("surface", "mdl_zero_shot", "mdl_probe")
RUNG = {"dataset": "dial", "variable": "num_steps"}
HARDNESS = "results/hardness/dial.parquet"
TAUGHT = {"dataset": "dial_taught", "weak": "demo_106k", "strong": "demo"}


def small(raw: dict[str, Any]) -> None:
    """A few items of each dataset, one or two cells of each kind."""
    # Alice is run small in test_alice.py.
    del raw["datasets"]["road"], raw["datasets"]["road_taught"], raw["alice"], raw["domains"]
    # What 8 bits emulated on a CPU take grows with the model, and what they are worth is no matter here.
    for name, size in (("demo", "demo_340k"), ("demo-8bit", "demo_106k")):
        raw["models"][name]["path"] = raw["models"][size]["path"]
    for dataset in raw["datasets"].values():
        dataset["source"]["n_items"] = 200
        dataset["pools"] = {**dataset["pools"], "hardness": 20}
        dataset |= {"n_test": 15, "max_new_tokens": 12}
        if "test" in dataset["pools"]:
            dataset["pools"]["test"] = 60
    raw["datasets"]["dial_taught"]["pools"]["supervisor"] = 40
    raw["datasets"]["dial_taught"]["cuts"]["num_steps"] = {"bins": 2}
    for name in MEASURES_IN_DEMO:
        del raw["measures"][name]
    for dataset in raw["datasets"].values():
        for name in ("mdl_zero_shot", "question_num_words"):
            dataset["cuts"].pop(name, None)
    for method in raw["methods"].values():
        for sizes in ("k", "n_train"):
            if method.get(sizes):
                method[sizes] = 4
        if method["kind"] in ("lora", "finetune", "classifier"):
            method["epochs"] = 1
        if method["kind"] == "lora":
            method["min_updates"] = 1
    raw["splits"] = {"boots": 2, "n_train": 8, "n_test": 15, "min_test": 4}
    raw["statistics"] = {"draws": 200, "correlation_draws": 100}
    chosen = sorted(set(raw["methods"]) - WRITTEN - IN_DEMO - {"probe_by_scale"})
    raw["population"] = [
        {**RUNG, "methods": chosen},
        {"dataset": "road_written", "variable": "num_steps", "methods": ["lora_cot"]},
    ]
    for name in ("all_to_all", "noisy_labels", "cross_difficulty"):
        del raw[name]
    asked = {"test": {"dataset": "dial_asked", "variable": "num_steps", "min": 1}, "methods": ["probe", "icl"]}
    rungs = {"low": RUNG | {"max": 2}, "high": RUNG | {"min": 5}}
    raw["ladders"] = {"road_to_asked": asked | {"train": rungs, "models": ["demo_106k", "demo"]}}
    raw["panels"]["climbers"]["models"] = ["demo_106k", "demo"]  # as they are, too
    raw["panels"]["climbers"]["cells"][0]["methods"] = ["probe", "icl"]
    by_scale = {"dataset": "dial_asked", "variable": "rasch", "sizes": {"probe_by_scale": [4]}}
    raw["learning_curves"] = [by_scale | {"test_on": ["bin_03"], "train_on": ["bin_01", "bin_03"]}]
    raw["weak_to_strong"] = [
        TAUGHT | {"methods": ["probe"], "variable": "num_steps", "teach_on": ["all", "bin_01"]},
        TAUGHT | {"methods": ["probe", "probe_logconf", "probe_product", "classifier"], "soft": [True]},
    ]
    raw["quantization"] = [{"dataset": "dial", "methods": ["zero_shot_prompts"], "pairs": {"demo": "demo-8bit"}}]
    raw["reconcile"] = [
        {"dataset": "dial", "variables": ["num_steps"], "methods": ["icl", "probe"]},
        {"dataset": "dial_asked", "variables": ["rasch"]},
    ]
    raw["contamination"] = [
        {"dataset": "dial", "variable": "num_steps", "flag": "choice_order", "methods": ["icl"]},
        {"dataset": "dial", "variable": "num_steps", "flag": "domain", "equals": "dial", "methods": ["probe"]},
    ]
    raw["cause"] = [{**RUNG, "methods": ["icl", "probe"]}]


def with_the_demos(raw: dict[str, Any]) -> None:
    """What the demo has too, in other company."""
    raw["population"][0]["methods"] = sorted({*raw["population"][0]["methods"], *IN_DEMO})
    raw["population"][1]["methods"] = ["icl_cot", "lora_cot"]
    raw["all_to_all"] = [{"dataset": "dial", "methods": ["probe"]}]
    raw["noisy_labels"] = [{**RUNG, "methods": ["probe", "icl"], "noise": [0, 0.5]}]
    raw["cross_difficulty"] = [{**RUNG, "methods": ["probe"]}]
    raw["learning_curves"].append({**RUNG, "sizes": {"probe": [4, 8], "icl": [1, 3]}, "boots": 2})
    climb = {"low": RUNG | {"max": 2}, "mid": RUNG | {"level": "medium"}}
    raw["ladders"]["climb"] = {"test": RUNG | {"min": 7}, "train": climb, "methods": ["probe"]}
    raw["weak_to_strong"][0]["methods"] = ["probe", "lora"]
    raw["quantization"][0]["methods"] = ["icl", "lora"]
    marked = {"dataset": "dial_marked", "variable": "num_steps"}
    raw["population"].append({**marked, "methods": ["probe"]})
    raw["contamination"].append({**marked, "flag": "feature_agrees"})
    raw["domains"] = [{"datasets": ["dial", "dial_marked"], "variable": "num_steps", "methods": ["probe"]}]


def tables_of(checkout: Checkout, raw: dict[str, Any], *targets: str) -> dict[str, pd.DataFrame]:
    (checkout.folder / "mine.yaml").write_text(yaml.safe_dump(raw))
    run = checkout.snakemake(*targets, "--configfile", "mine.yaml")
    assert run.status == 0, run.output[-4000:]
    found = (checkout.folder / "results/tables").glob("*.csv")
    return {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in found}


@pytest.fixture
def raw(checkout: Checkout) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load((checkout.folder / "config/demo-all.yaml").read_text())
    kinds = {method["kind"] for method in raw["methods"].values()}
    assert kinds == {"zero_shot", "icl", "probe", "lora", "finetune", "classifier", "ccs", "random_probe"}
    small(raw)
    return raw


def test_all_of_it_runs(checkout: Checkout, raw: dict[str, Any]) -> None:
    names = ("population", "learning_curves", "weak_to_strong", "quantization", "reconcile", "contamination")
    names += ("probe_angles", "unsaid")
    drawn = [f"results/figures/{name}.png" for name in ("quantization", "reconcile")]
    tables = tables_of(checkout, raw, *(f"results/tables/{name}.csv" for name in names), *drawn, HARDNESS)
    assert set(tables["population"]["method"]) == set(raw["methods"]) - {"probe_by_scale", "lora", "icl_cot"}
    _common(tables, raw, checkout)
    asked = read(checkout.folder / "results/predictions/icl_prompts/demo/dial.parquet", PREDICTIONS)
    assert set(asked["prompt"]) == {"0040+0340"}
    hardness = pd.read_parquet(checkout.folder / HARDNESS)
    texts = {f"{text}_logprob" for text in ("question", "answer", "reasoning")}
    assert set(hardness["variable"]) == texts | {"num_steps", "steps_decoded", "overlap", "min_k", "choice_order"}


@pytest.mark.nightly
def test_all_of_it_runs_beside_what_the_demo_has(checkout: Checkout, raw: dict[str, Any]) -> None:
    with_the_demos(raw)
    tables = tables_of(checkout, raw)
    assert set(tables["population"]["method"]) == set(raw["methods"]) - {"probe_by_scale"}
    _common(tables, raw, checkout)
    curve = tables["learning_curves"]
    assert set(curve["n_train"]) == {0, 1, 3, 4, 8}
    assert (curve.loc[curve["method"] == "icl", "k"] == curve.loc[curve["method"] == "icl", "n_train"]).all()
    assert set(tables["noisy_labels"]["noise_p"]) == {0, 0.5, 1.0}
    assert set(tables["climb"]["train_on"]) == {"none", "low", "mid"}
    assert set(tables["cross_difficulty"]["test_on"]) == {"easy", "medium", "hard"}
    assert {"easy to hard", "best train level"} <= set(tables["cross_difficulty_summary"]["statistic"])
    assert set(tables["random_labels"]["train_on"]) == {"hard"}  # whose noise is twice .5
    pairs = tables["domains"][["dataset", "train_dataset"]].drop_duplicates()
    assert len(pairs) == 4
    assert tables["domains"].loc[tables["domains"]["short"].notna(), "as_good"].isin(["yes", "no", "cannot tell"]).all()
    stressed = read(checkout.folder / "results/items/dial_marked.parquet", ITEMS)
    assert stressed.loc[stressed["pool"] != "test", "feature_agrees"].all()
    flags = tables["contamination"].loc[tables["contamination"]["dataset"] == "dial_marked", "flag"]
    assert set(flags) == {"feature_agrees"}
    alone = read(checkout.folder / "results/predictions/zero_shot_cot/demo/road_written.parquet", PREDICTIONS)
    assert set(alone["prompt"]) == {"5305"}


def _common(tables: dict[str, pd.DataFrame], raw: dict[str, Any], checkout: Checkout) -> None:
    quantized = tables["quantization"]
    assert set(quantized["method"]) == set(raw["quantization"][0]["methods"])
    assert set(quantized["quantized_model"]) == {"demo-8bit"}
    assert (quantized["difference"] - (quantized["quantized"] - quantized["full"])).abs().max() < 2e-6
    _taught(tables["weak_to_strong"], raw["weak_to_strong"], checkout)
    _reconciled(tables, {"population", "learning_curves", *(["cross_difficulty"] if "cross_difficulty" in raw else [])})
    _flagged(tables)
    _caused(tables)
    of_panel = pd.read_parquet(checkout.folder / "results/matrices/respondents/climbers.parquet")
    assert len(of_panel) == 2 * (1 + 2 * 2 * 2)
    curve = tables["learning_curves"]
    assert set(curve.loc[curve["variable"] == "rasch", "train_on"]) == {"none", "bin_01", "bin_03"}
    scaled = curve[(curve["variable"] == "rasch") & (curve["train_on"] != "none")]
    assert set(scaled["circular"]) == {"model and method"}


def _flagged(tables: dict[str, pd.DataFrame]) -> None:
    """Numbers of all items are those of their own table, and groups add up."""
    table = tables["contamination"]
    table = table[table["dataset"] == "dial"]
    assert set(table["flag"]) == {"choice_order", "domain = dial"}
    assert set(table.loc[table["flag"] == "domain = dial", "items"]) == {"all", "flagged"}
    keys = ["method", "n_train", "train_on", "test_on"]
    every = table[(table["items"] == "all") & (table["experiment"] == "population")]
    own = tables["population"][tables["population"]["variable"] == "num_steps"]
    joined = every.merge(own[own["dataset"] == "dial"], on=keys, suffixes=("", "_own"))
    assert len(joined) == len(every) > 0
    assert (joined["accuracy"] - joined["accuracy_own"]).abs().max() < 2e-6
    drawn = table[table["flag"] == "choice_order"].pivot_table(
        index=[*keys, "experiment"], columns="items", values="n_test", aggfunc="sum"
    )
    assert (drawn["all"] == drawn["flagged"].fillna(0) + drawn["unflagged"].fillna(0)).all()


def _caused(tables: dict[str, pd.DataFrame]) -> None:
    """Probes of both states are held against halves of their draws; what is gained and lost is the gain."""
    found = tables["probe_angles"]
    assert set(found["layer"]) == {"middle", "last"}
    assert set(found["n_train"]) <= {2, 4}  # halves of 4, and of a learning curve's 8
    assert found[["across", "same"]].abs().max().max() <= 1.0
    unsaid = tables["unsaid"]
    assert (unsaid["unsaid"] - unsaid["lost"] - unsaid["gain"]).abs().max() < 3e-6
    assert set(unsaid["method"]) == {"icl", "probe"}


def _reconciled(tables: dict[str, pd.DataFrame], experiments: set[str]) -> None:
    """Gains of each slice are those of its own table, and nobody is trained for it."""
    table = tables["reconcile"]
    assert set(table["experiment"]) == experiments
    assert set(table["variable"]) == {"num_steps", "rasch"}
    keys = ["dataset", "variable", "method", "n_train", "train_on", "test_on"]
    for experiment, own in table.groupby("experiment"):
        same = own.merge(tables[str(experiment)], on=keys, suffixes=("", "_there"), validate="1:1")
        assert len(same) == len(own)
        assert (same["gain"] - same["gain_there"]).abs().max() < 2e-6


def _taught(table: pd.DataFrame, rows: list[dict[str, Any]], checkout: Checkout) -> None:
    """Students of each teacher and loss, each beside the teacher's and the ceiling's accuracy on the same items."""
    assert set(table["method"]) == {method for row in rows for method in row["methods"]}
    assert set(zip(table["weak"], table["strong"], strict=True)) == {("demo_106k", "demo")}
    assert set(table.loc[table["variable"] == "num_steps", "teacher_on"]) == {"all", "bin_01"}
    assert table[["weak_accuracy", "student_accuracy", "ceiling_accuracy", "label_accuracy"]].notna().all().all()
    assert ((table["status"] == "defined") == table["pgr"].notna()).all()
    results = checkout.folder / "results"
    labels = read(results / "labels/dial_taught.demo_106k.probe.soft.parquet", LABELS)
    items = read(results / "items/dial_taught.parquet", ITEMS).set_index("item_id")
    assert set(items.loc[labels["item_id"], "pool"]) == {"experiment"}
    assert len(labels) == (items["pool"] == "experiment").sum()
    students = read(
        results / "predictions/probe/demo/dial_taught@dial_taught.demo_106k.probe.soft.parquet", PREDICTIONS
    )
    assert set(students["labels"]) == {"dial_taught.demo_106k.probe.soft"}
    said = read(results / "grades/probe/demo_106k/dial_taught.parquet", GRADES)
    teacher = said[said["experiment"] == "teacher.probe.all"].set_index("item_id")
    row = table[(table["labels"] == "dial_taught.demo_106k.probe.soft") & (table["method"] == "probe")].iloc[0]
    tested = teacher.loc[sorted(set(students["item_id"])), "correct"]
    assert row["weak_accuracy"] == pytest.approx(tested.mean(), abs=1e-6)
