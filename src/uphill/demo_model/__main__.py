"""The whole recipe: `python -m uphill.demo_model --out DIR` trains the demo model, measures it and writes its card.

About 5 minutes on a GPU; on two CPU cores more than a day (one trains on about 2,700 tokens a second, of 516 million).
With `--size small`, the weak teacher, less than an hour on one core.
Nothing is put into DIR before everything is done: a killed run leaves nothing there, and the next one starts from the
beginning.
"""

import argparse
import os
import platform
import tempfile
import time
from collections import deque
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from uphill.datasets import world
from uphill.demo_model import card, tokenizer
from uphill.demo_model.evaluate import Reader, evaluate
from uphill.demo_model.sizes import SIZES
from uphill.demo_model.train import TrainSettings, new_model, train

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pandas")


def main() -> None:
    """Parse the command line and run the recipe."""
    parser = argparse.ArgumentParser(prog="python -m uphill.demo_model", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the model; made if it does not exist")
    parser.add_argument("--size", choices=SIZES, default="full", help="which of the models (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=None, help="optimiser steps (default: the size's own)")
    parser.add_argument("--seed", type=int, default=None, help="of text and weights (default: the size's own)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=None, help="processes that write text (default: one a core)")
    options = parser.parse_args()
    said = {name: value for name in ("steps", "seed") if (value := getattr(options, name)) is not None}
    settings = TrainSettings.model_validate(SIZES[options.size].model_dump() | said)
    make(options.out, settings, options.device, options.workers)


def make(out: Path, settings: TrainSettings | None = None, device: str = "auto", workers: int | None = None) -> None:
    """Run the recipe and put its files into `out`, replacing those of the same names.

    `device` is "auto" (a GPU if there is one) or a name for `torch.device`; `workers` is a number of processes that
    write text, one a core by default. Neither changes the model, but for rounding.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    # Beside `out`, so that moving a file into place is one rename.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        run(settings or TrainSettings(), torch.device(device), workers or os.cpu_count() or 1, Path(scratch))
        for path in sorted(Path(scratch).iterdir()):
            path.replace(out / path.name)


def run(settings: TrainSettings, device: torch.device, workers: int, out: Path) -> None:
    """Train, save to `out` as float16, measure what was saved, and write recipe and card beside it."""
    start = time.monotonic()
    words = tokenizer.build()
    model = new_model(settings, words)
    losses: deque[torch.Tensor] = deque(maxlen=max(1, settings.steps // 50))
    progress = tqdm(train(model, words, settings, device, workers), total=settings.steps, desc="training", unit="step")
    for step, loss in enumerate(progress):
        losses.append(loss)
        if step % 100 == 0:  # reading a loss waits for the device
            progress.set_postfix(loss=f"{loss.item():.4f}")
    model.half().save_pretrained(out)
    words.save_pretrained(out)
    recipe: dict[str, Any] = {
        "settings": settings.model_dump(),
        "world": {name: getattr(world, name) for name in ("RING", "MAX_STEPS", "SENTENCES", "STEP_TABLE")},
        "vocabulary": len(words),
        "parameters": model.num_parameters(),
        "training_tokens": settings.steps * settings.documents_per_step * settings.document_tokens,
        "final_loss": round(torch.stack(list(losses)).mean().item(), 4),
        "device": device.type,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "evaluation": evaluate(_saved(out, device)),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    card.write(recipe, out)


def _saved(folder: Path, device: torch.device) -> Reader:
    """What a user of the saved files gets, in float32."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).to(device).eval()
    return Reader(model, AutoTokenizer.from_pretrained(folder))


if __name__ == "__main__":
    main()
