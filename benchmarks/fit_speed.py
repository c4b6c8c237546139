"""Model FLOPs that a fit of all weights reaches, its texts packed and padded, on a GPU or on two (`full_fit.py --mfu`).

A random Llama of a real one's shape is fitted by `TextFits`, as a job would, to texts like GSM8K's (prompt 60 to 200
tokens, answer 50 to 150) and to some with short answers (200 to 400, 2 to 10). Both ways take turns; of each fit all
updates but the first two are timed by the device's events. FLOPs are those that the fit needs, whichever way it goes:
6 x (weights of the blocks x tokens + weights of the head x learned tokens) + causal attention within each text.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from uphill.engine import rank, ranks, text_training
from uphill.engine.attention import compiled
from uphill.engine.hidden import blocks_of
from uphill.engine.loading import Loaded
from uphill.engine.text_examples import Example
from uphill.engine.text_recipe import TextRecipe
from uphill.engine.text_training import TextFits
from uphill.engine.trainer import Keeper

TOKENIZER = "resources/demo-models/1280k"
# Blocks, width, inner width, heads, of keys, vocabulary, and whether embedding and head are one.
SHAPES = {
    "tiny": (2, 64, 128, 4, 2, 512, True),
    "1b": (16, 2048, 8192, 32, 8, 128256, True),
    "3b": (28, 3072, 8192, 24, 8, 128256, True),
    "8b": (32, 4096, 14336, 32, 8, 128256, False),
}
TEXTS = {"GSM8K": ((60, 200), (50, 150)), "short answers": ((200, 400), (2, 10))}
WARM, TIMED, ROUNDS = 2, 4, 2
NEVER = 1e9
TIMES = "UPHILL_FIT_TIMES"


class Clock(Keeper):
    """Times updates, and what of them the optimiser takes; the first process writes that at the fit's end."""

    def __init__(self, every: float) -> None:
        super().__init__(every)
        self.marks: list[Any] = []

    def _mark(self) -> None:
        if torch.cuda.is_available():
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._mark()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        self._mark()

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        self._mark()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the Trainer's call
        """Milliseconds of each update, and of its optimiser step; the most memory that was held."""
        if not state.is_world_process_zero:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        whole = [_apart(*self.marks[at : at + 3 : 2]) for at in range(0, len(self.marks) - 2, 2)]
        steps = [_apart(*self.marks[at : at + 2]) for at in range(1, len(self.marks), 2)]
        held = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        Path(os.environ[TIMES]).write_text(json.dumps({"whole": whole, "step": steps, "held": held}))


def _apart(first: Any, last: Any) -> float:
    return float(1000 * (last - first) if isinstance(first, float) else first.elapsed_time(last))


def ceiling(device: torch.device) -> float:
    """FLOP/s of a bfloat16 product of two square matrices, of 8192 on a GPU."""
    size = 8192 if device.type == "cuda" else 256
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    clock = Clock(NEVER)
    for count in (5, 20):
        clock._mark()
        for _ in range(count):
            one @ other
    clock._mark()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 20 * 2 * size**3 / (_apart(*clock.marks[1:]) / 1000)


def opened(shape: str, device: torch.device) -> Loaded:
    """A random model in bfloat16."""
    layers, width, inner, heads, keys, size, tied = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        max_position_embeddings=8192,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(0)
    with device:
        model = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    return Loaded(model, AutoTokenizer.from_pretrained(TOKENIZER), device, 8192)


