"""Alice and its cascade over models of the demo's family, every stage real; what they write teaches little."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, Checkout

sys.path.append(str(ROOT / "tests/unit"))
from alice_studies import raw

from uphill.schemas.clusters import CLUSTERS
from uphill.schemas.files import made_by, read
from uphill.schemas.labels import LABELS

TABLE, FIGURE = "results/tables/students.csv", "results/figures/students.png"
ACCOUNTS = [f"results/tables/{name}.csv" for name in ("generations", "certainty", "costs")]


ENTRIES: dict[str, dict[str, Any]] = {"plain": {}, "cascade": {"mid": "614k"}}


def study(folder: Path, *names: str) -> str:
    found = raw({name: ENTRIES[name] for name in names})
    # The student is no larger than the teacher: what it learns is no matter here.
    found["models"]["1280k"]["path"] = found["models"]["340k"]["path"]
    (folder / "alice.yaml").write_text(yaml.safe_dump(found))
    return "alice.yaml"


@pytest.mark.parametrize("names", [("plain",), pytest.param(tuple(ENTRIES), marks=pytest.mark.nightly)])
def test_alice_runs_from_items_to_the_gap_recovered(checkout: Checkout, names: tuple[str, ...]) -> None:
    config = study(checkout.folder, *names)
    run = checkout.snakemake(TABLE, FIGURE, *ACCOUNTS, "--configfile", config)
    assert run.status == 0, run.output[-6000:]
    results = checkout.folder / "results"
    table = pd.read_csv(checkout.folder / TABLE)
    assert list(table["test_on"].drop_duplicates()) == ["all", "easy", "medium", "hard"]
    rows = table[table["test_on"] == "all"].set_index(["labels", "weak"])
    teacher, mid = "road.gold.supervisor.lora.340k", "cascade.mid"
    weak = {"plain": [teacher], "cascade": [teacher, mid]}
    assert set(rows.index) == {
        (f"{name}.{labels}", one) for name in names for labels in ("weak", "labels") for one in weak[name]
    }
    assert (rows["n_test"] == 30).all()
    for role in ("weak", "student", "ceiling", "weak_gold", "untrained"):
        assert rows[f"{role}_accuracy"].between(0, 1).all()
    assert rows.loc[rows["status"] == "defined", "pgr"].notna().all()
    for name in (*names, *(["cascade.mid"] if "cascade" in names else [])):
        clusters = read(results / f"clusters/{name}.clusters.parquet", CLUSTERS)
        labels = read(results / f"labels/{name}.labels.parquet", LABELS).set_index("item_id")
        first = clusters.drop_duplicates("item_id").set_index("item_id")
        # Who is certain keeps the teacher's text, and no item is taught that has no cluster.
        assert set(labels["origin"]) <= {"original", "new"}
        assert first.loc[labels.index, "certain"].equals(labels["origin"] == "original")
        counts = made_by(results / f"labels/{name}.labels.parquet")["counts"]
        assert (
            counts["items"]
            == counts["original"] + counts["new"] + counts["dropped_without_cluster"] + counts["dropped_cut_off"]
        )
    if "cascade" in names:
        halves = [set(read(results / f"clusters/{one}.clusters.parquet", CLUSTERS)["item_id"]) for one in HALVES]
        assert not halves[0] & halves[1]
    accounted(results)
    again = checkout.snakemake(TABLE, FIGURE, *ACCOUNTS, "--configfile", config)
    assert again.jobs == [], again.output[-4000:]


def accounted(results: Path) -> None:
    """What is counted of texts and trainings is in the very files."""
    told, costs = (pd.read_csv(results / f"tables/{name}.csv") for name in ("generations", "costs"))
    texts = {folder.name: [*folder.glob("shard-*.parquet")] for folder in (results / "generations").iterdir()}
    assert set(told["generation"]) == set(texts)
    for row in told.merge(costs, left_on="generation", right_on="name", validate="1:1").to_dict("records"):
        own = pd.concat(map(pd.read_parquet, texts[row["generation"]]))
        assert (row["texts_x"], row["prompts"], row["items"]) == (len(own), *[own["item_id"].nunique()] * 2)
        assert row["written"] == own["n_tokens"].sum()
        # None where nothing is uncertain, and so nothing was written.
        assert row["cut_rate"] == pytest.approx(1 - own["ended"].mean(), abs=1e-6, nan_ok=True)
    trained = costs[costs["stage"] == "training"].set_index("name")
    for folder in (results / "models").iterdir():
        said = json.loads((folder / "training.json").read_text())
        row = trained.loc[folder.name]
        assert (row["updates"], row["trained"], row["prompts"]) == (said["updates"], said["tokens"], said["items"])
    certainty = pd.read_csv(results / "tables/certainty.csv")
    every = certainty[certainty["group"] == "all"].set_index("clusters")
    for path in (results / "clusters").glob("*.parquet"):
        first = read(path, CLUSTERS).drop_duplicates("item_id")
        row = every.loc[path.stem]
        assert (row["items"], row["dropped"]) == ((first["cluster"] >= 0).sum(), (first["cluster"] < 0).sum())


HALVES = ("cascade.mid", "cascade")
