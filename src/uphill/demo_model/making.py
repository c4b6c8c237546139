"""The recipe of one demo model: train it, measure what was saved, and write its card.

Nothing is put into a model's folder before everything is done: a killed run leaves nothing there, and the next one
starts from the beginning.
"""

import platform
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from uphill.datasets import world
from uphill.demo_model import card, tokenizer
from uphill.demo_model.evaluate import Reader, evaluate
from uphill.demo_model.repetition import repetition
from uphill.demo_model.shared_text import SharedBatches
from uphill.demo_model.train import Batch, Batches, TrainSettings, new_model, train

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pandas")
SAID_EVERY = 30.0
"""Seconds between two lines about a training that nobody watches."""


def make(
    out: Path, settings: TrainSettings, device: str = "auto", workers: int = 1, text_folder: Path | None = None
) -> None:
    """Run the recipe and put its files into `out`, replacing those of the same names.

    Args:
        out: the model's folder; its name is the model's.
        settings: what decides the model.
        device: "auto" (a GPU if there is one) or a name for `torch.device`. It changes the model by rounding only.
        workers: processes that write the text, or read it; changes nothing.
        text_folder: where the text is being written by `shared_text`; without, it is written here.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    batches: Dataset[Batch] = (
        Batches(settings, tokenizer.build()) if text_folder is None else SharedBatches(settings, text_folder)
    )
    # Beside `out`, so that moving a file into place is one rename.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        run(out.name, settings, batches, torch.device(device), workers, Path(scratch))
        for path in sorted(Path(scratch).iterdir()):
            path.replace(out / path.name)


def run(
    name: str, settings: TrainSettings, batches: Dataset[Batch], device: torch.device, workers: int, out: Path
) -> None:
    """Train, save to `out` as float16, measure what was saved, and write recipe and card beside it."""
    start = time.monotonic()
    words = tokenizer.build()
    model = new_model(settings, words)
    losses: deque[torch.Tensor] = deque(maxlen=max(1, settings.steps // 50))
    for loss in followed(train(model, batches, settings, device, workers), settings.steps, name):
        losses.append(loss)
    model.half().save_pretrained(out)
    words.save_pretrained(out)
    reader = _saved(out, device)
    recipe: dict[str, Any] = {
        "settings": settings.model_dump(),
        "world": {name: getattr(world, name) for name in ("RING", "MAX_STEPS", "SENTENCES", "STEP_TABLE")},
        "vocabulary": len(words),
        "parameters": model.num_parameters(),
        "training_tokens": settings.steps * settings.documents_per_step * settings.document_tokens,
        "final_loss": round(torch.stack(list(losses)).mean().item(), 4),
        "device": device.type,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "evaluation": evaluate(reader),
        **({"repeated": repetition(settings, reader)} if settings.text.repeated else {}),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    card.write(recipe, out)
    print(f"{name}: done after {recipe['minutes']} minutes", flush=True)


def followed(losses: Iterator[torch.Tensor], steps: int, name: str) -> Iterator[torch.Tensor]:
    """The losses of a training as they come: a progress bar in a terminal, elsewhere a line now and then."""
    start = said = time.monotonic()
    for step, loss in enumerate(tqdm(losses, total=steps, desc=name, unit="step", disable=None), start=1):
        yield loss
        now = time.monotonic()
        if not sys.stderr.isatty() and (now - said >= SAID_EVERY or step == steps):
            said = now
            # Reading a loss waits for the device.
            print(f"{name}: step {step:,} of {steps:,}, loss {loss.item():.4f}, {now - start:.0f} s", flush=True)


def _saved(folder: Path, device: torch.device) -> Reader:
    """What a user of the saved files gets, in float32."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).to(device).eval()
    return Reader(model, AutoTokenizer.from_pretrained(folder))
