"""How often intervals hold the truth, over simulated studies of which it is known.

    python benchmarks/coverage.py [--studies 4000] [--out benchmarks/coverage.csv] [--only crossed] [--jobs 2]

A study asks items of growing difficulty (logits, standard deviation 1.5, of which four fifths are common to all
conditions) of models trained on easy and on hard data, each in several training draws that move all their answers
alike (logits, standard deviation `sd`), of one without training, and of a weak supervisor. Both kinds of data are
equally good, so that a test of hard - easy finds something by mistake alone. Designs:

    crossed   all boots answer the same items
    nested    folds: each boot answers items of its own
    clusters  items come in fives that share a difficulty (1.5 logits), and the interval knows of them
    luck      one draw of three works (p), the others are at chance (.25)

Every cell is a row: how often the interval of 95 % holds the accuracy, the gain, hard - easy, the true SGR (1) and PGR;
`false` is how often hard - easy was called significant, `undefined` how often SGR had no interval, `published` how
often the published bootstrap (percentiles of 400 draws, on 400 studies) holds hard - easy. Cells that are there are not
made again, so that a run that was cut off goes on.
"""

import argparse
import csv
import itertools
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uphill.stats.conditions import Condition, condition
from uphill.stats.estimates import accuracy_interval, difference_parts
from uphill.stats.published import bootstrap_difference
from uphill.stats.random_effects import spread
from uphill.stats.recovery import allowed

Matrix = npt.NDArray[np.float64]
ALPHA, ITEM_SD, COMMON, IN_CLUSTER, CHANCE = 0.05, 1.5, 0.8, 5, 0.25
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
PUBLISHED = 400
"""Studies on which the published bootstrap is run beside; and its draws."""


@dataclass(frozen=True)
class Cell:
    """One kind of study: `truth` is the accuracy of both trained conditions, `sd` of their draws in logits."""

    design: str
    items: int
    boots: int
    sd: float
    truth: float


def cells() -> Iterator[Cell]:
    """Every kind of study, the most telling first."""
    for items, boots, sd, accuracy in itertools.product(
        (240, 30, 80, 500), (3, 5, 10), (0.6, 0.0, 0.2), (0.5, 0.8, 0.97, 0.99)
    ):
        yield Cell("crossed", items, boots, sd, accuracy)
    for numbers in itertools.product((240, 80, 500), (5, 10), (0.6, 0.0), (0.5, 0.8, 0.97)):
        yield Cell("nested", *numbers)
    for items, boots in itertools.product((240, 80), (3, 5)):
        yield Cell("clusters", items, boots, 0.2, 0.8)
    for items, boots in itertools.product((80, 240), (3, 5, 10)):
        yield Cell("luck", items, boots, 0.0, 0.85)


@cache
def logit_of(mean: float, sd: float) -> float:
    """The logit whose mean probability, with a normal spread of `sd` about it, is `mean`."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_of(middle, sd) < mean else (low, middle)
    return (low + high) / 2


def mean_of(logit: float, sd: float) -> float:
    """The mean probability at a logit with a normal spread."""
    return float((WEIGHTS / (1 + np.exp(-(logit + sd * NODES)))).sum())


class World:
    """Draws studies of one kind."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.boots = cell.boots
        self.groups = np.arange(cell.items) // (IN_CLUSTER if cell.design == "clusters" else 1)
        self.folds = np.arange(cell.items) % cell.boots
        self.untrained = cell.truth - (0.2 if cell.truth < 0.9 else 0.3)
        self.weak = cell.truth - (0.1 if cell.truth < 0.9 else 0.15)
        self.truth = cell.truth if cell.design != "luck" else (cell.truth + 2 * CHANCE) / 3

    def study(self, rng: np.random.Generator) -> dict[str, Condition]:
        """Conditions easy, hard, weak and none."""
        shared = rng.standard_normal(self.groups[-1] + 1)[self.groups] * ITEM_SD * np.sqrt(COMMON)
        return {
            "easy": self.trained(rng, shared, self.cell.truth),
            "hard": self.trained(rng, shared, self.cell.truth),
            "weak": self.trained(rng, shared, self.weak),
            "none": self._asked(rng, shared, self.untrained, np.zeros(1), trained=False),
        }

    def trained(self, rng: np.random.Generator, shared: Matrix, mean: float) -> Condition:
        """A condition in its draws; `shared` is the ease of the items that all conditions have in common."""
        if self.cell.design != "luck":
            return self._asked(rng, shared, mean, rng.standard_normal(self.boots) * self.cell.sd, sd=self.cell.sd)
        works = rng.random(self.boots) < 1 / 3
        right, wrong = (self._asked(rng, shared, level, np.zeros(self.boots)).correct for level in (mean, CHANCE))
        return condition(np.where(works, right, wrong))

    def _asked(
        self,
        rng: np.random.Generator,
        shared: Matrix,
        mean: float,
        draws: Matrix,
        sd: float = 0.0,
        trained: bool = True,
    ) -> Condition:
        own = rng.standard_normal(len(shared)) * ITEM_SD * np.sqrt(1 - COMMON)
        logits = logit_of(mean, float(np.hypot(ITEM_SD, sd))) + (shared + own)[:, None] + draws[None, :]
        correct = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
        if self.cell.design == "nested" and trained:
            correct[self.folds[:, None] != np.arange(self.boots)] = np.nan
        return condition(correct, trained, self.groups if self.cell.design == "clusters" else None)


