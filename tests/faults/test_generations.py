"""A chain of texts as it runs: a weak model's samples, their clusters, what is unsure, rewritings and labels."""

import signal
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from conftest import Checkout
from runs import Watched, results

from uphill.prompts.templates import Question, published
from uphill.schemas.clusters import CLUSTERS
from uphill.schemas.files import made_by, read
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS

OWN = "results/generations/own/shard-0.parquet"
MADE = [OWN, *(f"results/labels/{name}.parquet" for name in ("kept", "weak", "alice"))]
SOURCE: dict[str, Any] = {"kind": "world", "domain": "road", "n_items": 170, "seed": 13, "generative": True}
SOLVED = [
    Question("This cart leaves mile 3. Birds sing. Westward 1. Which mile now?", (), "2", "3 westward 1 makes 2."),
    Question("This cart leaves mile 9. Eastward 6. Rain falls. Which mile now?", (), "15", "9 eastward 6 makes 15."),
]


def config(checkout: Checkout) -> list[str]:
    """The chain on two demo models, of which the weak one answers now this and now that."""
    shown = "\n\n".join(published("0305", cot=True).example(one) for one in SOLVED)
    weak = {
        "dataset": "carts",
        "pool": "experiment",
        "model": "weak",
        "ask": "solve",
        "temperature": 0.9,
        "top_p": 0.95,
    }
    raw = {
        "datasets": {
            "carts": {
                "source": SOURCE, "prompt": "0306", "cot_prompt": "0305", "unsupervised": "asked",
                "human": ["num_steps"],
                "pools": {"hardness": 0, "supervisor": 20}, "max_new_tokens": 40,
            }
        },
        "models": {
            name: {"path": f"resources/{folder}", "dtype": "float32"}
            for name, folder in (("weak", "demo-models/340k"), ("strong", "demo-models/614k"))
        },
        "measures": {"human": {"kind": "human"}},
        "hardness_models": ["weak"],
        "methods": {"asked": {"kind": "icl", "k": 0, "cot": True}},
        "test_models": ["weak"],
        "population": [{"dataset": "carts", "variable": "num_steps", "methods": ["asked"]}],
        "splits": {"boots": 1, "n_train": 2, "n_test": 3, "min_test": 1},
        "asks": {
            "solve": {"text": f"{shown}\n\n{{question}}\nA:", "ends": "statement"},
            "why": {"text": "{question}\n{answers}\nA:", "ends": "line", "graded": False},
            "again": {"text": f"{shown}\n\n{{own}}\n{{theirs}}\n{{doubt}}\n\n{{question}}\nA:", "ends": "statement"},
        },
        "generations": {
            "cot": {**weak, "pool": "supervisor"},
            "samples": {**weak, "n": 5, "shards": 2, "half": "second"},
            "own": {**weak, "seed": 1},
            "doubts": {"model": "strong", "ask": "why", "beside": {"answers": "same"}, "max_new_tokens": 8},
            "rewrites": {
                "model": "weak", "ask": "again", "temperature": 0.9,
                "beside": {"own": "own", "theirs": "same", "doubt": "doubts"},
            },
        },
        "clusters": {"same": {"generation": "samples", "same": "answer"}},
        "labels": {
            "kept": {"kind": "kept", "generation": "cot"},
            "weak": {"kind": "texts", "generation": "own"},
            "alice": {"kind": "certain_or_rewritten", "clusters": "same", "rewrites": "rewrites"},
        },
    }  # fmt: skip
    (checkout.folder / "chain.yaml").write_text(yaml.safe_dump(raw))
    hardware = checkout.folder / "config/hardware.yaml"
    told = yaml.safe_load(hardware.read_text())
    told["models"] |= dict.fromkeys(("weak", "strong"), told["models"]["demo"])
    hardware.write_text(yaml.safe_dump(told))
    return [*MADE, "--configfile", "chain.yaml"]


def test_a_chain_of_texts_runs_is_killed_and_goes_on(checkout: Checkout) -> None:
    arguments = config(checkout)
    run = checkout.snakemake(*arguments)
    assert run.status == 0, run.output[-4000:]
    _said(checkout.folder / "results")
    assert checkout.snakemake(*arguments).jobs == []
    before = results(checkout)
    # One artefact less: it is made again, with what is made of it.
    (checkout.folder / OWN).unlink()
    again = {
        *("Texts of generation own, shard 0", "Grades of generation own", "Labels weak"),
        *("Texts of generation rewrites, shard 0", "Grades of generation rewrites", "Labels alice"),
    }
    assert set(checkout.snakemake("-n", *arguments).jobs) == again
    # Killed amid it, once the first of its three parts is there.
    with Watched(checkout, [*arguments, "--cores", "1"], forked=True) as watched:
        assert watched.wait_for(lambda: any("generate-" in name for name, _ in watched.parts)), watched.output[-3000:]
        watched.end(signal.SIGKILL, everyone=True)
    parts = list((checkout.folder / "results/.parts").glob("generate-*/items-*.parquet"))
    assert 0 < len(parts) < 3
    run = checkout.snakemake(*arguments)
    assert run.status == 0, run.output[-4000:]
    assert set(run.jobs) == again
    assert results(checkout) == before


def _said(folder: Path) -> None:
    """What the chain made is what its own files say it must be."""
    items = read(folder / "items/carts.parquet", ITEMS).set_index("item_id")
    shards = [read(folder / f"generations/samples/shard-{shard}.parquet", GENERATIONS) for shard in range(2)]
    samples = pd.concat(shards, ignore_index=True)
    asked = samples.groupby("item_id").size()
    assert len(asked) == (items["pool"] == "experiment").sum() // 2
    assert set(asked) == {5}
    assert set(items.loc[asked.index, "pool"]) == {"experiment"}
    grades = read(folder / "generations/samples/grades.parquet", TEXT_GRADES)
    clusters = read(folder / "clusters/same.parquet", CLUSTERS)
    assert clusters["item_id"].nunique() == len(asked)
    for item_id, own in clusters.groupby("item_id"):
        read_off = grades[(grades["item_id"] == item_id) & grades["ended"]]["parsed"]
        counts = read_off[read_off != ""].value_counts()
        assert sorted(own.loc[own["cluster"] >= 0, "size"]) == sorted(counts[counts > 1])
    held = clusters[clusters["cluster"] >= 0]
    certain = set(held.loc[held["certain"], "item_id"])
    uncertain = set(held.loc[~held["certain"], "item_id"])
    # The chain says something only if there is some of each.
    assert certain
    assert uncertain
    assert len(asked) > len(certain | uncertain)
    for name in ("doubts", "rewrites"):
        texts = read(folder / f"generations/{name}/shard-0.parquet", GENERATIONS)
        assert set(texts["item_id"]) == uncertain, name
    alice = read(folder / "labels/alice.parquet", LABELS).set_index("item_id")
    ended = texts.set_index("item_id")["ended"]
    assert set(alice.index[alice["origin"] == "original"]) == certain
    assert set(alice.index[alice["origin"] == "new"]) == set(ended.index[ended])
    told = made_by(folder / "labels/alice.parquet")["counts"]
    assert (told["items"], told["original"], told["new"]) == (len(asked), len(certain), int(ended.sum()))
    right = read(folder / "generations/cot/grades.parquet", TEXT_GRADES)
    right = right[right["correct"] & right["ended"]]
    assert set(read(folder / "labels/kept.parquet", LABELS)["item_id"]) == set(right["item_id"])
