"""Intervals of a table of accuracies: in closed form, and by the published bootstrap of 10,000 draws.

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/intervals.py [--items 1500] [--boots 5] [--conditions 12]

A panel is all training conditions of one model, dataset and variable on one group of test items, each with its interval
and its gain over no supervision. What it cannot do without is to read each answer once: 1500 x 56 numbers of 8 bytes,
0.7 MB, which the sum of all columns takes. The published scheme draws the items anew for each accuracy and each
difference. Runs alternate; medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from uphill.stats.conditions import Condition, condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.published import bootstrap_accuracy, bootstrap_difference

DRAWS = 10_000


def panel(items: int, boots: int, conditions: int) -> list[Condition]:
    """Random results; the first condition is the baseline, of one boot."""
    rng = np.random.default_rng(0)
    made = [condition((rng.random((items, 1)) < 0.7).astype(np.float64), trained=False)]
    return made + [condition((rng.random((items, boots)) < 0.7).astype(np.float64)) for _ in range(conditions - 1)]


def floor(conditions: list[Condition]) -> None:
    """Each answer read once."""
    for one in conditions:
        one.correct.sum(axis=0)


def closed(conditions: list[Condition]) -> None:
    """As tables are made."""
    for one in conditions:
        accuracy_interval(one)
        if one is not conditions[0]:
            difference(conditions[0], one)


def published(conditions: list[Condition]) -> None:
    """The published scheme, its draws as products of counts."""
    rng = np.random.default_rng(1)
    for one in conditions:
        bootstrap_accuracy(one.correct, rng, DRAWS)
        if one is not conditions[0]:
            bootstrap_difference(conditions[0].correct, one.correct, rng, DRAWS)


def main() -> None:
    """Print medians of interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("items", 1500), ("boots", 5), ("conditions", 12), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    conditions = panel(chosen.items, chosen.boots, chosen.conditions)
    ways: dict[str, Callable[[list[Condition]], None]] = {"floor": floor, "closed": closed, "published": published}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.rounds):
        for name, way in ways.items():
            began = time.process_time()
            way(conditions)
            seconds[name].append(time.process_time() - began)
    for name, each in seconds.items():
        print(f"{name:10} {statistics.median(each):9.5f} CPU s")


if __name__ == "__main__":
    main()
