"""Tokens of few-shot prompts, their common beginning once, against every text as a whole, on one thread of a CPU.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/tokenizing.py --data DATA

DATA is a folder with `arc/ARC-Easy-Test.jsonl`; all its questions stand behind the same solved examples. Timed is
`encode_items`, from texts to heads and tails, in CPU seconds, in turn, round after round; the floor is the tokenizer
alone on each text from where texts part, without what says where tokens reach. Both ways must give the same tokens,
else the benchmark ends with an error. `--tokenizer FOLDER` takes a model's own, in place of one of the questions.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import items as made
import torch
from transformers import AutoTokenizer

from uphill.engine import beginnings
from uphill.engine.loading import Loaded
from uphill.engine.tokens import Prompt, encode_items

NEVER = 10**9


class Ways:
    """The three, and the CPU seconds of each round."""

    def __init__(self, loaded: Loaded, prompts: Sequence[Prompt]) -> None:
        self._loaded, self._prompts = loaded, prompts
        self._tails = [f"{text} {choice}" for text, choices in _ends(prompts) for choice in choices]
        self.seconds: dict[str, list[float]] = {"whole": [], "once": [], "floor": []}

    def round(self) -> None:
        """Each way once."""
        whole, once = self._timed("whole", self._whole), self._timed("once", self._once)
        if whole != once:
            raise SystemExit("error: the two ways give different tokens")
        self._timed("floor", lambda: self._loaded.tokenizer(self._tails, add_special_tokens=False))

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = work()
        self.seconds[name].append(time.process_time() - start)
        return found

    def _once(self) -> Any:
        return encode_items(self._loaded, self._prompts)

    def _whole(self) -> Any:
        least, beginnings.LEAST = beginnings.LEAST, NEVER
        try:
            return self._once()
        finally:
            beginnings.LEAST = least


def _ends(prompts: Sequence[Prompt]) -> list[tuple[str, Sequence[str]]]:
    first, last = min(prompt.text for prompt in prompts), max(prompt.text for prompt in prompts)
    parted = next(place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return [(prompt.text[parted:], prompt.choices) for prompt in prompts]


def main() -> None:
    """A row for each number of examples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    asked = made.questions(given.data)
    tokenizer = AutoTokenizer.from_pretrained(given.tokenizer) if given.tokenizer else made.tokenizer(asked)
    config = made.llama("demo", max_position_embeddings=10**6)
    loaded = made.loaded(config, "cpu", torch.float32, tokenizer)
    print("| shots | items | whole, s | once, s | whole / once | floor, s | once / floor |")
    print("|---|---|---|---|---|---|---|")
    for shots in (0, 4, 10):
        prompts = made.prompts(asked, len(asked) - shots, shots)
        ways = Ways(loaded, prompts)
        for _ in range(given.rounds):
            ways.round()
        whole, once, floor = (statistics.median(ways.seconds[name]) for name in ("whole", "once", "floor"))
        times = f"{whole:.2f} | {once:.2f} | {whole / once:.1f} | {floor:.2f} | {once / floor:.1f}"
        print(f"| {shots} | {len(prompts)} | {times} |")


if __name__ == "__main__":
    main()
