"""A model spread over two GPUs against the same model on one, and on a CPU: the same scores, texts and adapter.

    python benchmarks/two_gpus.py            # a machine with two GPUs

No speed is claimed: GPUs take turns, so that a larger model fits. A random Llama of 12 layers in float32 scores 200
items in packs, continues 16 prompts and is fitted with LoRA to 16 items; what is printed is how far apart they are.
Each runs in a process of its own, since a job takes its GPUs once.
"""

import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

from uphill.engine.adapters import Adapters
from uphill.engine.generation import generate
from uphill.engine.loading import load
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt

TOKENIZER = "resources/demo-models/1280k"
WORDS = ["dial", "road", "turn", "left", "three", "steps", "five", "back"]
RECIPE = LoraRecipe(r=4, alpha=8, lr=1e-3, epochs=1, batch_items=8, dropout=0.0)

Found = tuple[list[str], NDArray[np.float64], list[str], NDArray[np.float64]]


def make_model(folder: Path) -> None:
    """A random model with the demo's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=1024,
        intermediate_size=2816,
        num_hidden_layers=12,
        num_attention_heads=16,
        num_key_value_heads=16,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def prompts() -> Iterator[Prompt]:
    """Items behind a prefix that they share, with choices of several lengths."""
    rng = np.random.default_rng(0)

    def text(words: int) -> str:
        return " ".join(rng.choice(WORDS, words))

    prefix = text(40)
    for number in range(200):
        question = f"{prefix}\n{text(int(rng.integers(8, 30)))}"
        yield Prompt(f"i{number}", question, [text(int(rng.integers(1, 5))) for _ in range(4)])


def run(folder: str, gpus: int) -> Found:
    """Devices in use, scores [items x 4] of all items, generated texts, and scores of 40 after a LoRA fit."""
    entry: dict[str, Any] = {"path": folder, "dtype": "float32", "quantization": "none", "trust_remote_code": False}
    loaded, asked = load(entry, 4096, gpus), list(prompts())
    devices = sorted({str(parameter.device) for parameter in loaded.model.parameters()})
    scores = np.stack([found.logprob for found in score(loaded, asked)])
    texts = [answer.text for answer in generate(loaded, [prompt.text for prompt in asked[:16]], 20, 8)]
    with Adapters(loaded, RECIPE).fitted(asked[:16], [0] * 16, ("two GPUs",)) as fitted:
        after = np.stack([found.logprob for found in score(fitted, asked[:40])])
    return devices, scores, texts, after


def main() -> None:
    """Print the comparison."""
    if torch.cuda.device_count() < 2:
        raise SystemExit("error: fewer than two GPUs here, expected two")
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        found: dict[int, Found] = {}
        for gpus in (0, 1, 2):
            with spawn.Pool(1) as pool:
                found[gpus] = pool.apply(run, (folder, gpus))
    _, scores, texts, after = found[0]
    print("Largest differences from the CPU:")
    print(f"{'devices':<16} {'scores, nats':>14} {'same texts':>12} {'after LoRA, nats':>18}")
    for devices, own, written, fitted in found.values():
        same = sum(a == b for a, b in zip(texts, written, strict=True))
        apart = f"{np.abs(own - scores).max():.1e}", f"{same} of {len(texts)}", f"{np.abs(fitted - after).max():.1e}"
        print(f"{', '.join(devices):<16} {apart[0]:>14} {apart[1]:>12} {apart[2]:>18}")


if __name__ == "__main__":
    main()
