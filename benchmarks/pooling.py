"""May the variance of training draws be pooled over conditions where a test does not tell them apart?

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/pooling.py [--studies 2000]

Four conditions of accuracies .5 to .8 answer the same 240 items in three or five draws each. Bartlett's test of equal
variances, of the draws' accuracies over p (1 - p), pools them where p > .2. Printed: in which share of the studies it
does, and how often the interval of 95 % holds the last condition's accuracy, with its own variance and so pooled; then
the median widths. Draws vary alike (logits), or in the last condition most.
"""

import argparse
from dataclasses import replace

import numpy as np
from coverage import Cell, World
from scipy import stats

from uphill.stats.conditions import Condition
from uphill.stats.random_effects import Spread, part, spread

ALPHA, TEST, LEAST = 0.05, 0.2, 0.02
MEANS = (0.5, 0.6, 0.7, 0.8)
CASES = {"alike": (0.6,) * 4, "none": (0.0,) * 4, "two of four": (0.6, 0.6, 0.1, 0.1), "the last": (0.1, 0.1, 0.1, 0.8)}


def study(rng: np.random.Generator, boots: int, sds: tuple[float, ...]) -> list[Condition]:
    """One study's conditions."""
    items = 240
    shared = rng.standard_normal(items) * 1.5 * np.sqrt(0.8)
    worlds = [World(Cell("crossed", items, boots, sd, mean)) for sd, mean in zip(sds, MEANS, strict=True)]
    return [world.trained(rng, shared, mean) for world, mean in zip(worlds, MEANS, strict=True)]


def pooled(conditions: list[Condition]) -> tuple[bool, Spread, Spread]:
    """Whether the test pools, and the last condition's variance without and with it."""
    spreads = [spread([part(one)]) for one in conditions]
    scales = [max(one.accuracy * (1 - one.accuracy), LEAST) for one in conditions]
    means = [part(one).means / scale for one, scale in zip(conditions, scales, strict=True)]
    alike = all(mean.std() > 0 for mean in means) and stats.bartlett(*means).pvalue > TEST
    if not alike:
        return False, spreads[-1], spreads[-1]
    draws = np.mean([one.draws / scale**2 for one, scale in zip(spreads, scales, strict=True)]) * scales[-1] ** 2
    df = sum(one.draws_df for one in spreads)
    return True, spreads[-1], replace(spreads[-1], draws=float(draws), draws_df=df)


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    for boots in (3, 5):
        for name, sds in CASES.items():
            rows = []
            for number in range(studies):
                made = study(np.random.default_rng([number, boots]), boots, sds)
                alike, own, together = pooled(made)
                off = abs(made[-1].accuracy - MEANS[-1])
                halves = [one.half_width(ALPHA) for one in (own, together)]
                rows.append([alike, *(off <= half for half in halves), *(2 * half for half in halves)])
            table = np.array(rows, dtype=float)
            share, *held = table[:, :3].mean(axis=0)
            widths = np.median(table[:, 3:], axis=0)
            print(
                f"{boots} draws, vary {name:12} pooled in {share:.2f}; holds {held[0]:.3f} by itself, {held[1]:.3f} "
                f"pooled; width {widths[0]:.3f}, {widths[1]:.3f}"
            )


if __name__ == "__main__":
    main()
