"""A stranger's first hour, README in hand, as a script: each step a user's own command, in one checkout.

Five minutes of it are in what every push runs, and not again here: `make demo` from a clean clone (`.ci/run`), the
README's dataset, model, measure, method and grader (test_extending.py), a job that is killed (test_running.py) and the
page's clicks and widths (tests/unit/test_page_in_use.py).
"""

import csv
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from browsing import BROWSER, asked
from conftest import ROOT, Checkout, shrink

from uphill.running.provenance import read_table

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(4 * 3600)]
"""Eleven minutes where a dozen processes share two cores; nothing here is about time."""
HEADINGS = ["question", "right", "wrong 1", "wrong 2", "wrong 3", "grade"]
STUDY = """
extends: mine.yaml
datasets:
  sums:
    source: {kind: file, path: my/sums.csv, item_id: null, question: question, correct: right,
             incorrect: [wrong 1, wrong 2, wrong 3]}
    prompt: "0040"
    human: [grade]
    cuts: {grade: {easy_max: 1, hard_min: 3}}
    pools: {hardness: 0}
models: {mine: {path: my/model, dtype: float32}}
test_models: [mine]
measures: {mdl_probe: null, mdl_zero_shot: null}
methods: {nearest: {kind: nearest, n_train: 4}}
splits: {n_train: 4, n_test: null, min_test: 3}
population:
  - {dataset: sums, variable: grade, methods: [zero_shot, nearest]}
"""
CLICKS = """
const rows = () => [...document.querySelectorAll('#answer ~ .wide tbody tr:not([hidden])')];
const cut = frames.filter((frame) => frame.scrollWidth > frame.clientWidth + 1).length;
document.querySelector('#table-population ~ .wide th button').click();
const sorted = document.querySelectorAll('#table-population ~ .wide th[aria-sort=ascending]').length;
const input = document.querySelector('.tools input');
input.value = 'nothing of this kind';
input.dispatchEvent(new Event('input'));
document.querySelector('.drawn button').click();
return JSON.stringify({cut, sorted, count: input.parentElement.lastChild.textContent.slice(0, 5), large: large.open});
"""


def spreadsheet(path: Path, count: int = 30) -> None:
    """Thirty questions, as a spreadsheet saves them."""
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADINGS)
        for number in range(count):
            grade, other = number % 3 + 1, draw.randrange(1, 9)
            right = grade * 10 + other
            rows.writerow([f"What is {grade * 10} and {other}?", right, right + 1, right + 10, right - 1, grade])


LISTS = """
import sys
sys.path.insert(0, {folder!r})
import uphill.__main__ as command
assert command.__file__.startswith({folder!r}), command.__file__
sys.argv[1:] = ["list", "methods"]
command.main()
"""


def test_pip_install_gives_a_command_that_works_away_from_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(folder), ".")
    done = checkout.python(*pip)
    assert done.status == 0, done.output[-2000:]
    assert (folder / "bin/uphill").is_file()
    for name in ("report/page.js", "report/page.css", "report/report.html.j2", "prompts/templates.yaml"):
        assert (folder / "uphill" / name).is_file()
    listed = Checkout(folder).python("-P", "-c", LISTS.format(folder=str(folder)))
    assert listed.status == 0, listed.output[-2000:]
    assert "\nicl\n" in listed.output


def killed(checkout: Checkout, log: Path, *arguments: str) -> None:
    """Begin a run and kill it, and all that it started, once it has made something."""
    run = checkout.begin(*arguments, output=log)
    results, deadline = checkout.folder / "results", time.monotonic() + 3600
    while not list(results.glob("items/[!.]*.parquet")) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.poll() is None, log.read_text()[-3000:]
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_a_stranger_s_hour(checkout: Checkout, tmp_path: Path) -> None:
    # The README's method, a spreadsheet of one's own and a model of one's own.
    readme = (ROOT / "README.md").read_text()
    blocks = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", readme, re.DOTALL))
    (checkout.folder / "src/uphill/methods/nearest.py").write_text(blocks["src/uphill/methods/nearest.py"])
    (checkout.folder / "my").mkdir()
    spreadsheet(checkout.folder / "my/sums.csv")
    shutil.copytree(checkout.folder / "resources/demo-models/106k", checkout.folder / "my/model")
    checkout.configure(shrink)
    (checkout.folder / "sums.yaml").write_text(STUDY)
    assert checkout.uphill("check", "sums.yaml").status == 0

    # A run that is killed goes on by the same command.
    killed(checkout, tmp_path / "killed.log", "--configfile", "sums.yaml")
    run = checkout.snakemake("--configfile", "sums.yaml")
    assert run.status == 0, run.output[-4000:]
    assert "a run that was killed left its lock, which is removed" in run.output
    table = read_table(checkout.folder / "results/tables/population.csv")
    assert {*table["dataset"]} == {"sums"}
    assert {*table["method"]} == {"zero_shot", "nearest"}
    assert checkout.snakemake("--configfile", "sums.yaml", "--dry-run").jobs == []

    # A second study, in a folder of its own; the first is as it was.
    other = tmp_path / "other"
    other.mkdir()
    (checkout.folder / "mine.yaml").rename(other / "mine.yaml")
    second = checkout.python(
        *("-m", "snakemake", "-s", "Snakefile", "--profile", str(checkout.folder / "profiles/local")),
        *("--directory", str(other), "results/items/dial.parquet", "--configfile", str(other / "mine.yaml")),
    )
    assert second.status == 0, second.output[-3000:]
    assert (other / "results/items/dial.parquet").is_file()
    assert not (checkout.folder / "results/items/dial.parquet").exists()

    # The report, at a phone's width and a desk's.
    page = (checkout.folder / "results/report.html").read_text()
    assert "linear probe" not in page.partition("<h2")[0]
    for width in (420, 1400) if BROWSER else ():
        said = json.loads(asked(page, CLICKS, width, tmp_path))
        assert said == {"cut": 0, "sorted": 1, "count": "0 of ", "large": True}, (width, sys.version)
