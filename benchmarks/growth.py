"""How the time of scoring grows with items, shared prefix, choices and the model's size, on one thread of a CPU.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/growth.py growth.png

One thing varies at a time, the rest stays in the middle of its range; texts are random words, the model is a Llama of
four layers with random weights (see items.py). Points are measured in turn, round after round; a time is the
median of CPU seconds. Two lines are fitted to each series by least squares: log time over log size, whose slope is 1
where time is proportional and 0 where it is flat; and time over size, whose R2 is 1 where each step costs the same on
top of something fixed. The time of an item after the first is the difference between 61 items and 1, by item; it grows
with the prefix by its attention alone. Beside it stands an item of a padded pass (see padded.py), which reads the
prefix for every choice.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import items as made
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from padded import padded

from uphill.engine.loading import Loaded
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt

matplotlib.use("agg")
from matplotlib import pyplot

WORDS = 2000
WIDTHS = [64, 128, 256, 512]


@dataclass
class Point:
    """One size, and its runs."""

    size: int
    run: Callable[[], Any]
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """CPU seconds."""
        return statistics.median(self.seconds)


@dataclass
class Series:
    """Points along one axis."""

    name: str
    points: list[Point]

    def columns(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sizes, and median seconds."""
        return np.array([float(point.size) for point in self.points]), np.array([point.median for point in self.points])

    @property
    def slope(self) -> float:
        """Of log time over log size."""
        sizes, seconds = self.columns()
        return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])

    @property
    def straight(self) -> float:
        """R2 of time over size."""
        return float(np.corrcoef(*self.columns())[0, 1] ** 2)


def prompts(items: int, prefix: int, choices: int, question: int = 40, answer: int = 6) -> list[Prompt]:
    """Items of as many tokens as said: a token a word."""
    rng = np.random.default_rng(0)

    def text(count: int) -> str:
        return " ".join(f"w{number}" for number in rng.integers(WORDS, size=count))

    shared = text(prefix)
    return [
        Prompt(str(number), f"{shared} {text(question)}", [text(answer) for _ in range(choices)])
        for number in range(items)
    ]


def model(width: int) -> Loaded:
    """A Llama of four layers."""
    shape = {"hidden_size": width, "intermediate_size": width * 11 // 4, "num_attention_heads": width // 32}
    config = made.llama("demo", **shape, vocab_size=WORDS + 2)
    loaded = made.loaded(config, "cpu", torch.float32, made.word_tokenizer(WORDS))
    loaded.pack_tokens = 512
    return loaded


def weights(loaded: Loaded) -> int:
    """Of all blocks: what reading a token costs."""
    return sum(weight.numel() for weight in loaded.model.base_model.layers.parameters())


def series() -> tuple[list[Series], list[Series]]:
    """Along each axis; and along the prefix packed few items, packed many, and a padded one."""
    base = model(256)

    def point(size: int, loaded: Loaded, *shape: int) -> Point:
        asked = prompts(*shape)
        return Point(size, lambda: list(score(loaded, asked)))

    sized = [model(width) for width in WIDTHS]
    axes = [
        Series("items", [point(count, base, count, 200, 4) for count in (25, 50, 100, 200)]),
        Series("choices", [point(count, base, 40, 200, count) for count in (2, 4, 8, 16)]),
        Series("weights", [point(weights(loaded), loaded, 40, 200, 4) for loaded in sized]),
    ]
    lengths = (50, 200, 800, 1600)
    few = Series("prefix, 1 item", [point(length, base, 1, length, 4) for length in lengths])
    many = Series("prefix, 61 items", [point(length, base, 61, length, 4) for length in lengths])
    asked = {length: prompts(1, length, 4) for length in lengths}
    again = [Point(length, partial(padded, base, one, 4096)) for length, one in asked.items()]
    return axes, [few, many, Series("prefix, an item padded", again)]


def per_item(few: Series, many: Series) -> Series:
    """Time of an item behind the prefix, the first apart."""
    points = []
    for one, more in zip(few.points, many.points, strict=True):
        each = [(slow - fast) / 60 for fast, slow in zip(one.seconds, more.seconds, strict=True)]
        points.append(Point(one.size, more.run, each))
    return Series("prefix, each item after the first", points)


def report(found: list[Series]) -> None:
    """A table."""
    for axis in found:
        print(f"\n{axis.name}: slope {axis.slope:.2f}, straight line R2 {axis.straight:.4f}")
        for point in axis.points:
            low, high = min(point.seconds), max(point.seconds)
            print(f"  {point.size:10d}  {1e3 * point.median:9.2f} ms  ({1e3 * low:.2f}-{1e3 * high:.2f})")


def draw(found: list[Series], path: Path) -> None:
    """One panel a series, with the straight line through it."""
    figure, panels = pyplot.subplots(2, -(-len(found) // 2), figsize=(9, 5), layout="constrained")
    for axis, panel in zip(found, panels.flat, strict=True):
        sizes, seconds = axis.columns()
        panel.plot(sizes, 1e3 * seconds, "o")
        panel.axline((0, 1e3 * np.polyfit(sizes, seconds, 1)[1]), slope=1e3 * np.polyfit(sizes, seconds, 1)[0])
        panel.set(
            title=f"slope of logs {axis.slope:.2f}", xlabel=axis.name, ylabel="CPU ms", xlim=(0, None), ylim=(0, None)
        )
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", type=Path, help="the PNG to write")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    axes, prefix = series()
    points = [point for axis in [*axes, *prefix] for point in axis.points]
    for point in points:
        point.run()
    for _ in range(asked.rounds):
        for point in points:
            start = time.process_time()
            point.run()
            point.seconds.append(time.process_time() - start)
    few, many, again = prefix
    found = [*axes, few, per_item(few, many), again]
    print(f"torch {torch.__version__}, one thread, {asked.rounds} rounds; CPU time, median (least-most)")
    report(found)
    draw(found, asked.figure)


if __name__ == "__main__":
    main()
