"""A pair of models of some 100 and 300 million weights through weak-to-strong and Alice, every stage, in one command.

    python benchmarks/pair.py --scratch FOLDER               # a machine with a GPU
    python benchmarks/pair.py --scratch FOLDER --tiny        # the same with models that ship and little data, on a CPU

Both are Llamas of the demo's tokenizer, trained here side by side on the demo's text for as many steps as are asked
for, so that they answer in its form; how much they know is not the point. Then the workflow runs in a copy of the
checkout: probes of the large model on hard and soft labels of the small one; and Alice from the teacher's training to
the gap recovered. What was done stays in the folder, and a run that was cut off goes on. Prints jobs, models read,
tokens and seconds by stage.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from uphill.demo_model import tokenizer
from uphill.demo_model.text import TextSettings
from uphill.demo_model.train import Batches, TrainSettings, new_model, train
from uphill.running import spending

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "rules", "workflow", "src", "config", "profiles", "envs", "pyproject.toml")
TABLES = ("results/tables/weak_to_strong.csv", "results/tables/students.csv")
SHAPES = {
    "small": {"layers": 15, "width": 768, "heads": 12, "mlp_width": 2048},
    "large": {"layers": 24, "width": 1024, "heads": 16, "mlp_width": 2816},
}
SHIPPED = {name: ROOT / "resources/demo-models" / size for name, size in (("small", "340k"), ("large", "1280k"))}


def settings(shape: dict[str, int], steps: int) -> TrainSettings:
    """How a model is trained; all but the shape is one for both."""
    text = TextSettings(even=(0.15, 0.75), settled=0.9)
    return TrainSettings.model_validate({"seed": 5, "steps": steps, "learning_rate": 4e-4, "text": text, **shape})


def make(folder: Path, asked: TrainSettings, workers: int) -> str:
    """Train a model and save it; a line about it."""
    words = tokenizer.build()
    model, start = new_model(asked, words), time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for loss in train(model, Batches(asked, words), asked, device, workers):
        last = loss
    words.save_pretrained(folder)
    model.save_pretrained(folder)
    took = time.perf_counter() - start
    return f"{folder.name}: {model.num_parameters():,} weights, {asked.steps} updates, loss {last:.3f}, {took:.0f} s"


def study(models: dict[str, Path], tiny: bool) -> dict[str, Any]:
    """The config."""
    part, fitted = (10, 10) if tiny else (1, 160)
    dial = {"cuts": {"num_steps": {"easy_max": 2, "hard_min": 6}}, "human": ["num_steps"], "cot_prompt": "0305"}
    world = {"kind": "world", "n_items": 1200 // part}
    asks = (
        "Q: This cart leaves mile 3. Birds sing. Westward 1. Which mile now?\n"
        "A: 3 westward 1 makes 2. So the answer is 2\n\n{own}\n{theirs}\n{doubt}\n\n{question}\nA:"
    )
    return {
        "datasets": {
            "dial": {
                **dial,
                "source": {**world, "domain": "dial", "seed": 15},
                "prompt": "0040",
                "pools": {"hardness": 0, "supervisor": 200 // part},
                "n_test": 300 // part,
                "unsupervised": "zero_shot",
            },
            "road": {
                **dial,
                "source": {**world, "domain": "road", "seed": 16, "generative": True},
                "prompt": "0306",
                "pools": {"hardness": 0, "supervisor": 200 // part, "test": 300 // part},
                "unsupervised": "zero_shot_cot",
                "max_new_tokens": 64,
            },
        },
        "models": {
            name: {"path": str(path), "dtype": "float32" if tiny else "bfloat16"} for name, path in models.items()
        },
        "measures": {"human": {"kind": "human"}},
        "hardness_models": ["large"],
        "test_models": ["large"],
        "methods": {
            "zero_shot": {"kind": "zero_shot"},
            "zero_shot_cot": {"kind": "icl", "k": 0, "cot": True},
            "probe": {"kind": "probe", "n_train": fitted},
        },
        "splits": {"boots": 3, "n_train": fitted, "min_test": 5 if tiny else 50},
        "weak_to_strong": [
            {
                **{"dataset": "dial", "variable": "num_steps", "methods": ["probe"]},
                **{"weak": "small", "strong": "large", "soft": [False, True]},
            }
        ],
        "recipes": {
            "taught": {
                **{"adapter": {"r": 16, "alpha": 32}, "lr": 0.0005, "epochs": 2},
                **{"batch_items": 8, "warmup": 0, "clip": 1.0, "cot": True},
            }
        },
        "asks": {
            "doubt_number": {"text": "{question}\n{answers}\nA:", "ends": "line", "graded": False},
            "rewrite_number": {"text": asks, "ends": "statement"},
        },
        "alice": {
            "pair": {
                **{"dataset": "road", "variable": "num_steps", "kind": "number", "teacher": "small"},
                **{"student": "large", "recipe": "taught", "method": "zero_shot_cot", "supervision": "gold"},
                "n": 3 if tiny else 10,
            }
        },
    }


def print_stages(results: Path) -> None:
    """Of each stage its jobs, how many of them read a model, tokens and seconds."""
    rows: dict[str, Counter[str]] = {}
    for path in sorted((results / "logs").rglob("*.log")):
        name = path.relative_to(results / "logs")
        said = spending.heard(path.read_text())
        times = results / "benchmarks" / name.with_suffix(".tsv")
        seconds = float(pd.read_csv(times, sep="\t")["s"].iloc[-1]) if times.is_file() else 0.0
        tokens = said["tokens"] if said else {}
        stage = rows.setdefault(name.parts[0], Counter())
        stage.update({"jobs": 1, "models": bool(tokens), "seconds": round(seconds), **tokens})
    names = ("jobs", "models", "read", "generated", "trained", "seconds")
    print(f"{'stage':<14}" + "".join(f"{name:>12}" for name in names))
    for title, row in sorted(rows.items(), key=lambda one: -one[1]["seconds"]):
        print(f"{title:<14}" + "".join(f"{row[name]:>12}" for name in names))
    total: Counter[str] = sum(rows.values(), Counter())
    print(f"{'all':<14}" + "".join(f"{total[name]:>12}" for name in names), flush=True)


def main() -> None:
    """Make the models, run the study, print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--scratch", type=Path, required=True, help="a folder; what was done there is not done again")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--steps", type=int, default=450, help="updates of each model")
    parser.add_argument("--workers", type=int, default=12, help="processes that write text")
    options = parser.parse_args()
    folder = options.scratch.resolve()
    models = SHIPPED if options.tiny else {name: folder / "models" / name for name in SHAPES}
    missing = [path for path in models.values() if not (path / "model.safetensors").exists()]
    if missing:
        asked = [settings(SHAPES[path.name], options.steps) for path in missing]
        with ProcessPoolExecutor(len(missing), get_context("spawn")) as pool:
            for line in pool.map(make, missing, asked, repeat(max(1, options.workers // len(missing)))):
                print(line, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if not (folder / part).exists():
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, folder / part)
    (folder / "pair.yaml").write_text(yaml.safe_dump(study(models, options.tiny)))
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", *TABLES, "--configfile", "pair.yaml"]
    start = time.perf_counter()
    with (folder / "run.log").open("w") as log:
        code = subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT).returncode
    print(f"the workflow: exit {code}, {time.perf_counter() - start:.0f} s")
    if code:
        raise SystemExit((folder / "run.log").read_text()[-4000:])
    print_stages(folder / "results")
    weak = pd.read_csv(folder / TABLES[0]).query("test_on == 'all'")
    roles = [f"{role}_accuracy" for role in ("unsupervised", "weak", "student", "ceiling")]
    print(weak[["labels", "train_on", *roles, "pgr", "status"]].to_string())
    students = pd.read_csv(folder / TABLES[1]).query("test_on == 'all'")
    roles = [f"{role}_accuracy" for role in ("untrained", "weak", "student", "ceiling", "weak_gold")]
    print(students[["labels", *roles, "parse_rate", "pgr", "status"]].to_string())


if __name__ == "__main__":
    main()