PAIRS = (("none", "easy"), ("none", "hard"), ("easy", "hard"), ("weak", "easy"), ("weak", "hard"))


def holds(made: dict[str, Condition], world: World) -> dict[str, bool]:
    """Of one study, which intervals hold the truth, and whether SGR has none."""
    own = accuracy_interval(made["easy"])
    spreads = {pair: spread(difference_parts(made[pair[0]], made[pair[1]])) for pair in PAIRS}
    points = {pair: made[pair[1]].accuracy - made[pair[0]].accuracy for pair in PAIRS}
    found = {"accuracy": own.low <= world.truth <= own.high}
    for name, pair, truth in (("gain", PAIRS[0], world.truth - world.untrained), ("hard_easy", PAIRS[2], 0.0)):
        found[name] = abs(points[pair] - truth) <= spreads[pair].half_width(ALPHA)
    for name, above, gap in (("sgr", PAIRS[0], PAIRS[1]), ("pgr", PAIRS[3], PAIRS[4])):
        ratios = allowed(points[above], points[gap], spreads[above], spreads[gap], spreads[PAIRS[2]], ALPHA)
        found[name] = 1.0 in ratios
        if name == "sgr":
            found["undefined"] = ratios.kind != "interval"
    return found


def measured(cell: Cell, studies: int, published: int = PUBLISHED) -> dict[str, float | int | str]:
    """The row of a cell, with the published bootstrap on the first of its studies."""
    world, began = World(cell), time.process_time()
    held: dict[str, list[bool]] = defaultdict(list)
    for number in range(studies):
        rng = np.random.default_rng([number, cell.items, cell.boots, int(100 * cell.sd), int(100 * cell.truth)])
        made = world.study(rng)
        for name, value in holds(made, world).items():
            held[name].append(value)
        if number < published:
            before = bootstrap_difference(made["easy"].correct, made["hard"].correct, rng, draws=PUBLISHED)
            held["published"].append(before.low <= 0.0 <= before.high)
    shares = {name: round(float(np.mean(each)), 4) for name, each in held.items()}
    false = round(1 - shares["hard_easy"], 4)
    return {
        **asdict(cell),
        "studies": studies,
        **shares,
        "false": false,
        "cpu_s": round(time.process_time() - began, 1),
    }


def main() -> None:
    """Make the cells that are not there, and print a summary of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/coverage.csv"))
    parser.add_argument("--only", help="one design")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    there = {row_key(row) for row in read(chosen.out)}
    todo = [cell for cell in cells() if chosen.only in (None, cell.design) and row_key(asdict(cell)) not in there]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    print(
        f"commit {commit.strip()}, Python {sys.version.split()[0]}, numpy {np.__version__}: {len(todo)} cells to make"
    )
    with get_context("spawn").Pool(chosen.jobs) as pool:
        for row in pool.imap(_one, [(cell, chosen.studies) for cell in todo]):
            new = not chosen.out.exists()
            with chosen.out.open("a", newline="") as stream:
                writer = csv.DictWriter(stream, list(row))
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print(" ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    summarise(read(chosen.out))


def _one(task: tuple[Cell, int]) -> dict[str, float | int | str]:
    return measured(*task)


def read(path: Path) -> list[dict[str, str]]:
    """Rows that are there."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def row_key(row: Mapping[str, object]) -> tuple[object, ...]:
    """What names a cell."""
    return (row["design"], *(float(row[name]) for name in ("items", "boots", "sd", "truth")))  # type: ignore[arg-type] # numbers, or texts of numbers


def summarise(rows: list[dict[str, str]]) -> None:
    """Per design: the least and the most, and how many cells lie outside .93 to .98."""
    for design in dict.fromkeys(row["design"] for row in rows):
        own = [row for row in rows if row["design"] == design]
        print(f"\n{design}: {len(own)} cells")
        for name in ("accuracy", "gain", "hard_easy", "sgr", "pgr", "false", "published"):
            values = [float(row[name]) for row in own]
            outside = sum(value < 0.93 for value in values), sum(value > 0.98 for value in values)
            told = "" if name == "false" else f", below .93: {outside[0]}, above .98: {outside[1]}"
            print(f"  {name:10} {min(values):.3f} to {max(values):.3f}{told}")


if __name__ == "__main__":
    main()
