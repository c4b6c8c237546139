"""Fetching on a node with a network, and running without one, from a hub that is a small server on this machine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ROOT, Checkout, shrink
from hub import serving

from uphill.schemas.files import read
from uphill.schemas.responses import RESPONSES

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
TOKEN = "hf_aTokenThatNoLogMayShow"
NOWHERE = "http://127.0.0.1:9"
RESPONSE = "results/responses/demo/quiz/shard-0-of-1.parquet"


def from_hub(raw: dict[str, Any]) -> None:
    """The default study's model and one dataset, from the hub."""
    shrink(raw)
    raw["models"]["demo"] = {"hub_id": "uphill/demo", "revision": COMMIT, "dtype": "float32"}
    raw["datasets"] = {
        "quiz": {
            "source": {"kind": "hub", "hub_id": "uphill/quiz", "revision": COMMIT, "splits": ["test"], "config": "main"}
            | {"metadata": ["grade"]},
            "prompt": "0040",
            "human": ["grade"],
            "pools": {"hardness": 10},
        }
    }
    raw["population"] = [{"dataset": "quiz", "variable": "grade", "methods": ["zero_shot"]}]


def questions(count: int) -> list[dict[str, Any]]:
    return [
        {
            "question": f"What is {i} + 1?",
            "choices": [str(i + 1), str(i)][:: 1 - i % 2 * 2],
            "answer": i % 2,
            "grade": i % 9,
        }
        for i in range(count)
    ]


@pytest.fixture
def repositories(tmp_path: Path) -> dict[str, Path]:
    """The demo model with second copies of its weights, and a dataset with a config."""
    model, quiz = tmp_path / "hub/demo", tmp_path / "hub/quiz"
    shutil.copytree(ROOT / "resources/demo-models/106k", model)
    for copy in ("pytorch_model.bin", "consolidated.safetensors", "original/model.safetensors"):
        (model / copy).parent.mkdir(exist_ok=True)
        (model / copy).write_bytes(b"the same weights again")
    (quiz / "main").mkdir(parents=True)
    (quiz / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: test\n    path: main/test.jsonl\n"
        "- config_name: other\n  data_files:\n  - split: test\n    path: other.jsonl\n---\n"
    )
    (quiz / "main/test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in questions(40)))
    (quiz / "other.jsonl").write_text(json.dumps({"question": "not this one"}))
    return {"uphill/demo": model, "datasets/uphill/quiz": quiz}


@pytest.fixture
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_jobs_run_offline_on_what_was_fetched(
    checkout: Checkout, repositories: dict[str, Path], hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = checkout.configure(from_hub)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(repositories, COMMIT, TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        run = checkout.snakemake("fetch", "--configfile", config)
        assert run.status == 0, run.output[-3000:]
        assert f"export HF_HOME={hub_home} HF_HUB_OFFLINE=1" in run.output
        assert "uphill/demo/model.safetensors" in hub.asked
        assert "datasets/uphill/quiz/main/test.jsonl" in hub.asked
        assert not [path for path in hub.asked if "consolidated" in path or ".bin" in path or "original" in path]
        before = len(hub.asked)
        again = checkout.snakemake("fetch", "--configfile", config)
        assert (again.status, again.jobs) == (0, ["Fetching models and datasets from the hub"])
        assert len(hub.asked) == before, "fetched twice"
    # A later commit of the same dataset is in the cache too, as after a study of another revision.
    _also_fetch_another_commit(repositories, monkeypatch)

    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = checkout.snakemake(RESPONSE, "--configfile", config)
    assert run.status == 0, run.output[-3000:]
    items = pd.read_parquet(checkout.folder / "results/items/quiz.parquet")
    assert items["question"].tolist() == [row["question"] for row in questions(40)]
    found = read(checkout.folder / RESPONSE, RESPONSES)
    assert found["item_id"].nunique() == 40
    assert TOKEN not in run.output
    written = [path for folder in ("results", ".snakemake") for path in (checkout.folder / folder).rglob("*")]
    assert len([path for path in written if path.suffix == ".log"]) >= 3
    assert [path for path in written if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def _also_fetch_another_commit(repositories: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    quiz = repositories["datasets/uphill/quiz"]
    (quiz / "main/test.jsonl").write_text(json.dumps(questions(1)[0] | {"question": "What is new?"}))
    with serving(repositories, OTHER, TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        script = f"from uphill.running.hub import fetch; fetch('dataset', 'uphill/quiz', '{OTHER}')"
        subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.usefixtures("hub_home")
def test_what_was_not_fetched_is_named(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    config = checkout.configure(from_hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = checkout.snakemake("results/items/quiz.parquet", "--configfile", config)
    assert run.status != 0
    assert any(
        f"hub dataset uphill/quiz at {COMMIT}: was not fetched; run the target `fetch`" in line for line in run.errors
    )


@pytest.mark.usefixtures("hub_home")
def test_a_hub_that_wants_a_token_is_one_line(
    checkout: Checkout, repositories: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = checkout.configure(from_hub)
    with serving(repositories, COMMIT, TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        run = checkout.snakemake("fetch", "--configfile", config)
    assert run.status != 0
    assert any(f"hub model uphill/demo at {COMMIT}: cannot be fetched" in line for line in run.errors)


def test_weights_in_another_format_are_refused(
    repositories: dict[str, Path], hub_home: Path, monkeypatch: pytest.MonkeyPatch, checkout: Checkout
) -> None:
    config = checkout.configure(from_hub)
    (repositories["uphill/demo"] / "model.safetensors").unlink()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(repositories, COMMIT, TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        run = checkout.snakemake("fetch", "--configfile", config)
    assert any("no safetensors there" in line for line in run.errors)
