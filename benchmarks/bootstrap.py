"""Bootstrap of a table of accuracies: a panel at once, a cell at a time, and a loop as the published analysis has it.

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/bootstrap.py [--items 1500] [--boots 5] [--conditions 12]

A panel is all training conditions of one model, dataset and variable on one group of test items, each with its interval
and its gain over no supervision; a table has as many as it has groups. What 10,000 draws of a panel of 1,500 items, 12
conditions and 5 boots cannot do without:

* 15 million picks of items, 4 bytes of random bits each: 60 MB out of the generator, the floor. Counting them touches
  120 MB of picks and 240 MB of counts, in chunks of 2 MB that stay in cache. Boots are 11 x 50,000 picks more.
* sums of right answers: 10,000 x 1,500 counts times 1,500 x 56 columns, 1.7 GFLOP (a multiplication and an addition
  each), and for the items tested 30 MFLOP for each distinct column of tested items.

Printed beside the times are those of drawing the picks and of the product alone, as numpy does them on this machine.
A cell at a time is `bootstrap_accuracy` and `difference` for each condition, which draw the items anew each time. The
published loop picks rows and columns by index and takes the mean of what is not NaN, one draw at a time, for each
accuracy and each difference; it is timed on `--loop` draws and scaled to all. It pools items and boots, which is the
same number where every boot tested every item, as here. Runs alternate.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from uphill.stats.paired import bootstrap_accuracy, difference
from uphill.stats.panel import bootstrap_panel

Matrix = npt.NDArray[np.float64]
DRAWS = 10_000


def panel(items: int, boots: int, conditions: int) -> dict[str, Matrix]:
    """Random results; the first condition is the baseline, of one boot."""
    rng = np.random.default_rng(0)
    shapes = [(items, 1)] + [(items, boots)] * (conditions - 1)
    return {f"c{number}": (rng.random(shape) < 0.7).astype(np.float64) for number, shape in enumerate(shapes)}


def at_once(conditions: dict[str, Matrix]) -> None:
    """The panel by one set of item resamples."""
    bootstrap_panel(conditions, "c0", np.random.default_rng(1), DRAWS)


def by_cell(conditions: dict[str, Matrix]) -> None:
    """Each cell by resamples of its own."""
    rng = np.random.default_rng(1)
    for name, matrix in conditions.items():
        bootstrap_accuracy(matrix, rng, DRAWS)
        if name != "c0":
            difference(conditions["c0"], matrix, rng, DRAWS)


def loop(conditions: dict[str, Matrix], draws: int) -> None:
    """The published scheme: for every accuracy and every difference, one resampled matrix after the other."""
    rng = np.random.default_rng(1)

    def resampled(matrix: Matrix, rows: npt.NDArray[np.int64]) -> Matrix:
        columns = rng.choice(np.arange(matrix.shape[1]), size=matrix.shape[1])
        return matrix[:, columns][rows]

    baseline = conditions["c0"]
    for name, matrix in conditions.items():
        pairs = [None] if name == "c0" else [None, baseline]
        for other in pairs:
            found = []
            for _ in range(draws):
                rows = rng.choice(np.arange(len(matrix)), size=len(matrix))
                sample = resampled(matrix, rows)
                found.append(np.nanmean(sample if other is None else sample - resampled(other, rows)))
            np.quantile(found, [0.025, 0.975])


def floor(items: int, columns: int) -> tuple[float, float]:
    """Seconds of drawing the picks alone, and of the product alone, in chunks as large as the library's."""
    rng, step = np.random.default_rng(1), 2**18 // items
    counts, right = np.ones((step, items)), np.ones((items, columns))
    start = time.perf_counter()
    for _ in range(0, DRAWS, step):
        rng.integers(0, items, size=(step, items), dtype=np.int32)
    middle = time.perf_counter()
    for _ in range(0, DRAWS, step):
        counts @ right
    return middle - start, time.perf_counter() - middle


def seconds(function: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Time the three in turn, and print seconds for one panel and for a table of `--levels` panels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"items": 1500, "boots": 5, "conditions": 12, "levels": 4, "rounds": 5, "loop": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    conditions = panel(asked.items, asked.boots, asked.conditions)
    columns = sum(matrix.shape[1] for matrix in conditions.values())
    times: dict[str, list[float]] = {"panel at once": [], "cell by cell": [], "published loop": []}
    floors = []
    for _ in range(asked.rounds):
        floors.append(floor(asked.items, columns))
        times["panel at once"].append(seconds(lambda: at_once(conditions)))
        times["cell by cell"].append(seconds(lambda: by_cell(conditions)))
        times["published loop"].append(seconds(lambda: loop(conditions, asked.loop)) * DRAWS / asked.loop)
    draw, product = (statistics.median(part) for part in zip(*floors, strict=True))
    size = f"{asked.items} items, {asked.boots} boots, {asked.conditions} conditions, {DRAWS} draws"
    print(f"numpy {np.__version__}; {size}")
    print(f"{'floor':16s} {draw:8.3f} s drawing picks + {product:.3f} s product")
    ours = statistics.median(times["panel at once"])
    for name, found in times.items():
        middle = statistics.median(found)
        spread = f"{min(found):.3f} to {max(found):.3f}"
        table = f"{middle * asked.levels:8.2f} s a table of {asked.levels}"
        print(f"{name:16s} {middle:8.3f} s a panel ({spread}) {table}  {middle / ours:7.1f} x")


if __name__ == "__main__":
    main()
