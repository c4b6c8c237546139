"""Item response theory on real and simulated matrices: time, memory, recovery, and agreement with girth.

    python benchmarks/irt.py [--small]
    PYTHONPATH=FOLDER python benchmarks/irt.py --py-irt     # py-irt 0.7.1 in a folder, which the environment has not

Each fit runs in a process of its own, from the file to the table of items. Times are CPU and wall seconds, memory is
the process's largest resident set. MMLU-Pro's matrix is looked for in the folder that `UPHILL_DATA` names, or in
`../shared/data`; `--small` leaves out the matrix of 5,000 models x 12,000 items (a minute or two, a file of 20 MB).
"""

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import runpy
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit
from scipy.stats import spearmanr

from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.irt import Settings, calibrate
from uphill.hardness.item_response import Priors, fit, rasch_difficulty
from uphill.hardness.stability import moved, refits

MMLU_PRO = Path(os.environ.get("UPHILL_DATA", "../shared/data")) / "mmlu_pro" / "mmlu_pro_item_by_model.csv"
GIRTH = Path("tests/fixtures/girth_reference.py")


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def calibrated(settings: Settings) -> tuple[pd.DataFrame, str]:
    """The items of a matrix file, and a line on what that took."""
    cpu, wall = time.process_time(), time.perf_counter()
    assert settings.path is not None, "what is timed is a file"
    matrix = read_matrix(settings.path, settings.item_id, settings.not_models)
    read = time.process_time() - cpu
    table = calibrate(settings, matrix)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    models, items = matrix.answers.shape
    line = f"{models:>5} models x {items} items  {settings.model}"
    return table, f"{line}  {cpu:6.1f} s CPU ({read:.1f} reading)  {wall:6.1f} s wall  {peak:.2f} GiB"


