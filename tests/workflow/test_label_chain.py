"""Three teachers in a chain and a student of the last, by probes on the demo's models."""

from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import Checkout

from uphill.schemas.files import read
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS

TABLE = "results/tables/weak_to_strong.csv"
ONE: dict[str, Any] = {"kind": "predicted", "dataset": "dial", "method": "probe"}
CHAIN = {
    "first": {**ONE, "model": "106k", "pool": "supervisor_2", "soft": True},
    "second": {**ONE, "model": "340k", "labels": "first", "pool": "supervisor_3"},
    "third": {**ONE, "model": "614k", "labels": "second"},
}
LEARNS = {"first": "supervisor", "second": "supervisor_2", "third": "supervisor_3"}
SIZES = ("106k", "340k", "614k", "1280k")
STUDENT = {"dataset": "dial", "methods": ["probe"], "weak": "614k", "strong": "1280k"}
STUDY: dict[str, Any] = {
    "datasets": {
        "dial": {
            "source": {"kind": "world", "domain": "dial", "n_items": 300, "seed": 5},
            "prompt": "0040",
            "human": ["num_steps"],
            "pools": {"hardness": 0, "supervisor": 120, "parts": 3, "test": 80, "near": 13},
        }
    },
    "models": {name: {"path": f"resources/demo-models/{name}", "dtype": "float32"} for name in SIZES},
    "measures": {"human": {"kind": "human"}},
    "hardness_models": ["1280k"],
    "methods": {"zero_shot": {"kind": "zero_shot"}, "probe": {"kind": "probe", "n_train": 40}},
    "splits": {"boots": 2, "n_train": 40, "min_test": 10},
    "test_models": ["1280k"],
    "labels": CHAIN,
    "weak_to_strong": [{**STUDENT, "labels": ["third"]}],
}


@pytest.mark.nightly
def test_each_teacher_learns_and_labels_a_part_of_its_own(checkout: Checkout) -> None:
    (checkout.folder / "chain.yaml").write_text(yaml.safe_dump(STUDY))
    run = checkout.snakemake(TABLE, "--configfile", "chain.yaml")
    assert run.status == 0, run.output[-6000:]
    results = checkout.folder / "results"
    pool = read(results / "items/dial.parquet", ITEMS).set_index("item_id")["pool"]
    for name, entry in CHAIN.items():
        labels = read(results / f"labels/{name}.parquet", LABELS).set_index("item_id")
        assert set(labels.index) == set(pool.index[pool == entry.get("pool", "experiment")])
        assert labels["soft"].notna().all() == bool(entry.get("soft"))
        taught = f"@{entry['labels']}" if "labels" in entry else ""
        said = read(results / f"predictions/probe/{entry['model']}/dial{taught}.parquet", PREDICTIONS)
        assert set(labels.index) <= set(said["item_id"])
        named = next((results / "splits/dial").glob(f"all.teacher.probe.all*{entry.get('pool', 'experiment')}.parquet"))
        drawn = read(named, SPLITS)
        assert set(pool[drawn.loc[drawn["role"] == "train", "item_id"]]) == {LEARNS[name]}
    table = pd.read_csv(checkout.folder / TABLE)
    assert set(table["labels"]) == {"third"}
    assert set(table["weak"]) == {"614k"}
    measured = ["weak_accuracy", "student_accuracy", "ceiling_accuracy", "label_accuracy", "capa", "capa_choice"]
    assert table[measured].notna().all(axis=None)
    assert checkout.snakemake(TABLE, "--configfile", "chain.yaml").jobs == []
