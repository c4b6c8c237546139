"""Every probe of an ARC grid as one batched computation, against the published recipe, one fit after the other.

    python benchmarks/probes.py [--fits 75] [--repeats 3] [--threads 1] [--device cpu]

5 variables x 3 levels x 5 boots, 160 training items, 4 choices, two layers of 4096 float16 features, tested on the 3361
other items. The plain way is a careful one: float32 features made once, torch's own linear map, loss and optimiser, a
full batch on the device, no loop over items. Both ways run on the same threads, interleaved. Prints CPU time (wall time
on a GPU), the ratio of medians, and the largest difference between the two ways' probabilities, and of each from the
same recipe in float64.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.probes import Features, fit_probes
from uphill.randomness import Key, keyed_rng

ITEMS, TRAINING, CHOICES, WIDTH = 3521, 160, 4, 8192
RECIPE = ProbeRecipe()
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Features and right choices of the experiment's items, and the training items and key of each fit."""

    features: Features
    gold: NDArray[np.int64]
    rows: list[NDArray[np.int64]]
    keys: list[tuple[Key, ...]]

    def tested(self, fit: int) -> NDArray[np.int64]:
        """The items that a fit is not trained on."""
        return np.setdiff1d(np.arange(len(self.gold)), self.rows[fit])


def grid(fits: int) -> Grid:
    """Features as a language model's: scales that differ by orders of magnitude, offsets, and a direction to learn."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, CHOICES, ITEMS)
    scale, direction = rng.lognormal(sigma=1.5, size=WIDTH), rng.normal(size=WIDTH) * 0.05
    states = np.empty((ITEMS, CHOICES, WIDTH), dtype=np.float16)
    offset = scale * rng.normal(size=WIDTH)
    for item in range(ITEMS):
        question = rng.normal(size=WIDTH)
        own = rng.normal(size=(CHOICES, WIDTH))
        own[gold[item]] += direction
        states[item] = scale * (question + own) + offset
    exists = np.ones((ITEMS, CHOICES), dtype=bool)
    rows = [rng.permutation(ITEMS)[:TRAINING] for _ in range(fits)]
    return Grid(Features(states, exists), gold, rows, [("benchmark", fit) for fit in range(fits)])


def batched(given: Grid, device: str) -> list[Array]:
    """[3361, 4] probabilities of each fit's test items, by the library."""
    features = given.features
    probes = fit_probes(features, given.rows, [given.gold[rows] for rows in given.rows], given.keys, RECIPE, device)
    found = probes.all_probabilities(features.states, features.exists)
    return [found[fit, given.tested(fit)] for fit in range(len(found))]


def one_by_one(given: Grid, device: str, dtype: torch.dtype = torch.float32) -> list[Array]:
    """The same by the published recipe."""
    states = torch.from_numpy(given.features.states).to(device, dtype)
    gold = torch.from_numpy(given.gold).to(device)
    found = []
    for fit, key in enumerate(given.keys):
        rows = torch.from_numpy(given.rows[fit]).to(device)
        shown = states[rows]
        mean, std = shown.mean((0, 1)), shown.std((0, 1))
        probe = _fit((shown - mean) / std, gold[rows], key)
        with torch.inference_mode():
            inputs = states[torch.from_numpy(given.tested(fit)).to(device)].sub_(mean).div_(std)
            found.append(probe(inputs)[..., 0].softmax(-1).float().cpu().numpy())
    return found


def _fit(inputs: torch.Tensor, gold: torch.Tensor, key: tuple[Key, ...]) -> torch.nn.Linear:
    width = inputs.shape[-1]
    probe = torch.nn.Linear(width, 1, bias=False, device=inputs.device, dtype=inputs.dtype)
    start = torch.from_numpy(keyed_rng("probe", *key).uniform(-(width**-0.5), width**-0.5, width)[None])
    with torch.no_grad():
        probe.weight.copy_(start.float())
    optimiser = torch.optim.SGD(probe.parameters(), lr=RECIPE.lr)
    horizon = RECIPE.epochs / (1 - RECIPE.final_lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / horizon, RECIPE.final_lr))
    for _ in range(RECIPE.epochs):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(probe(inputs)[..., 0], gold) + RECIPE.l2 * probe.weight.norm()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(probe.parameters(), RECIPE.clip)
        optimiser.step()
        schedule.step()
    return probe


def timed(run: Callable[[], list[Array]], device: str) -> tuple[float, list[Array]]:
    """Seconds (of CPU time, or of wall time on a GPU) and probabilities."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    found = run()
    return clock() - start, found


def apart(some: list[Array], others: list[Array]) -> float:
    """Largest difference of two probabilities."""
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=75)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, given = arguments.device, grid(arguments.fits)
    ways = {"one by one": one_by_one, "batched": batched}
    start_up = Grid(given.features, given.gold, given.rows[:2], given.keys[:2])
    for way in ways.values():
        way(start_up, device)
    times: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[Array]] = {}
    for _ in range(arguments.repeats):
        for name, way in ways.items():
            seconds, found[name] = timed(lambda way=way: way(given, device), device)  # type: ignore[misc]
            times[name].append(seconds)
    exact = one_by_one(start_up, device, torch.float64)
    slow, fast = (statistics.median(times[name]) for name in ways)
    print(f"{arguments.fits} fits on {device}, threads: {arguments.threads}")
    print(f"one by one {slow:.2f} s, batched {fast:.2f} s, ratio {slow / fast:.1f}")
    print(f"largest difference of a probability: {apart(*found.values()):.1e}", end="")
    print("".join(f"; {name} from float64: {apart(exact, values[:2]):.1e}" for name, values in found.items()))


if __name__ == "__main__":
    main()
