"""All weights of a model fitted on one GPU and on two: the same losses; what it costs; and a fit that is killed.

    python benchmarks/full_fit.py            # a machine with two GPUs
    python benchmarks/full_fit.py --mfu      # one GPU: how fast, packed and padded; --shape 8b --gpus 2 needs two

A random Llama of 12 layers (float32) is fitted to 64 texts in 20 updates, in one process and in two that share out its
weights. Then the fit in two is killed in the middle, and goes on. A second shape, of some 1.2 billion weights
(bfloat16), is fitted on one and on two. Each fit runs in a process of its own, since a job takes its GPUs once.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

from uphill.engine.loading import load
from uphill.engine.scoring import score
from uphill.engine.text_recipe import TextRecipe
from uphill.engine.text_training import TextFits
from uphill.engine.tokens import Prompt

TOKENIZER = "resources/demo-models/1280k"
WORDS = ["dial", "road", "turn", "left", "three", "steps", "five", "back"]
SHAPES = {"small": (12, 1024, 2816, 16, "float32"), "1b": (16, 2048, 8192, 32, "bfloat16")}


def make_model(folder: Path, shape: str) -> None:
    """A random model with the demo's tokenizer."""
    layers, width, inner, heads, dtype = SHAPES[shape]
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
    )
    LlamaForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def prompts(count: int, words: int) -> list[Prompt]:
    """Texts of ragged length, each with an answer of its last word, so that there is something to learn."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        text = rng.choice(WORDS, int(rng.integers(words // 2, words)))
        found.append(Prompt(f"i{number}", " ".join(text), [f" {text[-1]} {text[0]}"]))
    return found


def run(folder: Path, shape: str, gpus: int, scratch: Path, out: Path) -> None:
    """One fit; losses, scores after it, seconds and memory go to a file."""
    dtype = SHAPES[shape][-1]
    entry = {"path": str(folder), "dtype": dtype, "quantization": "none", "trust_remote_code": False}
    loaded = load(entry, 4096, gpus)
    words, items, count = (40, 8, 20) if shape == "small" else (400, 32, 12)
    recipe = TextRecipe(updates=count, batch_items=items, lr=1e-4, clip=1.0)
    fits = TextFits(loaded, recipe)
    fits.kept_every = 1.0  # so that there is something to go on from
    asked, start = prompts(64, words), time.perf_counter()
    with fits.fitted(asked, ("full",), scratch) as (fitted, training):
        seconds = time.perf_counter() - start
        scores = [found.logprob.tolist() for found in score(fitted, asked[:16])]
    out.write_text(
        json.dumps(
            {
                "ranks": fits.ranks,
                "loss": training.loss,
                "scores": scores,
                "seconds": seconds,
                "tokens": training.tokens,
            }
        )
    )


def begin(folder: Path, shape: str, gpus: int, scratch: Path, out: Path) -> subprocess.Popen[bytes]:
    """A fit in a process of its own."""
    command = [sys.executable, __file__, "--fit", str(folder), shape, str(gpus), str(scratch), str(out)]
    return subprocess.Popen(command, start_new_session=True)


def whole(folder: Path, shape: str, gpus: int, name: str) -> dict[str, Any]:
    """A fit from its start to its end, or from where it was left."""
    out = folder.parent / f"{name}.json"
    if begin(folder, shape, gpus, folder.parent / name, out).wait():
        raise SystemExit(f"error: the fit {name} failed")
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def killed(folder: Path, gpus: int, name: str) -> list[str]:
    """A fit that is killed once it has kept something; the names of what it kept."""
    scratch = folder.parent / name
    job = begin(folder, "small", gpus, scratch, folder.parent / f"{name}.json")
    while len(list(scratch.glob("checkpoint-*/trainer_state.json"))) < 1 and job.poll() is None:
        time.sleep(0.02)
    time.sleep(1.0)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    return sorted(path.name for path in scratch.glob("checkpoint-*"))


def main() -> None:
    """Print the comparison."""
    if torch.cuda.device_count() < 2:
        raise SystemExit("error: fewer than two GPUs here, expected two")
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "small"
        make_model(small, "small")
        one, two = (whole(small, "small", gpus, f"small-{gpus}") for gpus in (1, 2))
        left = killed(small, 2, "killed")
        again = whole(small, "small", 2, "killed")
        print("float32, 12 layers of 1024, 64 texts, 20 updates")
        print(f"one GPU: losses {one['loss'][0]:.4f} to {one['loss'][-1]:.4f}, {one['seconds']:.1f} s")
        for name, other in (("two GPUs", two), ("two, killed", again)):
            apart = np.abs(np.subtract(other["loss"], one["loss"])).max()
            after = np.abs(np.subtract(other["scores"], one["scores"])).max()
            print(
                f"{name}: {other['ranks']} processes, losses at most {apart:.1e} apart, scores after it {after:.1e}"
                f" nats, {other['seconds']:.1f} s"
            )
        print(f"killed when it had kept {', '.join(left) or 'nothing'}")
        big = Path(scratch) / "1b"
        make_model(big, "1b")
        for gpus in (1, 2):
            found = whole(big, "1b", gpus, f"1b-{gpus}")
            print(
                f"bfloat16, 16 layers of 2048: {gpus} GPU(s), {found['tokens']} tokens in {found['seconds']:.1f} s with"
                f" start and end, losses {found['loss'][0]:.4f} to {found['loss'][-1]:.4f}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--fit", nargs=5, help="used by the program itself: model, shape, GPUs, scratch, result")
    parser.add_argument("--mfu", action="store_true", help="tokens/s and part of the peak, packed and padded")
    parser.add_argument("--shape", default="1b", choices=["tiny", "1b", "3b", "8b"], help="of --mfu")
    parser.add_argument("--gpus", type=int, default=1, help="of --mfu")
    parser.add_argument("--batch", type=int, default=32, help="texts of an update, of --mfu")
    parser.add_argument("--rows", type=int, help="texts of a pass, of --mfu; as many as fit unless given")
    parser.add_argument("--compile", action="store_true", help="run the blocks compiled, of --mfu")
    options = parser.parse_args()
    if options.mfu:
        from fit_speed import main as measured  # beside this program

        measured(options.shape, options.gpus, options.batch, options.rows, options.compile)
    elif options.fit:
        model, of_shape, count, kept, result = options.fit
        run(Path(model), of_shape, int(count), Path(kept), Path(result))
    else:
        main()
