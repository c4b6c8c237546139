"""How long Snakemake takes to plan the published study, and one of more than ten times its jobs.

    python benchmarks/dag.py --data DATA [--times 1 4 8 15] [--plot docs/dag.png] [--profile]

DATA is a folder with `arc/arc-challenge-easy-annotations.json` and `strategyqa/`; nothing is fetched from the hub.
A study of n times the models has n copies of each, with a name of its own, in every row that names it; items, splits,
tables and figures stay as many as they were. Timed is a whole `snakemake --dry-run` in a fresh checkout without
results, the second of two runs, as Python compiles its libraries in the first: wall seconds, and CPU seconds, which a
busy machine stretches less. `--profile` prints what of the library the largest study spends its time in.
"""

import argparse
import copy
import os
import pstats
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "rules", "workflow", "src", "config", "profiles", "envs", "resources", "pyproject.toml")
TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Timing:
    """One dry run."""

    times: int
    jobs: int
    wall: float
    cpu: float


def grown(study: dict[str, Any], times: int) -> dict[str, Any]:
    """The study with `times` copies of each of its models."""
    found = copy.deepcopy(study)

    def copies(name: str) -> list[str]:
        return [name, *(f"{name}.{number}" for number in range(1, times))]

    def all_copies(names: list[str]) -> list[str]:
        return [made for name in names for made in copies(name)]

    found["models"] = {made: dict(entry) for name, entry in study["models"].items() for made in copies(name)}
    for key in ("test_models", "hardness_models"):
        found[key] = all_copies(found[key])
    rows = [row for key in ("population", "all_to_all", "learning_curves", "noisy_labels") for row in found[key]]
    for row in [*rows, *found["ladders"].values()]:
        if "models" in row:
            row["models"] = all_copies(row["models"])
    for row in found["quantization"]:
        row["pairs"] = {
            made: small
            for full, quantized in row["pairs"].items()
            for made, small in zip(copies(full), copies(quantized), strict=True)
        }
    return found


def checkout(folder: Path, data: Path) -> None:
    """The project in `folder`, without results, and with the published files that no hub has."""
    for part in PARTS:
        copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copied(ROOT / part, folder / part)
    (folder / "data").mkdir()
    (folder / "data/arc-challenge-easy-annotations.json").symlink_to(data / "arc/arc-challenge-easy-annotations.json")
    (folder / "data/strategyqa").symlink_to(data / "strategyqa")


def run(folder: Path, times: int, options: list[str]) -> Timing:
    """Time one dry run of a study in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *options, "-m", "snakemake", "--dry-run", "--profile", "profiles/local"]
    command += ["--quiet", "rules", "--configfile", f"study-{times}.yaml"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    jobs = int(TOTAL.findall(done.stdout + done.stderr)[0])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(times, jobs, wall, cpu)


def plot(timings: list[Timing], path: Path) -> None:
    """Seconds by number of jobs."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    jobs = [timing.jobs for timing in timings]
    for name, seconds in {"wall": [t.wall for t in timings], "CPU": [t.cpu for t in timings]}.items():
        axes.plot(jobs, seconds, marker="o", label=name)
    axes.set(xlabel="jobs", ylabel="seconds of a dry run", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    print(f"plotted in {path}")


def main() -> None:
    """Time, print and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 8, 15])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    study = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    timings = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout(folder, arguments.data.resolve())
        for times in arguments.times:
            (folder / f"study-{times}.yaml").write_text(yaml.safe_dump(grown(study, times), sort_keys=False))
        run(folder, arguments.times[0], [])
        print(f"{'models':>7}{'jobs':>7}{'wall s':>8}{'CPU s':>8}{'CPU ms a job':>14}")
        for times in arguments.times:
            timing = run(folder, times, [])
            timings.append(timing)
            each = 1000 * timing.cpu / timing.jobs
            print(f"{f'x {times}':>7}{timing.jobs:>7}{timing.wall:>8.1f}{timing.cpu:>8.1f}{each:>14.1f}", flush=True)
        if arguments.profile:
            run(folder, arguments.times[-1], ["-m", "cProfile", "-o", str(folder / "profile")])
            pstats.Stats(str(folder / "profile")).sort_stats("cumulative").print_stats("uphill", 40)
    if arguments.plot:
        plot(timings, arguments.plot)


if __name__ == "__main__":
    main()