def texts_of(kind: str, count: int, size: int) -> list[Example]:
    """Texts of random tokens, as long as those of a kind are."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        prompt, answer = (int(rng.integers(least, most + 1)) for least, most in TEXTS[kind])
        found.append(Example(str(number), rng.integers(3, size, prompt + answer).tolist(), prompt, False))
    return found


def needed(loaded: Loaded, texts: list[Example]) -> float:
    """FLOPs of an update of these texts."""
    config, model = loaded.model.config, loaded.model
    ends = {id(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings())}
    blocks = sum(weight.numel() for weight in model.parameters() if id(weight) not in ends)
    head = model.get_output_embeddings().weight.numel()
    lengths = np.array([len(text.tokens) for text in texts])
    learned = lengths.sum() - sum(text.answer for text in texts)
    attention = 6 * config.num_hidden_layers * config.hidden_size * float((lengths**2).sum())
    return float(6 * (blocks * lengths.sum() + head * learned) + attention)


def timed(fits: TextFits, texts: list[Example], kind: str, folder: Path, compile_blocks: bool) -> dict[str, Any]:
    """Times of one fit; that all updates read the same number of tokens is seen to by reading each text once."""
    os.environ[TIMES] = str(folder / "times.json")
    with ExitStack() as stack:
        stack.enter_context(compiled(blocks_of(fits.loaded.model), compile_blocks))
        stack.enter_context(fits.fitting(texts, ("speed", kind), folder / "fit"))
    found: dict[str, Any] = json.loads((folder / "times.json").read_text())
    return {"whole": found["whole"][WARM:], "step": found["step"][WARM:], "held": found["held"]}


def main(shape: str, gpus: int, batch: int, rows: int | None, compile_blocks: bool) -> None:
    """Print tokens/s, updates/s, where an update's time goes, and the part of the ceiling, of each way and kind."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda" and torch.cuda.device_count() < gpus:
        raise SystemExit(f"error: {torch.cuda.device_count()} GPUs here, expected {gpus}")
    most, loaded = ceiling(device), opened(shape, device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    weights = sum(weight.numel() for weight in loaded.model.parameters())
    versions = f"torch {torch.__version__}"
    print(f"{shape}, {weights / 1e9:.2f}e9 weights, bfloat16 over float32, {gpus} x {name}, {versions}, batch {batch}")
    print(f"a product of 8192^3: {most / 1e12:.1f} TFLOP/s", flush=True)
    patch.object(text_training, "Keeper", Clock).start()
    patch.object(ranks, "_run", _run).start()
    recipe = TextRecipe(updates=WARM + TIMED, batch_items=batch, lr=1e-5, clip=1.0)
    ways = {name: TextFits(loaded, recipe, ranks=gpus, packed=name == "packed") for name in ("packed", "padded")}
    for fits in ways.values():
        fits.kept_every, fits.rows = NEVER, min(rows or fits.rows, fits.rows)
    for kind in TEXTS:
        texts = texts_of(kind, batch, loaded.model.config.vocab_size)
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, fits in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    found[way].append(timed(fits, texts, kind, Path(folder), compile_blocks))
        tokens = sum(len(text.tokens) for text in texts)
        learned = tokens - sum(text.answer for text in texts)
        print(f"{kind}: {batch} texts, {tokens} tokens an update, {learned} of them learned")
        each = {}
        for way, rounds in found.items():
            each[way] = statistics.median(ms for one in rounds for ms in one["whole"])
            step = statistics.median(ms for one in rounds for ms in one["step"])
            reached = needed(loaded, texts) / (each[way] / 1000) / gpus / most
            fits = ways[way]
            how = "" if way != "packed" or fits._in_one_row else " (NOT TAKEN: see the log)"
            print(
                f"  {way}{how}: {each[way]:.1f} ms an update ({each[way] - step:.1f} forward, backward and clipping,"
                f" {step:.1f} optimiser), {1000 * tokens / each[way]:.0f} tokens/s, {1000 / each[way]:.2f} updates/s,"
                f" {100 * reached:.1f} % of the product's rate, {max(one['held'] for one in rounds) / 2**30:.1f} GiB"
                f" held, {fits.rows} texts a pass{', checkpointing' if fits.checkpointing else ''}"
            )
        print(f"  packed / padded: {each['padded'] / each['packed']:.2f} times as fast", flush=True)


def _run(folder: Path, count: int) -> None:
    """Start the processes of a fit, each with a clock."""
    program = [sys.executable, __file__, str(folder)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    code = subprocess.run([*command, "--no-python", *program], check=False).returncode
    if (folder / ranks.FULL).exists():
        (folder / ranks.FULL).unlink()
        raise torch.OutOfMemoryError("a fit on several GPUs")
    if code:
        raise SystemExit(f"error: a fit in {count} processes failed ({code})")


if __name__ == "__main__":
    patch.object(rank, "Keeper", Clock).start()
    rank.main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