def simulated(models: int, items: int, missing: float, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Write a matrix of simulated answers, some missing at random; returns the true difficulties."""
    rng = np.random.default_rng(0)
    difficulty, names = 1.5 * rng.normal(size=items), [f"m{model}" for model in range(models)]
    columns: list[pa.Array] = [pa.array([f"i{item}" for item in range(items)])]
    for ability in rng.normal(size=models):
        right = rng.random(items) < expit(1.2 * (ability - difficulty))
        columns.append(pa.array(right.astype(np.int8), mask=rng.random(items) < missing))
    pq.write_table(pa.table(columns, names=["item_id", *names]), path, compression="zstd")
    return difficulty


def mmlu_pro() -> None:
    """29 models' answers to MMLU-Pro."""
    if not MMLU_PRO.is_file():
        print(f"no {MMLU_PRO}: MMLU-Pro left out (set UPHILL_DATA)")
        return
    entry = {"dataset": "mmlu_pro", "path": MMLU_PRO, "item_id": "question_id", "not_models": ["category", "src"]}
    for model in ("1pl", "2pl"):
        table, line = alone(calibrated, Settings.model_validate({**entry, "model": model}))
        flags = ", ".join(f"{count} {flag}" for flag, count in table["flag"].value_counts().items() if flag)
        print(f"MMLU-Pro   {line}  median standard error {table['se'].median():.2f}; {flags}")


def resampled(draws: int) -> None:
    """How many items of MMLU-Pro are in another decile where its models are resampled, and what the refits cost."""
    if not MMLU_PRO.is_file():
        return
    matrix = read_matrix(MMLU_PRO, "question_id", ["category", "src"])
    values = pd.Series(fit(matrix.answers).difficulty.round(6), matrix.item_ids)
    cpu = time.process_time()
    fits = [found.round(6) for found in refits(matrix.answers, rasch_difficulty, draws, "benchmark")]
    cpu = time.process_time() - cpu
    found = moved(values, fits, values.index, 10, "benchmark", 0)
    print(
        f"MMLU-Pro   1pl, {draws} refits on resampled models {cpu:.1f} s CPU: {found['moved'].mean():.0%} of the items "
        f"are in another decile, {found['far'].mean():.0%} in one that is no neighbour"
    )


def recovery(models: int, items: int, missing: float) -> None:
    """How well true difficulties come back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.parquet"
        difficulty = alone(simulated, models, items, missing, path)
        for model in ("1pl", "2pl"):
            settings = Settings.model_validate({"dataset": "simulated", "path": path, "model": model})
            table, line = alone(calibrated, settings)
            r = np.corrcoef(table["difficulty"], difficulty)[0, 1]
            print(f"simulated  {line}  {missing:.0%} missing, r with the truth {r:.4f}")


def girth() -> None:
    """Largest differences from girth's frozen estimates, with priors as wide as none."""
    reference = runpy.run_path(str(GIRTH))
    for case in json.loads(reference["FILE"].read_text())["cases"]:
        answers, conditional = reference["matrix"](**case["matrix"]), case["function"] == "rasch_conditional"
        found = fit(answers, case["function"] == "twopl_mml", Priors(100, 5))
        ours, theirs = found.difficulty, np.array(case["difficulty"])
        if conditional:  # logits, centred
            ours, theirs = (ours - ours.mean()) * found.slope, theirs - theirs.mean()
        shape = " x ".join(map(str, answers.shape))
        apart = np.abs(ours - theirs).max()
        print(f"girth      {shape}, complete  {case['function']:<17}  largest difference in difficulty {apart:.4f}")


def by_py_irt(answers: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Difficulties of items by py-irt's variational 1PL, as it is by default, from answers [models, items]."""
    module = importlib.import_module("py_irt.training")
    dataset, config = (importlib.import_module(f"py_irt.{name}") for name in ("dataset", "config"))
    frame = pd.DataFrame(answers, columns=[f"i{item}" for item in range(answers.shape[1])])
    # It asks that subjects have names.
    told = dataset.Dataset.from_pandas(frame.assign(model=[f"m{row}" for row in frame.index]), "model")
    trainer = module.IrtModelTrainer(
        data_path=None, config=config.IrtConfig(model_type="1pl", seed=seed), dataset=told, verbose=False
    )
    trainer.train(device="cpu")
    names = trainer.best_params["item_ids"]
    found = pd.Series(trainer.best_params["diff"], [names[number] for number in range(len(names))])
    return found.loc[list(frame.columns)].to_numpy()


def beside_py_irt() -> None:
    """Rank correlations of py-irt's difficulties with ours, with its own under another seed, and with the truth."""
    rng = np.random.default_rng(0)
    truth = 1.5 * rng.normal(size=200)
    drawn = (rng.random((500, 200)) < expit(rng.normal(size=(500, 1)) - truth)).astype(float)
    cases: dict[str, tuple[Any, Any]] = {"simulated, 500 models x 200 items": (drawn, truth)}
    if MMLU_PRO.is_file():
        # It takes a missing answer for one that is neither right nor wrong, and fails.
        answers = read_matrix(MMLU_PRO, "question_id", ["category", "src"]).answers
        answers = answers[:, (answers >= 0).all(0)]
        cases[f"MMLU-Pro, {answers.shape[0]} models x {answers.shape[1]} items"] = (answers, None)
    for name, (answers, true) in cases.items():
        ours = fit(answers).difficulty
        start = time.perf_counter()
        theirs, again = (by_py_irt(answers, seed) for seed in (0, 1))
        took = (time.perf_counter() - start) / 2
        lines = {"ours and py-irt": (ours, theirs), "py-irt, two seeds": (theirs, again)}
        if true is not None:
            lines |= {"ours and the truth": (ours, true), "py-irt and the truth": (theirs, true)}
        for title, (one, other) in lines.items():
            same = (_decile(one) == _decile(other)).mean()
            print(
                f"{name}: {title}: Spearman {spearmanr(one, other).statistic:.4f}, same decile {same:.0%}", flush=True
            )
        print(f"{name}: a fit of py-irt {took:.0f} s", flush=True)


def _decile(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return (values.argsort(kind="stable").argsort(kind="stable") * 10) // len(values)


def main() -> None:
    """Print every comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--py-irt", action="store_true", help="beside py-irt, and nothing else")
    arguments = parser.parse_args()
    if arguments.py_irt:
        beside_py_irt()
        return
    mmlu_pro()
    resampled(20)
    recovery(500, 200, 0.0)
    if not arguments.small:
        recovery(5000, 12000, 0.2)
    girth()


if __name__ == "__main__":
    main()
