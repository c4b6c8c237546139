"""Growth where studies seldom go: very many items, very long prompts, many choices, large vocabularies.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/far.py [--limit 120] [--log benchmarks/logs/far.txt]

Time and memory. One thing varies, each point is a process of its own, so that its memory at the most is its own too:
`MiB` is what scoring adds to the process that has made model and prompts. Models are Llamas of one layer with random
weights: small, so that what is seen is how the work grows around them. A point that takes longer than the limit, or
more memory than `--most-gib`, is cut off, and its axis ends there. `slope` is of log time, or of log memory, over log
size, from the last two points: 1 is in proportion, 2 the square.
"""

import argparse
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import items as made
import numpy as np
import torch

from uphill.engine.loading import Loaded
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt

FORKS = multiprocessing.get_context("fork")
WORDS = 2_000
SIZES = {
    "items": (1_000, 10_000, 100_000, 1_000_000),
    "tokens of a prefix that 4 items share": (1_000, 10_000, 100_000),
    "tokens of a prompt, of 3 that share none": (1_000, 10_000, 100_000),
    "choices of 100 items": (2, 8, 32),
    "vocabulary, 100 items": (2_000, 32_000, 256_000),
}


def model(window: int = 4_096, vocabulary: int = WORDS + 2) -> Loaded:
    """One narrow layer, whose tokenizer knows `WORDS` words."""
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 1, "num_hidden_layers": 1}
    config = made.llama("demo", **shape, vocab_size=vocabulary, max_position_embeddings=window)
    return made.loaded(config, "cpu", torch.float32, made.word_tokenizer(WORDS))


def prompts(items: int, prefix: int = 0, question: int = 20, choices: int = 4, answer: int = 3) -> list[Prompt]:
    """Items of as many tokens as said: a token a word."""
    rng = np.random.default_rng(0)

    def text(count: int) -> str:
        return " ".join(f"w{number}" for number in rng.integers(WORDS, size=count))

    shared = text(prefix)
    return [
        Prompt(str(number), f"{shared} {text(question)}".strip(), [text(answer) for _ in range(choices)])
        for number in range(items)
    ]


POINTS: dict[str, Callable[[int], tuple[Loaded, list[Prompt]]]] = dict(
    zip(
        SIZES,
        (
            lambda size: (model(), prompts(size, question=4, choices=2, answer=1)),
            lambda size: (model(window=size + 100), prompts(4, prefix=size)),
            lambda size: (model(window=size + 100), prompts(3, question=size)),
            lambda size: (model(), prompts(100, choices=size)),
            lambda size: (model(vocabulary=size + 2), prompts(100)),
        ),
        strict=True,
    )
)


def measure(axis: str, size: int, most_gib: float, told: Connection) -> None:
    """Say CPU seconds, and MiB that scoring adds, or what went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (int(most_gib * 2**30),) * 2)
    try:
        loaded, asked = POINTS[axis](size)
        before, start = _memory(), time.process_time()
        count = sum(1 for _ in score(loaded, asked))
        found = {"seconds": time.process_time() - start, "MiB": _memory() - before}
        told.send(found if count == len(asked) else f"{count} results of {len(asked)}")
    except Exception as error:  # too little memory has many names
        told.send(f"failed: {type(error).__name__} {' '.join(str(error).split())[:100]}")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def point(axis: str, size: int, limit: float, most_gib: float) -> dict[str, float] | str:
    """A point by a fork of this process, or why there is none."""
    mine, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=measure, args=(axis, size, most_gib, theirs))
    process.start()
    theirs.close()
    try:
        found: dict[str, float] | str = mine.recv() if mine.poll(limit) else f"over {limit:.0f} s"
    except EOFError:
        found = "killed"
    process.kill()
    process.join()
    return found


def slope(key: str, found: dict[int, dict[str, float]]) -> str:
    """Of logs, over the last two points."""
    pairs = list(pairwise(found.items()))
    if not pairs or min(pairs[-1][0][1][key], pairs[-1][1][1][key]) <= 0:
        return ""
    (less, one), (more, other) = pairs[-1]
    return f"{math.log(other[key] / one[key]) / math.log(more / less):.2f}"


def main() -> None:
    """Measure each axis as far as the limit lets it, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axis", choices=SIZES, action="append", help="all unless given")
    parser.add_argument("--limit", type=float, default=120, help="wall seconds of a point")
    parser.add_argument("--most-gib", type=float, default=12, help="address space of a point")
    parser.add_argument("--log", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    list(score(model(), prompts(1)))  # what is imported and made once
    limits = f"cut off at {asked.limit:.0f} s, {asked.most_gib:g} GiB"
    lines = [f"torch {torch.__version__}, one thread, a point a process, {limits}"]
    print(lines[0])
    for axis in asked.axis or SIZES:
        found: dict[int, dict[str, float]] = {}
        for size in SIZES[axis]:
            one = point(axis, size, asked.limit, asked.most_gib)
            told = one if isinstance(one, str) else f"{one['seconds']:10.2f} CPU s {one['MiB']:10.0f} MiB"
            lines.append(f"{axis}: {size:>9} {told}")
            print(lines[-1], flush=True)
            if isinstance(one, str):
                break
            found[size] = one
        lines.append(f"{axis}: slope of time {slope('seconds', found)}, of memory {slope('MiB', found)}")
        print(lines[-1], flush=True)
    if asked.log:
        asked.log.parent.mkdir(parents=True, exist_ok=True)
        asked.log.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
